// orrery cost, as a user runs it, and experiments/kernels.
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

std::vector<std::string> expert(const std::string& more) {
  std::vector<std::string> words = {"cost",         "h100_sxm",       "moe",
                                    "num_tokens=8", "hidden_size=64", "inter_size=64",
                                    "num_experts=8"};
  if (!more.starts_with("topk=")) words.emplace_back("topk=2");
  words.push_back(more);
  return words;
}

std::vector<std::string> recurrence(const std::string& first, const std::string& second) {
  std::vector<std::string> words = {"cost",           "h100_sxm",       "gated_delta_net",
                                    "batch_size=8",   "num_k_heads=16", "head_k_dim=128",
                                    "num_v_heads=32", "head_v_dim=128", first};
  if (!second.empty()) words.push_back(second);
  return words;
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

TEST(CostCommand, SaysWhatWasNotMeasured) {
  const auto said = [](const std::vector<std::string>& words) { return run_orrery(words).out; };
  const std::string elementwise = said({"cost", "h100_sxm", "elementwise", "elements=1000"});
  EXPECT_NE(
      elementwise.find("figures of gemm, fitted on h100_sxm; this op itself was not measured"),
      std::string::npos)
      << elementwise;
  EXPECT_EQ(elementwise.find("judged on"), std::string::npos) << elementwise;
  EXPECT_NE(said(expert("topk=2")).find("note      The kernel was not tuned for the device"),
            std::string::npos);
  std::vector<std::string> attention = {
      "cost",    "h100_sxm",    "context_attention",     "batch_size=1",
      "isl=128", "num_heads=8", "num_key_value_heads=8", "head_dim=128"};
  EXPECT_EQ(said(attention).find("outside of what was measured"), std::string::npos);
  attention.back() = "head_dim=64";
  EXPECT_NE(said(attention).find("outside of what was measured: head sizes other than 128"),
            std::string::npos);
}

TEST(CostCommand, SaysWhatOfATableItDidNotReadAndWhatWasNotMeasured) {
  const TemporaryFolder folder;
  const auto asked = [&](const char* device, const char* op, const std::string& table) {
    write_file(folder / "t.csv", table);
    return run_orrery({"cost", device, op, "--csv", (folder / "t.csv").string()});
  };
  const Outcome product = asked("h200_sxm", "gemm", "m,n,k,bach,latency\n1,2,3,4,5\n");
  ASSERT_EQ(product.exit_code, 0) << product.err;
  for (const char* part :
       {"note: columns not read: bach, latency; did you mean \"batch\" by bach?",
        "no column of a dtype: all rows as bf16", "figures: scaled from h100_sxm; judged there"}) {
    EXPECT_NE(product.err.find(part), std::string::npos) << part << "\n" << product.err;
  }
  const std::string sizes =
      "batch_size,isl,num_heads,num_key_value_heads,head_dim,attn_dtype,kv_cache_dtype\n";
  const auto decode = [&](const std::string& formats) {
    return asked("h100_sxm", "generation_attention", sizes + "64,65536,32,8,128," + formats + "\n");
  };
  const auto seconds = [](const Outcome& outcome) {
    return std::stod(field(outcome.out.substr(outcome.out.find('\n') + 1), 7));
  };
  const Outcome whole = decode("bfloat16,bfloat16");
  const Outcome half = decode("bfloat16,fp8");
  EXPECT_EQ(whole.err.find("not read"), std::string::npos) << whole.err;
  EXPECT_NEAR(seconds(half) / seconds(whole), 0.5, 0.02);
  EXPECT_NE(half.err.find("note, of 1 of 1 rows: kv_cache_dtype was measured as dtype alone"),
            std::string::npos)
      << half.err;
}

TEST(CostCommand, PartsOfAnExplanationAddUp) {
  const JsonValue json = parse_json(
      run_orrery({"cost", "h100_sxm", "gemm", "m=16", "n=128", "k=16384", "--json"}).out, "output");
  const std::string details = json.find("details")->string;
  const std::size_t at = details.find("added up in ");
  ASSERT_NE(at, std::string::npos) << details;
  const double sum = std::stod(details.substr(at + 12)) * 1e-6;
  const double math = json.find("math_s")->real;
  const double memory = json.find("memory_s")->real;
  const double rest = json.find("predicted_s")->real - json.find("launch_s")->real - sum;
  EXPECT_GT(sum, 1e-6);
  EXPECT_GE(rest, std::max(math, memory) * 0.99);  // printed with three digits
  EXPECT_LE(rest, (math + memory) * 1.01);
}

TEST(CostCommand, NothingBeatsTheMemoryOutsideOfWhatWasMeasured) {
  const JsonValue experts =
      parse_json(run_orrery({"cost", "h100_sxm", "moe", "num_tokens=64", "hidden_size=4096",
                             "inter_size=1536", "topk=8", "num_experts=256", "--json"})
                     .out,
                 "output");
  const JsonValue convolution = parse_json(
      run_orrery({"cost", "h100_sxm", "gated_delta_net", "kernel_source=causal_conv1d_fn",
                  "batch_size=1", "seq_len=4096", "num_k_heads=64", "head_k_dim=128",
                  "num_v_heads=64", "head_v_dim=128", "--json"})
          .out,
      "output");
  const double bandwidth = 3.35e12;  // of h100_sxm
  for (const JsonValue* json : {&experts, &convolution}) {
    EXPECT_GE(json->find("predicted_s")->real * bandwidth, json->find("bytes")->real)
        << json->find("op")->string;
  }
}

TEST(CalibratedRun, SaysThatAnOverriddenDeviceIsNotTheMeasuredOne) {
  const TemporaryFolder folder;
  const auto run = [&](const std::string& with) {
    write_file(folder / "s.json",
               R"({"orrery": 1, "cost": {"kind": "calibrated"},
                   "cluster": {"use": "dgx_h100", "with": {"node": {"use": "dgx_h100", "with":
                     {"device": {"use": "h100_sxm", "with": {)" +
                   with + R"(}}}}}},
                   "workload": {"kind": "transformer_inference", "network": "llama3_8b",
                     "parallel": {"tensor": 8}, "batch": 1, "input_length": 64,
                     "output_length": 2}})");
    return run_orrery({"run", (folder / "s.json").string()});
  };
  const std::string said = "kernels take what was measured on h100_sxm, scaled";
  const Outcome faster =
      run(R"("peak": {"bf16": {"value": "2000 TFLOP/s", "source": "assumed: for this test"}})");
  EXPECT_EQ(faster.exit_code, 0) << faster.err;
  EXPECT_NE((faster.out + faster.err).find(said), std::string::npos) << faster.out << faster.err;
  const Outcome own = run("");
  EXPECT_EQ(own.exit_code, 0) << own.err;
  EXPECT_EQ((own.out + own.err).find(said), std::string::npos);
}

TEST(CostCommand, RefusesTablesWhoseFirstLineNamesNoColumns) {
  const TemporaryFolder folder;
  const std::vector<std::pair<std::string, std::string>> refused = {
      {"", "expected a first line with the names of the columns, got nothing"},
      {"\xEF\xBB\xBFm,n,k\n1,2,3\n", "byte order mark"},
      {"\"m\",n,k\n1,2,3\n", "without quotes and spaces around them, got"},
      {"m, n,k\n1,2,3\n", "without quotes and spaces around them, got \" n\""},
      {"m,n,k,m\n1,2,3,4\n", "line 1: two columns are called \"m\""},
      {"m,n,k\n\n1,2\n", "line 3: expected 3 values"}};
  for (const auto& [text, message] : refused) {
    write_file(folder / "e.csv", text);
    const Outcome outcome =
        run_orrery({"cost", "h100_sxm", "gemm", "--csv", (folder / "e.csv").string()});
    EXPECT_EQ(outcome.exit_code, 2) << message;
    EXPECT_NE(outcome.err.find(message), std::string::npos) << outcome.err;
  }
}

TEST(CostCommand, RefusesWhatItCannotAnswer) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> refused = {
      {{"cost", "h100_sxm"}, "expected an OP"},
      {{"cost", "h100_sxm", "gem", "m=1"}, "did you mean \"gemm\"?"},
      {{"cost", "h100_sx", "gemm"}, "did you mean \"h100_sxm\"?"},
      {{"cost", "h100_sxm", "gemm", "n=1", "k=1"}, "no m"},
      {{"cost", "h100_sxm", "gemm", "m=0", "n=1", "k=1"},
       "m: expected a count from 1 to 1000000000000, got \"0\""},
      {{"cost", "h100_sxm", "gemm", "m=1000000000001", "n=1", "k=1"}, "from 1 to 1000000000000"},
      {{"cost", "h100_sxm", "gemm", "m=1", "m=2", "n=1", "k=1"}, "m is given twice"},
      {{"cost", "h100_sxm", "gemm", "--csv", "x.csv", "--json"},
       "expected --json or --csv, got both"},
      {{"cost", "h100", "gemm", "m=1", "n=1", "k=1"}, "did you mean \"h100_sxm\"?"},
      {{"cost", "h100_sxm", "context_attention", "batch_size=1", "isl=128", "num_heads=8",
        "num_key_value_heads=8", "head_dim=128", "cached=2", "attended=131"},
       "attended: expected at most cached + isl (130), got 131"},
      {{"cost", "h100_sxm", "conv3x3", "batch_size=2200000", "height=2200000", "width=2200000",
        "in_channels=1", "out_channels=1"},
       "height: expected batch_size x height x width up to 1e+12, got 1.06e+19"},
      {{"cost", "h100_sxm", "softmax", "rows=1", "columns=1", "dtype=int4"}, "no int4 peak rate"},
      {expert("topk=9"), "moe: topk: expected at most num_experts (8), got 9"},
      {expert("moe_ep_size=16"), "moe: moe_ep_size: expected at most num_experts (8), got 16"},
      {expert("moe_ep_size=3"), "moe: num_experts: expected a multiple of moe_ep_size (3), got 8"},
      {expert("moe_tp_size=3"), "moe: inter_size: expected a multiple of moe_tp_size (3), got 64"},
      {{"cost", "h100_sxm", "context_attention", "batch_size=1", "isl=1", "num_heads=8",
        "num_key_value_heads=3", "head_dim=128"},
       "num_heads: expected a multiple of num_key_value_heads (3), got 8"},
      {recurrence("seq_len=1", ""), "no kernel_source; expected one of causal_conv1d_fn"},
      {recurrence("kernel_source=fused_recurrent_gated_delta_rule", "seq_len=4096"),
       "seq_len: expected 1, as fused_recurrent_gated_delta_rule takes one token, got 4096"},
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
