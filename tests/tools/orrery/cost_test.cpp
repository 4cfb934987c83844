// orrery cost and orrery calibrate, as a user runs them, and experiments/kernels.
#include <gtest/gtest.h>

#include <sstream>

#include "sim/base/json_value.hpp"
#include "tests/tools/orrery/program.hpp"

namespace orrery {
namespace {

using namespace testing_program;

std::string field(const std::string& line, std::size_t index) {
  std::istringstream stream(line);
  std::string text;
  for (std::size_t i = 0; i <= index; ++i) std::getline(stream, text, ',');
  return text;
}

TEST(CostCommand, ExplainsAPrediction) {
  const Outcome outcome =
      run_orrery({"cost", "h100_sxm", "gemm", "m=4096", "n=8192", "k=8192", "dtype=bf16"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  for (const char* part : {"time ", "TFLOP/s", "bound     math", "tiles", "waves",
                           "fitted on h100_sxm", "aiconfigurator"}) {
    EXPECT_NE(outcome.out.find(part), std::string::npos) << part << "\n" << outcome.out;
  }
}

TEST(CostCommand, SaysWhenFiguresAreAnotherDevices) {
  const Outcome outcome =
      run_orrery({"cost", "h200_sxm", "gemm", "m=16", "n=16", "k=16", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const JsonValue json = parse_json(outcome.out, "output");
  EXPECT_EQ(json.find("fitted_on")->string, "h100_sxm");
  EXPECT_TRUE(json.find("transferred")->boolean);
  // H100's experts say nothing of others ("stays" in its calibration).
  const Outcome experts = run_orrery({"cost", "h200_sxm", "moe", "num_tokens=8", "hidden_size=64",
                                      "inter_size=64", "topk=2", "num_experts=8", "--json"});
  ASSERT_EQ(experts.exit_code, 0) << experts.err;
  EXPECT_EQ(parse_json(experts.out, "output").find("fitted_on")->string, "a100_sxm_80gb");
}

TEST(CostCommand, AppendsToTheRowsOfATable) {
  const TemporaryFolder folder;
  write_file(folder / "shapes.csv",
             "gemm_dtype,note,k,m,n\r\nbfloat16,x,64,128,256\nint8,y,64,128,256\n");
  const Outcome outcome =
      run_orrery({"cost", "h100_sxm", "gemm", "--csv", (folder / "shapes.csv").string()});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  std::istringstream lines(outcome.out);
  std::string header;
  std::string first;
  std::string second;
  std::getline(lines, header);
  std::getline(lines, first);
  std::getline(lines, second);
  EXPECT_EQ(header, "gemm_dtype,note,k,m,n,predicted_s,bound");
  EXPECT_TRUE(first.starts_with("bfloat16,x,64,128,256,")) << first;
  const Outcome alone =
      run_orrery({"cost", "h100_sxm", "gemm", "m=128", "n=256", "k=64", "dtype=bf16", "--json"});
  const double seconds = parse_json(alone.out, "output").find("predicted_s")->real;
  EXPECT_NEAR(std::stod(field(first, 5)), seconds, 1e-8 * seconds);
  EXPECT_EQ(field(first, 6), "launch");
  EXPECT_TRUE(second.starts_with("int8,y,"));
}

TEST(CostCommand, EveryOpCanBeAsked) {
  const std::vector<std::vector<std::string>> asked = {
      {"gemm", "m=1", "n=1", "k=1"},
      {"context_attention", "batch_size=1", "isl=100", "num_heads=8", "num_key_value_heads=8",
       "head_dim=64"},
      {"generation_attention", "batch_size=4", "isl=1", "step=99", "num_heads=8",
       "num_key_value_heads=1", "head_dim=128"},
      {"moe", "num_tokens=64", "hidden_size=4096", "inter_size=1536", "topk=8", "num_experts=128"},
      {"gated_delta_net", "kernel_source=fused_recurrent_gated_delta_rule", "batch_size=8",
       "num_k_heads=16", "head_k_dim=128", "num_v_heads=32", "head_v_dim=128"},
      {"conv3x3", "height=64", "width=64", "in_channels=320", "out_channels=640"},
      {"elementwise", "elements=1000000", "reads=2"},
      {"softmax", "rows=64", "columns=4096", "algorithm=three_pass_reload"},
      {"pack", "bytes=1048576", "block_bytes=64"}};
  for (std::vector<std::string> words : asked) {
    const std::string op = words.front();
    words.insert(words.begin(), {"cost", "a100_sxm_80gb"});
    const Outcome outcome = run_orrery(words);
    EXPECT_EQ(outcome.exit_code, 0) << op << ": " << outcome.err;
  }
}

TEST(CostCommand, RefusesWhatItCannotAnswer) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> refused = {
      {{"cost", "h100_sxm"}, "expected an OP"},
      {{"cost", "h100_sxm", "gem", "m=1"}, "did you mean \"gemm\"?"},
      {{"cost", "h100_sx", "gemm"}, "did you mean \"h100_sxm\"?"},
      {{"cost", "h100_sxm", "gemm", "n=1", "k=1"}, "no m"},
      {{"cost", "h100_sxm", "gemm", "m=0", "n=1", "k=1"}, "m: expected a count from 1, got \"0\""},
      {{"cost", "h100_sxm", "gemm", "m=1", "n=1", "k=1", "batches=2"}, "did you mean \"batch\"?"},
      {{"cost", "h100_sxm", "gemm", "m"}, "expected NAME=VALUE"},
      {{"cost", "h100_sxm", "gemm", "m=1", "n=1", "k=1", "dtype=bf61"}, "dtype: expected"},
      {{"cost", "a100_sxm_80gb", "gemm", "m=1", "n=1", "k=1", "dtype=fp8"}, "no fp8 peak rate"},
      {{"cost", "h100_sxm", "softmax", "rows=1", "columns=1", "algorithm=one"}, "expected one of"},
  };
  for (const auto& [words, message] : refused) {
    const Outcome outcome = run_orrery(words);
    EXPECT_EQ(outcome.exit_code, 2) << message;
    EXPECT_NE(outcome.err.find(message), std::string::npos) << outcome.err;
    EXPECT_EQ(outcome.out, "");
  }
}

TEST(CostCommand, NamesTheLineOfATableThatIsWrong) {
  const TemporaryFolder folder;
  write_file(folder / "shapes.csv", "m,n,k\n1,2,3\n1,2\n");
  const Outcome outcome =
      run_orrery({"cost", "h100_sxm", "gemm", "--csv", (folder / "shapes.csv").string()});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_NE(outcome.err.find("shapes.csv, line 3: expected 3 values"), std::string::npos)
      << outcome.err;
}

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

TEST(CalibrateCommand, ReadsWhatTheProgramOfTheKernelsWrites) {
  const TemporaryFolder folder;
  std::string rows;
  for (int tokens = 1; tokens <= 64; ++tokens) {
    rows +=
        std::string(rows.empty() ? "" : ",") +
        R"({"kernel": "moe", "dtype": "bf16", "shape": {"num_tokens": )" + std::to_string(tokens) +
        R"(, "hidden_size": 8, "inter_size": 8, "topk": 1, "num_experts": 1}, "median_s": 70e-6})";
  }
  write_file(folder / "moe.json", "{\"rows\": [" + rows + "]}");
  const Outcome outcome =
      run_orrery({"calibrate", "h100_sxm", "moe", "--measured", (folder / "moe.json").string()});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  // One block on one core adds next to nothing to it.
  const std::size_t at = outcome.out.find("launch_us");
  ASSERT_NE(at, std::string::npos) << outcome.out;
  EXPECT_NEAR(std::stod(outcome.out.substr(at + std::string("launch_us").size())), 70, 0.5)
      << outcome.out;

  write_file(folder / "moe.json", R"({"rows": [{"shape": {"num_tokens": 1.5}}]})");
  const Outcome refused =
      run_orrery({"calibrate", "h100_sxm", "moe", "--measured", (folder / "moe.json").string()});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_NE(refused.err.find("/rows/0/shape/num_tokens"), std::string::npos) << refused.err;
}

TEST(ReproduceKernels, StaysWithinItsLimitsAndSaysWhichGoalsItMisses) {
  const Outcome outcome = run_orrery({"reproduce", "kernels", "--json"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  const JsonValue json = parse_json(outcome.out, "output");
  std::size_t rows = 0;
  std::size_t reached = 0;
  for (const JsonValue& group : json.find("groups")->items) {
    rows += static_cast<std::size_t>(group.find("rows")->integer);
    const JsonValue* goal = group.find("reaches_goal");
    reached += goal != nullptr && goal->boolean ? 1 : 0;
  }
  EXPECT_GT(rows, 30'000U);
  EXPECT_GE(reached, 8U);
}

}  // namespace
}  // namespace orrery
