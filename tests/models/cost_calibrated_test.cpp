// The cost model "calibrated": what it takes from fits, and how these carry over.
#include <gtest/gtest.h>

#include <cmath>

#include "models/cost/calibration.hpp"
#include "tests/models/made_device.hpp"

namespace orrery {
namespace {

using namespace made;
using namespace orrery::literals;

Calibration calibration(const std::string& name, const std::string& architecture, double rate,
                        const std::map<std::string, double>& gemm) {
  return {.device = name,
          .architecture = architecture,
          .core_rate = FlopRate(static_cast<std::int64_t>(rate)),
          .clock = kClock,
          .memory_share = 1,
          .ops = {{"gemm", {values_of(*op("gemm"), gemm), "test", {}}}}};
}

TEST(OpGemm, LargeProductsTakeTheirWavesOfTheLargestTile) {
  const double efficiency = 0.8;
  const double store = 50;  // GB/s
  const auto model = op("gemm");
  const auto values = values_of(*model, {{"math_efficiency", efficiency},
                                         {"small_tile", 0.5},
                                         {"operand_GBps", 1000},
                                         {"store_GBps", store},
                                         {"blend", 16},
                                         {"launch_us", 2}});
  const std::int64_t k = 32'000;
  // Twice as many tiles of 256 x 128 as there are cores: two waves.
  const OpShape shape{Precision::bf16, {256 * 4, 128 * 5, k, 1}};
  const double wave = 2.0 * 256 * 128 * static_cast<double>(k) / (kCoreRate * efficiency) +
                      256 * 128 * 2 / (store * 1e9);
  EXPECT_NEAR(model->time(shape, device("a", "Ampere"), values).seconds(), 2e-6 + 2 * wave,
              1e-9 * wave);
}

TEST(OpGemm, AMissingColumnOfTilesCostsAWholeWave) {
  const auto model = op("gemm");
  const auto values =
      values_of(*model, {{"small_tile", 0.9}, {"operand_GBps", 1000}, {"blend", 16}});
  const DeviceSpec on = device("a", "Ampere");
  const auto time = [&](std::int64_t n) {
    return model->time({Precision::bf16, {256, n, 100'000, 1}}, on, values).busy;
  };
  // To what the memory's time, hardly shorter, adds by its 16th power.
  EXPECT_NEAR(time(128 * kCores - 127) / time(128 * kCores), 1, 1e-5);
  EXPECT_GT(time(128 * kCores + 1), 1.05 * time(128 * kCores));
}

TEST(OpGemm, TheLeftOperandIsReadFromMemoryWhereItDoesNotStayInTheCache) {
  const double warm = 0.5;
  const auto model = op("gemm");
  const auto values = values_of(*model, {{"warm", warm}});
  const DeviceSpec on = device("a", "Ampere");
  const std::int64_t k = 1024;
  const auto stays = static_cast<std::int64_t>(warm * on.l2.as_double() / 2 / 1024);
  const auto traffic = [&](std::int64_t m) {
    return model->time({Precision::bf16, {m, 8, k, 1}}, on, values).traffic;
  };
  const auto others = [&](std::int64_t m) { return 2.0 * static_cast<double>(8 * k + m * 8); };
  EXPECT_DOUBLE_EQ(traffic(stays), others(stays));
  EXPECT_DOUBLE_EQ(traffic(2 * stays),
                   others(2 * stays) + 2.0 * static_cast<double>(2 * stays * k));
}

TEST(OpGenerationAttention, LongContextsGoByTheBytesOfTheCache) {
  const double efficiency = 0.8;
  const auto model = op("generation_attention");
  const auto values = values_of(
      *model,
      {{"memory_efficiency", efficiency}, {"blend", 8}, {"block_GBps", 500}, {"key_ns", 0.001}});
  const std::int64_t batch = 64;
  const std::int64_t keys = 65'536;
  const OpShape shape{Precision::bf16, {batch, keys, 32, 8, 128, 0, 0, 0}};
  const double bytes = static_cast<double>(batch * keys) * 8 * 2 * 128 * 2;
  const double expected = bytes / (efficiency * kBandwidth.as_double());
  EXPECT_NEAR(model->time(shape, device("h", "Hopper"), values).busy, expected, 0.02 * expected);
}

TEST(OpGenerationAttention, ACachedLatentIsReadOnceForKeysAndValues) {
  const double efficiency = 0.8;
  const auto model = op("generation_attention");
  const auto values = values_of(
      *model,
      {{"memory_efficiency", efficiency}, {"blend", 8}, {"block_GBps", 500}, {"key_ns", 0.001}});
  const std::int64_t keys = 65'536;
  const std::int64_t latent = 512;
  const std::int64_t rotary = 64;
  const OpShape shape{Precision::bf16, {64, keys, 16, 1, latent + rotary, latent, 0, 0}};
  const double bytes = 64.0 * static_cast<double>(keys * (latent + rotary)) * 2;
  EXPECT_NEAR(model->time(shape, device("h", "Hopper"), values).busy,
              bytes / (efficiency * kBandwidth.as_double()),
              0.05 * bytes / (efficiency * kBandwidth.as_double()));
}

TEST(OpContextAttention, TwiceTheLengthTakesFourTimesInTheLimit) {
  const auto model = op("context_attention");
  const auto values = values_of(*model);
  const auto time = [&](std::int64_t length) {
    return model
        ->time({Precision::bf16, {8, length, 32, 8, 128, 0, 0, 0, 0}}, device("a", "Ampere"),
               values)
        .busy;
  };
  EXPECT_NEAR(time(262'144) / time(131'072), 4, 0.02);
}

TEST(OpElementwise, TheSameBytesTakeTheSameTimeWhicheverKernelMovesThem) {
  const DeviceSpec on = device("a", "Ampere");
  const double l2 = 5120 * kClock.as_double();  // B/s
  const auto time = [&](const char* name, const std::vector<std::int64_t>& sizes) {
    const auto model = op(name);
    const auto values = values_of(*model, {{"warm", 1}, {"operand_GBps", 1000}});
    return model->time({Precision::bf16, sizes}, on, values).busy;
  };
  for (const std::int64_t rows : {64, 1'000'000}) {  // in the L2 cache, and far beyond it
    const std::int64_t elements = rows * 1024;
    const double copy = time("elementwise", {elements, 1, 1});
    EXPECT_DOUBLE_EQ(time("softmax", {rows, 1024, 0}), copy);
    EXPECT_DOUBLE_EQ(time("pack", {2 * elements, 2 * elements}), copy);
    EXPECT_GE(copy, 4.0 * static_cast<double>(elements) / l2);
  }
}

TEST(ValuesFor, ADeviceTakesItsOwn) {
  const std::vector<Calibration> all = {calibration("a", "Ampere", kCoreRate, {{"launch_us", 5}}),
                                        calibration("b", "Ampere", kCoreRate, {{"launch_us", 7}})};
  const OpValues values = values_for("gemm", *op("gemm"), device("b", "Ampere"), all);
  EXPECT_EQ(values.device, "b");
  EXPECT_FALSE(values.transferred);
  EXPECT_EQ(values.values, all[1].ops.at("gemm").values);
}

TEST(ValuesFor, OthersTakeThoseOfTheirArchitectureScaledByTheCatalogue) {
  const std::vector<Calibration> all = {
      calibration("h", "Hopper (GH100)", kCoreRate, {{"launch_us", 7}}),
      calibration("a", "Ampere (GA100)", kCoreRate,
                  {{"step_ns", 100}, {"operand_GBps", 40}, {"math_efficiency", 0.7}})};
  const auto model = op("gemm");
  const std::vector<double> starts = values_of(*model);
  const auto start = [&](std::size_t index) { return starts.at(index); };
  DeviceSpec other = device("c", "Ampere (GA100)", 2);
  other.clock = 4 * kClock;
  other.memory_efficiency = 0.9;
  const OpValues values = values_for("gemm", *model, other, all);
  EXPECT_EQ(values.device, "a");
  EXPECT_TRUE(values.transferred);
  const double kernel_launch = to_seconds(other.kernel_launch) * 1e6;
  ASSERT_LT(start(6) / 4, kernel_launch);
  EXPECT_EQ(values.values, values_of(*model, {{"step_ns", 100.0 / 2},
                                              {"operand_GBps", 2 * 40.0},
                                              {"store_GBps", 2 * start(3)},
                                              {"memory_efficiency", start(4) * 0.9},
                                              {"memory_start_us", start(5) / 4},
                                              {"launch_us", kernel_launch},
                                              {"math_efficiency", 0.7}}));
}

TEST(ValuesFor, AmongOtherArchitecturesTheKindOfMatrixPipesDecides) {
  const std::vector<Calibration> all = {calibration("h", "Hopper (GH100)", kCoreRate, {}),
                                        calibration("a", "Ampere (GA100)", kCoreRate, {})};
  const auto model = op("gemm");
  EXPECT_EQ(values_for("gemm", *model, device("b", "Blackwell (GB100)"), all).device, "h");
  EXPECT_EQ(values_for("gemm", *model, device("g", "Blackwell (GB202)"), all).device, "a");
  EXPECT_EQ(values_for("gemm", *model, device("l", "Ada Lovelace (AD102)"), all).device, "a");
  EXPECT_EQ(values_for("gemm", *model, device("x", "Ada Lovelace"), {}).device, "");
}

TEST(ValuesFor, FamiliesAreFoundByTheirWordAndUnknownOnesOfNvidiaAreNew) {
  const std::vector<Calibration> all = {calibration("h", "Hopper (GH100)", kCoreRate, {}),
                                        calibration("a", "Ampere (GA100)", kCoreRate, {})};
  const auto nearest = [&](const std::string& architecture, const std::string& vendor) {
    DeviceSpec of = device("x", architecture);
    of.vendor = vendor;
    return values_for("gemm", *op("gemm"), of, all).device;
  };
  for (const char* newer : {"NVIDIA Hopper", "Blackwell", "Blackwell Ultra (GB110)",
                            "Grace Blackwell (GB200)", "Rubin (GR100)"}) {
    EXPECT_EQ(nearest(newer, "NVIDIA"), "h") << newer;
  }
  for (const char* older : {"nvidia ampere", "Volta (GV100)", "Blackwell (GB203)", "Ada"}) {
    EXPECT_EQ(nearest(older, "NVIDIA"), "a") << older;
  }
  EXPECT_EQ(nearest("CDNA 2", "AMD"), "a");
}

TEST(ValuesFor, ADeviceWithoutBf16IsScaledByItsFp16) {
  const std::vector<Calibration> all = {
      calibration("a", "Ampere", kCoreRate, {{"operand_GBps", 40}})};
  DeviceSpec old = device("v", "Volta", 2);
  std::swap(old.peak[static_cast<std::size_t>(Precision::bf16)],
            old.peak[static_cast<std::size_t>(Precision::fp16)]);
  EXPECT_DOUBLE_EQ(values_for("gemm", *op("gemm"), old, all).values[2], 2 * 40);
}

TEST(ValuesFor, OverriddenFactsScaleADevicesOwnFigures) {
  const std::vector<Calibration> all = {
      calibration("a", "Ampere", kCoreRate, {{"operand_GBps", 40}})};
  const OpValues values = values_for("gemm", *op("gemm"), device("a", "Ampere", 3), all);
  EXPECT_TRUE(values.transferred);
  EXPECT_EQ(values.device, "a");
  EXPECT_DOUBLE_EQ(values.values[2], 3 * 40);
}

TEST(ValuesFor, WhatStaysOnItsDeviceIsTakenThereAlone) {
  std::vector<Calibration> all = {calibration("h", "Hopper (GH100)", kCoreRate, {}),
                                  calibration("a", "Ampere (GA100)", kCoreRate, {})};
  all[0].ops.at("gemm").stays = "a kernel that was not tuned";
  const auto model = op("gemm");
  EXPECT_EQ(values_for("gemm", *model, device("h", "Hopper (GH100)"), all).device, "h");
  EXPECT_EQ(values_for("gemm", *model, device("i", "Hopper (GH100)"), all).device, "a");
}

TEST(CalibrationFile, ReadsWhatIsWritten) {
  const auto model = op("gemm");
  const OpCalibration fit{values_of(*model, {{"launch_us", 4}}), "somewhere", {}};
  JsonValue document = json_object({{"device", json_string("a")},
                                    {"architecture", json_string("Ampere")},
                                    {"core_rate", json_string("10 TFLOP/s")},
                                    {"clock", json_string("2 GHz")},
                                    {"memory_share", json_real(0.5)},
                                    {"ops", json_object({})}});
  set_at(document, "/ops/gemm", to_json(*model, fit, {}, "none"));
  Diagnostics mistakes;
  const Calibration read = read_calibration(JsonCursor(document, mistakes), builtin_op_models());
  EXPECT_TRUE(mistakes.empty());
  EXPECT_EQ(read.ops.at("gemm").values, fit.values);
  EXPECT_EQ(read.core_rate, 10_TFLOPps);
  EXPECT_EQ(read.clock, 2 * kClock);
  EXPECT_EQ(read.memory_share, 0.5);
}

TEST(CalibrationFile, RefusesValuesThatNoDeviceHas) {
  const auto model = op("gemm");
  const OpCalibration fit{values_of(*model, {{"math_efficiency", 1.1}}), "somewhere", {}};
  JsonValue document = json_object({{"device", json_string("a")},
                                    {"architecture", json_string("Ampere")},
                                    {"core_rate", json_string("10 TFLOP/s")},
                                    {"clock", json_string("2 GHz")},
                                    {"memory_share", json_real(0.5)},
                                    {"ops", json_object({})}});
  set_at(document, "/ops/gemm", to_json(*model, fit, {}, "none"));
  Diagnostics mistakes;
  read_calibration(JsonCursor(document, mistakes), builtin_op_models());
  EXPECT_EQ(mistakes.items().size(), 1U);
}

class CalibratedModel : public testing::Test {
 protected:
  CalibratedModel() {
    const JsonValue parameters = json_object({{"kind", json_string("calibrated")}});
    const auto models = builtin_cost_models();
    model_ = models.find("calibrated")
                 ->make(JsonCursor(parameters, diagnostics_), {.calibrations = &calibrations_});
  }
  static Kernel product(std::int64_t m, std::int64_t n, std::int64_t k) {
    Kernel kernel;
    kernel.kind = "gemm";
    kernel.operations = Flops(2) * m * n * k;
    kernel.read = Bytes(2) * (m * k + k * n);
    kernel.written = Bytes(2) * m * n;
    kernel.shape = {{"batch", 1}, {"m", m}, {"n", n}, {"k", k}};
    return kernel;
  }

  std::vector<Calibration> calibrations_ = {calibration(
      "a", "Ampere (GA100)", kCoreRate, {{"launch_us", 5}, {"operand_GBps", 1000}, {"blend", 16}})};
  Diagnostics diagnostics_;
  std::unique_ptr<CostModel> model_;
};

TEST_F(CalibratedModel, PricesAProductAsItsOpDoes) {
  const DeviceSpec on = device("a", "Ampere (GA100)");
  const KernelCost cost = model_->cost(product(4096, 512, 1024), on);
  const OpTime time = op("gemm")->time({Precision::bf16, {4096, 512, 1024, 1}}, on,
                                       calibrations_[0].ops.at("gemm").values);
  EXPECT_EQ(cost.launch, 5_us);
  EXPECT_DOUBLE_EQ(cost.math_seconds, time.busy);
  EXPECT_LE(cost.memory_traffic / kBandwidth.as_double(), cost.math_seconds);
  EXPECT_GE(cost.math_seconds, cost.floor_seconds);
  EXPECT_EQ(cost.transferred_from, "");
}

TEST_F(CalibratedModel, SaysWhoseFiguresItTakes) {
  const KernelCost cost = model_->cost(product(128, 128, 128), device("b", "Ada Lovelace"));
  EXPECT_EQ(cost.transferred_from, "a");
  EXPECT_NE(cost.why.find("figures of a, scaled"), std::string::npos) << cost.why;
}

TEST_F(CalibratedModel, OtherKernelsAreTheRooflines) {
  const DeviceSpec on = device("a", "Ampere (GA100)");
  Kernel kernel;
  kernel.kind = "elementwise";
  kernel.unit = MathUnit::vector;
  kernel.precision = Precision::fp32;
  kernel.operations = Flops(1'000'000);
  kernel.read = 1_MiB;
  const JsonValue parameters = json_object({{"kind", json_string("roofline")}});
  const auto models = builtin_cost_models();
  const auto roofline = models.find("roofline")->make(JsonCursor(parameters, diagnostics_), {});
  EXPECT_DOUBLE_EQ(model_->cost(kernel, on).memory_traffic,
                   roofline->cost(kernel, on).memory_traffic);
  EXPECT_TRUE(model_->cost(kernel, on).outside_measured);
  DeviceSpec known = on;
  known.name = "with a share of its own";
  known.kind_efficiency[0] = 0.9;  // elementwise
  EXPECT_FALSE(model_->cost(kernel, known).outside_measured);
}

TEST_F(CalibratedModel, WeightsAndCachesTakeTheBytesThatAreReadOfThem) {
  const DeviceSpec on = device("a", "Ampere (GA100)");
  const double share = op("gemm")->parameters()[4].start;  // memory_efficiency
  Kernel whole = product(1, 65'536, 16'384);
  Kernel quarter = whole;
  quarter.read = Bytes(2) * 16'384 + Bytes(65'536) * 16'384 / 2;  // of weights in 4 bits
  const double saved = (whole.read - quarter.read).as_double() / (kBandwidth.as_double() * share);
  const double slower = model_->cost(whole, on).math_seconds;
  EXPECT_NEAR(slower - model_->cost(quarter, on).math_seconds, saved, 0.02 * saved);
  EXPECT_FALSE(model_->cost(whole, on).outside_measured);
  EXPECT_TRUE(model_->cost(quarter, on).outside_measured);
  Kernel adds = whole;  // to what is there
  adds.read += Bytes(65'536) * 1000;
  EXPECT_GT(model_->cost(adds, on).math_seconds, slower);

  Kernel decode;
  decode.kind = "attention_decode";
  const std::int64_t keys = 1'000'000;
  decode.shape = {{"batch", 64},  {"heads", 8},   {"kv_heads", 8},
                  {"queries", 1}, {"keys", keys}, {"head_size", 128}};
  decode.operations = Flops(2) * 64 * 8 * keys * 256;
  decode.read = Bytes(2) * 64 * 8 * (128 + keys * 256);
  decode.written = Bytes(2) * 64 * 8 * 128;
  Kernel half = decode;
  half.read = Bytes(2) * 64 * 8 * 128 + Bytes(64) * 8 * keys * 256;
  EXPECT_NEAR(model_->cost(half, on).math_seconds / model_->cost(decode, on).math_seconds, 0.5,
              0.01);
}

TEST_F(CalibratedModel, BackwardAttentionTakesTwoAndAHalfTimesForward) {
  const DeviceSpec on = device("a", "Ampere (GA100)");
  Kernel forward;
  forward.kind = "attention";
  forward.operations = Flops(2) * (2 * 4096 * 4097 / 2) * 32 * 256;
  forward.read = Bytes(2) * (2 * 4096) * ((32 + 2 * 8) * 128);
  forward.written = Bytes(2) * (2 * 4096) * (32 * 128);
  forward.shape = {
      {"batch", 2}, {"heads", 32}, {"kv_heads", 8}, {"sequence", 4096}, {"head_size", 128}};
  Kernel backward = forward;
  backward.kind = "attention_backward";
  backward.operations = forward.operations * 5 / 2;
  EXPECT_DOUBLE_EQ(model_->cost(backward, on).math_seconds,
                   2.5 * model_->cost(forward, on).math_seconds);
  EXPECT_FALSE(model_->cost(forward, on).outside_measured);
  EXPECT_TRUE(model_->cost(backward, on).outside_measured);
}

}  // namespace
}  // namespace orrery
