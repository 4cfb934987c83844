// The section "variability" of a scenario, from the file to the result.
#include <gtest/gtest.h>

#include "sim/base/json_value.hpp"
#include "tests/tools/orrery/program.hpp"

namespace orrery {
namespace {

using testing_program::Outcome;
using testing_program::run_orrery;
using testing_program::TemporaryFolder;
using testing_program::write_file;

class VariabilityTest : public testing::Test {
 protected:
  VariabilityTest() : scenario_((folder_ / "scenario.json").string()) {
    write_file(scenario_, testing_program::kSmallScenario);
  }
  std::string run(std::vector<std::string> words) {
    words.insert(words.begin(), {"run", scenario_, "--json"});
    const Outcome outcome = run_orrery(words);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return outcome.out;
  }
  /// With the section, given as JSON.
  JsonValue run_with(const std::string& variability) {
    return parse_json(run({"--set", "/variability=" + variability}), "result");
  }
  static double number(const JsonValue& result, const std::string& pointer) {
    const JsonValue* value = value_at(result, pointer);
    if (value == nullptr) {
      ADD_FAILURE() << pointer;
      return 0;
    }
    return value->kind == JsonValue::Kind::integer ? static_cast<double>(value->integer)
                                                   : value->real;
  }
  static std::string without_scenario(const JsonValue& result) {
    std::string text;
    for (const JsonValue::Member& member : result.members) {
      if (member.key != "scenario" && member.key != "scenario_fnv1a") {
        text += member.key + to_text(member.value, false);
      }
    }
    return text;
  }

  TemporaryFolder folder_;
  std::string scenario_;
};

const std::string kJitter =
    R"({"kernel_jitter": {"kind": "lognormal", "coefficient_of_variation": 0.05},
        "launch_jitter": {"kind": "exponential", "coefficient_of_variation": 0.5}})";

TEST_F(VariabilityTest, TheSameSeedGivesTheSameBytesAndAnotherOnesOthers) {
  const std::string set = "/variability=" + kJitter;
  const std::string first = run({"--set", set, "--set", "/seed=7"});
  EXPECT_EQ(run({"--set", set, "--set", "/seed=7"}), first);
  const JsonValue one = parse_json(first, "result");
  const JsonValue other = parse_json(run({"--set", set, "--set", "/seed=8"}), "result");
  EXPECT_NE(number(other, "/step_time_s"), number(one, "/step_time_s"));
}

TEST_F(VariabilityTest, WithoutContentNothingChanges) {
  const std::string nominal = without_scenario(parse_json(run({}), "result"));
  for (const char* section :
       {"{}", R"({"devices": [{"ranks": {"from": 0, "to": 7}, "speed": 1, "memory_speed": 1}]})",
        R"({"links": [{"name": "node 0, device 1 -> switch", "capacity": 1, "latency": 1}]})",
        R"({"kernel_jitter": {"kind": "none"}})",
        R"({"kernel_jitter": {"kind": "normal", "coefficient_of_variation": 0}})"}) {
    EXPECT_EQ(without_scenario(run_with(section)), nominal) << section;
  }
}

TEST_F(VariabilityTest, ASlowRankIsNamedByTheResultAndTheSummary) {
  constexpr int kSlow = 6;
  const std::string section = R"({"devices": [{"ranks": [6], "speed": 0.5, "memory_speed": 0.5}]})";
  const JsonValue nominal = run_with("{}");
  const JsonValue slowed = run_with(section);
  EXPECT_GT(number(slowed, "/step_time_s"), number(nominal, "/step_time_s"));
  EXPECT_EQ(number(slowed, "/waits/by_rank/0/rank"), kSlow);
  EXPECT_LE(number(slowed, "/waits/total_s"),
            (number(slowed, "/bubble_s") + number(slowed, "/idle_s")) * number(slowed, "/ranks"));
  const Outcome outcome = run_orrery({"run", scenario_, "--set", "/variability=" + section});
  EXPECT_NE(outcome.out.find("for rank " + std::to_string(kSlow) + ", which itself waited"),
            std::string::npos)
      << outcome.out;
}

TEST_F(VariabilityTest, EveryCheckHoldsUnderStrongJitter) {
  const JsonValue result = run_with(
      R"({"kernel_jitter": {"kind": "exponential", "coefficient_of_variation": 1},
          "launch_jitter": {"kind": "normal", "coefficient_of_variation": 0.25},
          "links": [{"name": "node 0, device 1 -> switch", "capacity": 0.1, "latency": 5}],
          "devices": [{"ranks": [2], "speed": 0.3}, {"ranks": [3], "memory_speed": 0.3}]})");
  for (const JsonValue& check : result.find("checks")->items) {
    EXPECT_TRUE(check.find("holds")->boolean) << to_text(check, false);
  }
  EXPECT_NE(to_text(*result.find("warnings"), false).find("they took their floor"),
            std::string::npos);
}

}  // namespace
}  // namespace orrery
