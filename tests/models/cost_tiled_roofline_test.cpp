#include <gtest/gtest.h>

#include "models/cost/cost_model.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;

constexpr std::int64_t kCores = 10;
constexpr double kEfficiency = 0.5;
constexpr std::int64_t kFillDepth = 64;
constexpr double kMemoryEfficiency = 0.8;
constexpr FlopRate kPeak = 100_TFLOPps;
constexpr Bandwidth kBandwidth = 100'000_GBps;  // so large that memory bounds nothing
constexpr Duration kLaunch = 3_us;
constexpr std::int64_t kTileArea = 256 * 128;  // of the largest tile, which large products take

DeviceSpec device() {
  DeviceSpec device;
  device.name = "example";
  device.cores = kCores;
  for (const Precision precision : {Precision::bf16, Precision::fp32}) {
    device.peak[static_cast<std::size_t>(precision)] = kPeak;
    device.math_efficiency[static_cast<std::size_t>(precision)] = 1;
  }
  device.memory_bandwidth = kBandwidth;
  device.memory_efficiency = 1;
  device.gemm = GemmSpec{.efficiency = kEfficiency,
                         .fill_depth = kFillDepth,
                         .l2_bandwidth = kBandwidth,
                         .memory_efficiency = kMemoryEfficiency,
                         .launch = kLaunch};
  return device;
}

Kernel product(std::int64_t m, std::int64_t n, std::int64_t k, std::int64_t batch = 1) {
  Kernel kernel;
  kernel.kind = "gemm";
  kernel.operations = Flops(2) * m * n * k * batch;
  kernel.read = Bytes(2) * (m * k + k * n) * batch;
  kernel.written = Bytes(2) * m * n * batch;
  kernel.shape = {{"batch", batch}, {"m", m}, {"n", n}, {"k", k}};
  return kernel;
}

class TiledRoofline : public testing::Test {
 protected:
  TiledRoofline() {
    const JsonValue parameters = json_object({{"kind", json_string("tiled_roofline")}});
    const auto models = builtin_cost_models();
    model_ = models.find("tiled_roofline")->make(JsonCursor(parameters, diagnostics_), {});
  }
  KernelCost cost(const Kernel& kernel) const { return model_->cost(kernel, device_); }
  /// Waves of the largest tile.
  static double waves(double count, std::int64_t k) {
    const auto depth = static_cast<double>(k + kFillDepth);
    return count * 2 * kTileArea * depth /
           (kPeak.as_double() * kEfficiency / static_cast<double>(kCores));
  }

  DeviceSpec device_ = device();
  Diagnostics diagnostics_;
  std::unique_ptr<CostModel> model_;
};

// Eleven tiles do not fill their waves on ten cores, in whatever stages: the time is the whole's.
TEST_F(TiledRoofline, StagesOfAProductTakeTheMathOfTheWholeTogether) {
  const Kernel whole = product(11 * 256, 128, 4096);
  ASSERT_GT(cost(whole).math_seconds, 1.02 * waves(1.1, 4096));
  double sum = 0;
  for (const std::int64_t part : {2, 3, 5}) {  // tenths
    Kernel stage = whole;
    stage.kind = "gemm_stage";
    stage.operations = whole.operations * part / 10;
    stage.read = Bytes(part);
    stage.written = Bytes(0);
    sum += cost(stage).math_seconds;
    EXPECT_EQ(cost(stage).memory_traffic, static_cast<double>(part)) << "what it moves itself";
    EXPECT_EQ(model_->refusal(stage, DeviceSpec()), model_->refusal(whole, DeviceSpec()));
  }
  EXPECT_NEAR(sum / cost(whole).math_seconds, 1, 1e-9);
}

TEST_F(TiledRoofline, FullWavesTakeTheTimeOfTheirTiles) {
  const std::int64_t k = 4096;
  // 40 rows of tiles x 5 columns = 200 tiles on 10 cores.
  const KernelCost price = cost(product(40 * 256, 5 * 128, k));
  EXPECT_NEAR(price.math_seconds, waves(20, k), 1e-9 * price.math_seconds);
  EXPECT_EQ(price.launch, kLaunch);
  EXPECT_EQ(price.bound, Bound::math);
}

TEST_F(TiledRoofline, MoreWorkNeverTakesLessAndTheLastWaveIsPaidWhole) {
  const std::int64_t k = 4096;
  const double full = cost(product(40 * 256, 5 * 128, k)).math_seconds;
  const double one_row_more = cost(product(40 * 256 + 1, 5 * 128, k)).math_seconds;
  EXPECT_GT(one_row_more, full);
  EXPECT_LE(one_row_more, waves(21, k) * (1 + 1e-9)) << "one wave more is always enough";
}

TEST_F(TiledRoofline, AShallowProductPaysTheFillOfItsTiles) {
  const std::int64_t k = kFillDepth;  // as much again
  const Kernel kernel = product(40 * 256, 5 * 128, k);
  const double ideal = kernel.operations.as_double() / (kPeak.as_double() * kEfficiency);
  EXPECT_NEAR(cost(kernel).math_seconds, 2 * ideal, 1e-9 * ideal);
}

TEST_F(TiledRoofline, NoProductBeatsThePeaks) {
  for (const std::int64_t m : {1, 17, 256, 5000}) {
    for (const std::int64_t n : {1, 33, 4096}) {
      for (const std::int64_t k : {1, 96, 20000}) {
        const KernelCost price = cost(product(m, n, k, 3));
        const double memory = price.memory_traffic / kBandwidth.as_double();
        EXPECT_GE(std::max(price.math_seconds, memory), price.floor_seconds) << m << n << k;
      }
    }
  }
}

