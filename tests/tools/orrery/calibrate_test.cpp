// orrery calibrate, as a user runs it, on tables and on what kernels/calibrate writes.
#include <gtest/gtest.h>

#include "kernels/calibrate/shapes.hpp"
#include "sim/base/json_value.hpp"
#include "tests/tools/orrery/program.hpp"

namespace orrery {
namespace {

using namespace testing_program;

/// Times of moe that one set of values would take: launch alone, as there is next to no work.
TEST(CalibrateCommand, FitsReportsAndWritesAFileThatItCanAddTo) {
  const TemporaryFolder folder;
  std::string table = "num_tokens,hidden_size,inter_size,topk,num_experts,measured_s\n";
  for (int tokens = 1; tokens <= 64; ++tokens) {
    table += std::to_string(tokens) + ",8,8,1,1,70e-6\n";
  }
  write_file(folder / "moe.csv", table);
  const std::string out = (folder / "fit.json").string();
  const std::vector<std::string> words = {
      "calibrate",  "h100_sxm", "moe",   "--measured", (folder / "moe.csv").string(),
      "--source",   "made up",  "--out", out,          "--stays",
      "made up too"};
  const Outcome outcome = run_orrery(words);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const JsonValue json = parse_json(read_file(out), "fit.json");
  EXPECT_EQ(json.find("device")->string, "h100_sxm");
  const JsonValue* moe = value_at(json, "/ops/moe");
  ASSERT_NE(moe, nullptr);
  EXPECT_NEAR(value_at(*moe, "/parameters/launch_us")->real, 70, 2);
  EXPECT_LT(value_at(*moe, "/report/judged/max_error")->real, 0.02);
  EXPECT_EQ(moe->find("source")->string, "made up");
  EXPECT_EQ(moe->find("stays")->string, "made up too");
  ASSERT_EQ(run_orrery(words).exit_code, 0);
  EXPECT_EQ(read_file(out), to_text(json, true) + "\n");

  std::vector<std::string> other = words;
  other[1] = "a100_sxm_80gb";
  const Outcome refused = run_orrery(other);
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_NE(refused.err.find("no file of calibrations of a100_sxm_80gb"), std::string::npos);
}

TEST(CalibrateCommand, RefusesASplitThatLeavesNothingAndOpsThatAreNone) {
  const std::vector<std::string> gemm = {"calibrate", "h100_sxm", "gemm", "--measured", "x.csv"};
  for (const char* judge : {"1", "-1"}) {
    std::vector<std::string> words = gemm;
    words.push_back(std::string("--judge=") + judge);
    const Outcome outcome = run_orrery(words);
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_NE(outcome.err.find("--judge: expected 0 or 2 and more"), std::string::npos)
        << outcome.err;
  }
  const Outcome outcome = run_orrery({"calibrate", "h100_sxm", "gem", "--measured", "x.csv"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_NE(outcome.err.find("did you mean \"gemm\"?"), std::string::npos) << outcome.err;
}

/// A row as kernels/calibrate writes it.
std::string row_of(const std::string& kernel, const std::string& dtype, const kernels::Shape& shape,
                   double seconds, const std::string& more = "") {
  std::string sizes;
  for (const auto& [name, size] : shape) {
    sizes += (sizes.empty() ? "\"" : ", \"") + name + "\": " + std::to_string(size);
  }
  return R"({"kernel": ")" + kernel + R"(", "dtype": ")" + dtype + R"(", "shape": {)" + sizes +
         "}" + more + R"(, "median_s": )" + std::to_string(seconds) + "}";
}

std::string report_of(const std::vector<std::string>& rows) {
  std::string all;
  for (const std::string& row : rows) all += (all.empty() ? "" : ",\n") + row;
  return "{\"rows\": [" + all + "]}";
}

Outcome calibrated(const std::string& op, const std::string& file,
                   const std::vector<std::string>& more = {}) {
  std::vector<std::string> words = {"calibrate", "h100_sxm", op, "--measured", file};
  words.insert(words.end(), more.begin(), more.end());
  return run_orrery(words);
}

constexpr int kSms = 132;      // of h100_sxm
constexpr double kTime = 1.0;  // s: so long that a launch, bounded by some us, must be at its bound

/// Rows of every kernel that the family times, with sizes by the functions that it takes them from.
std::vector<std::string> rows_of_family(const std::string& family) {
  std::vector<std::string> rows;
  for (int i = 1; i <= 16; ++i) {
    if (family == "attention") {
      const kernels::Shape shape = kernels::block_attention_shape({.batch = i,
                                                                   .heads = 32,
                                                                   .kv_heads = 8,
                                                                   .queries = 512,
                                                                   .keys = 2048,
                                                                   .head_dim = 128,
                                                                   .causal = i % 2 == 0});
      rows.push_back(row_of("block_attention", "bf16", shape, kTime));
      rows.push_back(row_of("block_attention_fp32_out", "bf16", shape, kTime));
      rows.push_back(row_of("merge_attention", "fp32", {{"parts", 2}, {"rows", 512 * i}}, kTime));
    } else if (family == "decode_attention") {
      for (const int bits : {16, 8, 4}) {
        rows.push_back(row_of("decode_attention_kv" + std::to_string(bits),
                              kernels::cache_dtype(bits),
                              kernels::decode_attention_shape({.sequences = i,
                                                               .heads = 32,
                                                               .kv_heads = 8,
                                                               .head_dim = 128,
                                                               .keys = 4096,
                                                               .page = 64,
                                                               .pages = 32,
                                                               .splits = 4}),
                              kTime));
      }
    } else if (family == "moe") {
      const kernels::Shape shape = kernels::experts_shape({.tokens = i,
                                                           .width = 64,
                                                           .hidden = 64,
                                                           .choices = 2,
                                                           .experts = 8,
                                                           .skew = 0,
                                                           .most_loaded = 2});
      rows.push_back(row_of("route", "int32", shape, kTime));
      rows.push_back(row_of("permute", "bf16", shape, kTime));
      rows.push_back(row_of("grouped_gemm", "bf16", shape, kTime));
    } else if (family == "gemm") {
      rows.push_back(
          row_of("tiled_gemm_bf16", "bf16", kernels::gemm_shape(i, 64, 64, kSms), kTime));
      rows.push_back(row_of("tiled_gemm_bf16", "bf16", kernels::gemm_shape(i, 64, 64, 10), kTime));
      rows.push_back(row_of("gemm_beside_copy", "bf16", kernels::gemm_shape(i, 64, 64, kSms), kTime,
                            R"(, "part": "gemm")"));
    } else {
      rows.push_back(row_of("chunk_state", "bf16",
                            kernels::linear_attention_shape(16, 2048 * i, 128, 64), kTime));
    }
  }
  return rows;
}

TEST(CalibrateCommand, ReadsWhatTheProgramOfTheKernelsWrites) {
  struct Family {
    std::string name, op, kernel;
    std::vector<std::string> notes;
  };
  const std::vector<Family> families = {
      {"attention",
       "context_attention",
       "block_attention",
       {"32 rows are left out: they are of other kernels than block_attention",
        "context_attention does not look at causal"}},
      {"decode_attention",
       "generation_attention",
       "",
       {"16 rows are left out: they are in int4, for which h100_sxm has no peak rate",
        "generation_attention does not look at cached_keys, page, splits"}},
      {"moe",
       "moe",
       "grouped_gemm",
       {"32 rows are left out", "does not look at most_loaded, skew"}},
      {"gemm",
       "gemm",
       "",
       {"16 rows are left out: they ran on fewer than the 132 cores of h100_sxm",
        "16 rows are left out: they ran beside other kernels (gemm_beside_copy)"}}};
  const TemporaryFolder folder;
  for (const Family& family : families) {
    const std::string file = (folder / (family.name + ".json")).string();
    write_file(file, report_of(rows_of_family(family.name)));
    const Outcome outcome = calibrated(family.op, file, {"--judge=0", "--kernel", family.kernel});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const int rows = family.name == "decode_attention" ? 32 : 16;
    EXPECT_NE(outcome.out.find(std::to_string(rows) + " rows: error"), std::string::npos)
        << outcome.out;
    for (const std::string& note : family.notes) {
      EXPECT_NE(outcome.err.find(note), std::string::npos) << note << "\n" << outcome.err;
    }
  }
}

/// A report of decode attention that takes so long, as a device with so many SMs wrote it.
std::string report_of_device(const std::string& name, int sms, double microseconds) {
  const int keys = 64;
  const int heads = 8;
  const int head = 128;
  const auto shape = [&](int batch) {
    return kernels::Shape{{"batch_size", batch},          {"isl", keys},      {"num_heads", heads},
                          {"num_key_value_heads", heads}, {"head_dim", head}, {"sms", sms}};
  };
  const auto flops = [&](int batch) { return std::to_string(4 * batch * heads * keys * head); };
  std::vector<std::string> rows;
  for (int i = 1; i <= 16; ++i) {
    rows.push_back(row_of("decode", "bf16", shape(i), microseconds * 1e-6,
                          R"(, "stable": true, "flops": )" + flops(i)));
  }
  rows.push_back(row_of("decode", "bf16", shape(17), 1, R"(, "stable": false)"));
  rows.push_back(row_of("one_product", "bf16", shape(34), 1, R"(, "flops": )" + flops(17)));
  std::string report = report_of(rows);
  report.insert(1, R"("git_hash": "abc123", "device": {"name": ")" + name + R"(", "sms": )" +
                       std::to_string(sms) + R"(, "driver": "570.1", "cuda_runtime": "12.8"}, )");
  return report;
}

TEST(CalibrateCommand, KnowsWhoseTimesAreInAReport) {
  const TemporaryFolder folder;
  const std::string file = (folder / "decode.json").string();
  const std::string out = (folder / "fit.json").string();
  write_file(file, report_of_device("NVIDIA H100 80GB HBM3", kSms, 20));
  const Outcome own = calibrated("generation_attention", file, {"--judge=0", "--out", out});
  ASSERT_EQ(own.exit_code, 0) << own.err;
  for (const char* note : {"1 rows are left out: they did not settle",
                           "1 rows are left out: they do other work", "no row was judged"}) {
    EXPECT_NE(own.err.find(note), std::string::npos) << note << "\n" << own.err;
  }
  EXPECT_EQ(own.err.find("are they the same?"), std::string::npos) << own.err;
  EXPECT_EQ(
      value_at(parse_json(read_file(out), "fit.json"), "/ops/generation_attention/source")->string,
      "NVIDIA H100 80GB HBM3, driver 570.1, CUDA 12.8, kernels/calibrate of abc123");
  EXPECT_NE(own.out.find("judged  "), std::string::npos) << own.out;
  EXPECT_EQ(own.out.find("0 rows: error"), std::string::npos) << own.out;

  write_file(file, report_of_device("NVIDIA H200", kSms, 1e6));  // with times that no launch takes
  const Outcome other = calibrated("generation_attention", file, {"--judge=0"});
  ASSERT_EQ(other.exit_code, 0) << other.err;
  for (const char* note : {"measured on NVIDIA H200, fitted as h100_sxm: are they the same?",
                           "warning: launch_us ended at its upper bound, 30",
                           "warning: half of the rows are off by more than 100 %"}) {
    EXPECT_NE(other.err.find(note), std::string::npos) << note << "\n" << other.err;
  }

  write_file(file, report_of_device("NVIDIA A100-SXM4-80GB", 108, 5));
  const Outcome refused = calibrated("generation_attention", file, {"--judge=0"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_NE(
      refused.err.find("decode.json#/device/sms: expected the 132 cores of h100_sxm, got 108 of "
                       "NVIDIA A100-SXM4-80GB"),
      std::string::npos)
      << refused.err;
}

TEST(CalibrateCommand, RefusesRowsThatSayNothingOfTheOp) {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& op, const std::vector<std::string>& rows,
                           const std::string& message) {
    write_file(folder / "rows.json", report_of(rows));
    const Outcome outcome = calibrated(op, (folder / "rows.json").string());
    EXPECT_EQ(outcome.exit_code, 2) << message;
    EXPECT_NE(outcome.err.find(message), std::string::npos) << outcome.err;
    EXPECT_EQ(outcome.out, "");
  };
  refused(
      "context_attention", rows_of_family("attention"),
      "rows.json#/rows/1: another kernel has a time for the same shape; name the one to fit with "
      "--kernel: block_attention, block_attention_fp32_out");
  refused("gated_delta_net", rows_of_family("linear_attention"),
          "no row is of gated_delta_net; 16 rows are left out: they have no kernel_source "
          "(chunk_state)");
  refused("gemm", {row_of("tiled_gemm_bf16", "bf16", kernels::gemm_shape(8, 8, 8, kSms), kTime)},
          "expected at least 12 rows to fit, as gemm has so many parameters, got");
  refused("moe", {R"({"shape": {"num_tokens": 1.5}, "median_s": 1})"}, "/rows/0/shape/num_tokens");
}

TEST(CalibrateCommand, KnowsBeforeTheFitThatItsResultCannotBeWritten) {
  const TemporaryFolder folder;
  write_file(folder / "gemm.json", report_of(rows_of_family("gemm")));
  const Outcome outcome = calibrated("gemm", (folder / "gemm.json").string(),
                                     {"--judge=0", "--out", (folder / "none" / "x.json").string()});
  EXPECT_EQ(outcome.exit_code, 5);
  EXPECT_NE(outcome.err.find("x.json"), std::string::npos) << outcome.err;
  EXPECT_EQ(outcome.out, "");
}

}  // namespace
}  // namespace orrery
