// Offload to the host through the whole program: memory, time and the verdict.
#include <gtest/gtest.h>

#include "sim/base/json_value.hpp"
#include "tests/tools/orrery/program.hpp"

namespace orrery {
namespace {

using testing_program::Outcome;
using testing_program::run_orrery;
using testing_program::TemporaryFolder;
using testing_program::write_file;

constexpr int kDevices = 8;

class OffloadTest : public testing::Test {
 protected:
  /// GPT-2 on eight A100; the host's memory is `host`, an override.
  Outcome run(const std::string& offload, const std::string& host,
              const std::vector<std::string>& more = {"--json"}) {
    write_file(folder_ / "scenario.json", R"({"orrery": 1, "cluster": {"use": "dgx_a100_superpod",
        "with": {"nodes": 1, "node": {"host_memory": )" +
                                              host + R"(}}},
        "workload": {"kind": "transformer_training", "network": "gpt2",
        "parallel": {"tensor": 4, "data": 2}, "sequence_length": 1024, "micro_batch": 8,
        "global_batch": 16, "offload": )" + offload +
                                              "}}");
    std::vector<std::string> words = {"run", (folder_ / "scenario.json").string()};
    words.insert(words.end(), more.begin(), more.end());
    return run_orrery(words);
  }
  JsonValue result(const std::string& offload, const std::string& host) {
    const Outcome outcome = run(offload, host);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    JsonValue value = parse_json(outcome.out, "stdout");
    for (const JsonValue& check : value.find("checks")->items) {
      EXPECT_TRUE(check.find("holds")->boolean) << to_text(check, false);
    }
    return value;
  }

  TemporaryFolder folder_;
};

std::int64_t peak(const JsonValue& result) {
  return result.find("memory_peak_bytes")->members.front().value.integer;
}

TEST_F(OffloadTest, MemoryFallsByTheStatesAndTheStepGrowsByTheirWayOverPcie) {
  const std::string fast = R"({"bandwidth": "10 TB/s"})";
  const JsonValue before = result("{}", fast);
  const JsonValue after = result(R"({"optimizer_states": true})", fast);
  EXPECT_EQ(before.find("host_memory"), nullptr);
  const std::int64_t states = after.find("host_memory_peak_bytes")->integer / kDevices;
  EXPECT_EQ(peak(before) - peak(after), states);

  double link = 0;  // bytes/s
  for (const JsonValue& use : after.find("resources")->find("most_loaded_first")->items) {
    if (use.find("kind")->string == "pcie4_x16") link = use.find("capacity_Bps")->real;
  }
  ASSERT_GT(link, 0);
  // Pieces of equal size, one for each layer and both ends, come one behind the other; the last one
  // is updated and goes back. Adam, which ran at once before, runs beside all but the last.
  const double pieces = 12 + 2;
  const double way = static_cast<double>(states) / link * (1 + 1 / pieces);
  const double grown = after.find("step_time_s")->real - before.find("step_time_s")->real;
  EXPECT_LT(grown, way * 1.001);
  EXPECT_GT(grown, way * 0.9)
      << "Adam takes a twentieth of it: 34 bytes of 1.6 TB/s to 12 of 26 GB/s";
}

TEST_F(OffloadTest, WhatTheHostCannotHoldDoesNotFit) {
  const std::string host = R"({"capacity": "1 GiB"})";  // 2 * 12 * 124 M bytes are more
  const Outcome outcome = run(R"({"optimizer_states": true})", host, {});
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_NE((outcome.out + outcome.err).find("does not fit: node 0 needs"), std::string::npos)
      << outcome.out << outcome.err;
  EXPECT_EQ(run("{}", host, {}).exit_code, 0);
}

TEST_F(OffloadTest, FoldedOrNotTheStepIsTheSame) {
  const std::string offload = R"({"optimizer_states": true, "activations": {"layers": 6}})";
  const JsonValue folded = result(offload, "{}");
  const Outcome plain = run(offload, "{}", {"--json", "--unfolded"});
  ASSERT_EQ(plain.exit_code, 0) << plain.err;
  const JsonValue unfolded = parse_json(plain.out, "stdout");
  EXPECT_TRUE(folded.find("symmetry")->find("folded")->boolean);
  EXPECT_FALSE(unfolded.find("symmetry")->find("folded")->boolean);
  for (const char* key : {"step_time_s", "host_memory", "memory"}) {
    EXPECT_EQ(to_text(*folded.find(key), false), to_text(*unfolded.find(key), false)) << key;
  }
}

}  // namespace
}  // namespace orrery