TEST_F(TiledRoofline, FewTilesOfADeepProductAreCut) {
  const std::int64_t k = 100'000;
  const double whole = waves(1, k);  // one tile, one core busy of ten
  EXPECT_LT(cost(product(256, 128, k)).math_seconds, whole / 4);
}

TEST_F(TiledRoofline, MemoryBoundsWhatIsThin) {
  device_.memory_bandwidth = 1_GBps;
  const Kernel kernel = product(4096, 64, 64);
  const KernelCost price = cost(kernel);
  EXPECT_EQ(price.bound, Bound::memory);
  EXPECT_NEAR(price.memory_traffic, (kernel.read + kernel.written).as_double() / kMemoryEfficiency,
              1);
}

TEST_F(TiledRoofline, EverythingElseIsTheRoofline) {
  Kernel vector = product(512, 512, 512);
  vector.kind = "elementwise";
  vector.unit = MathUnit::vector;
  const auto models = builtin_cost_models();
  const JsonValue parameters = json_object({{"kind", json_string("roofline")}});
  const auto roofline = models.find("roofline")->make(JsonCursor(parameters, diagnostics_), {});
  EXPECT_EQ(cost(vector).math_seconds, roofline->cost(vector, device_).math_seconds);
  EXPECT_EQ(cost(vector).why, roofline->cost(vector, device_).why);
}

TEST_F(TiledRoofline, WithoutItsFiguresADeviceIsRefused) {
  EXPECT_EQ(model_->refusal(product(1, 1, 1), device_), "");
  device_.gemm.reset();
  EXPECT_EQ(model_->refusal(product(1, 1, 1), device_),
            "example has no \"gemm\" figures, which the cost model tiled_roofline needs");
}

TEST_F(TiledRoofline, NoProductTakesLessThanTheHostNeedsToIssueIt) {
  Kernel small = product(256, 128, 64);
  const KernelCost alone = cost(small);
  const Duration busy = duration_from_seconds(
      std::max(alone.math_seconds, alone.memory_traffic / kBandwidth.as_double()));
  small.host = kLaunch + busy + 2_us;
  EXPECT_EQ(cost(small).launch, kLaunch + 2_us);
  small.host = kLaunch;  // less than the launch and what follows it
  EXPECT_EQ(cost(small).launch, kLaunch);
}

/// Fused attention over a block of queries and keys, of which a causal mask leaves half.
Kernel attention(std::int64_t queries, std::int64_t keys, std::int64_t heads, bool causal,
                 const char* kind = "attention") {
  Kernel kernel;
  kernel.kind = kind;
  kernel.operations = Flops(4) * queries * keys * heads * 128;
  if (causal) kernel.operations = kernel.operations / 2;
  kernel.shape = {{"batch", 1},   {"heads", heads},   {"queries", queries},
                  {"keys", keys}, {"head_size", 128}, {"causal", causal ? 1 : 0}};
  return kernel;
}

// Blocks of 128 rows; starting one is worth 70 keys; a causal mask computes the diagonal's tile
// whole, half of it for nothing, and its last block is the longest.
TEST_F(TiledRoofline, AttentionInBlocksPaysForDiagonalsStartsAndTheLastBlock) {
  const double share = 0.6;
  device_.attention_efficiency = share;
  const JsonValue parameters =
      json_object({{"kind", json_string("tiled_roofline")}, {"attention", json_string("blocks")}});
  const auto models = builtin_cost_models();
  const auto blocks = models.find("tiled_roofline")->make(JsonCursor(parameters, diagnostics_), {});
  const double per_key = 128 * 4 * 128 / (kPeak.as_double() * share / kCores);  // of a block
  const double start = 70, diagonal = 64;
  const std::int64_t length = 4096, heads = 8;
  const double of_a_core = static_cast<double>(length) / 128 * heads / kCores;
  const auto seconds = [&](const Kernel& kernel) {
    return blocks->cost(kernel, device_).math_seconds;
  };
  const double full = of_a_core * (length + start) + (length + start) / 2;
  const double causal = of_a_core * (length / 2.0 + diagonal + start) + (length + start) / 2;
  EXPECT_NEAR(seconds(attention(length, length, heads, false)), full * per_key, 1e-9 * full);
  EXPECT_NEAR(seconds(attention(length, length, heads, true)), causal * per_key, 1e-9 * causal);
  EXPECT_NEAR(seconds(attention(128, length, 1, false)), (length + start) * per_key, 1e-12)
      << "one block has one core";
  Kernel backward = attention(length / 2, length, heads, false, "attention_backward");
  backward.operations = backward.operations * 5 / 2;
  const double over_keys = of_a_core * (length / 2 + start) + (length / 2 + start) / 2;
  EXPECT_NEAR(seconds(backward), 2.5 * over_keys * per_key, 1e-9 * over_keys);
  const Kernel by_rate = attention(length, length, heads, true);
  EXPECT_DOUBLE_EQ(cost(by_rate).math_seconds,
                   by_rate.operations.as_double() / (kPeak.as_double() * share))
      << "by default as the roofline has it";
  device_.cores = 0;
  EXPECT_EQ(blocks->refusal(by_rate, device_),
            "example has no \"cores\", which attention in blocks needs");
}

}  // namespace
}  // namespace orrery
