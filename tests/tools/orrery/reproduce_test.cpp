#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "sim/base/json_value.hpp"
#include "tests/tools/orrery/program.hpp"

namespace orrery {
namespace {

using testing_program::kSmallScenario;
using testing_program::Outcome;
using testing_program::run_orrery;
using testing_program::TemporaryFolder;
using testing_program::write_file;

constexpr double kMeanLimit = 0.05;
constexpr double kMaximumLimit = 0.09;

std::string number(double value) {
  return to_text(json_real(value), false);
}

/// A figure with the two limits, and the text of one case.
std::string document(const std::string& cases) {
  return R"({"orrery_reproduce": 1, "description": "d", "source": "s", "figures": [
    {"name": "step_time", "pointer": "/step_time_s", "unit": "s",
     "limits": {"mean": )" +
         number(kMeanLimit) + R"(, "maximum": )" + number(kMaximumLimit) +
         R"(, "reason": "r"}}], "cases": [)" + cases + "]}";
}

class ReproduceTest : public testing::Test {
 protected:
  ReproduceTest() { write_file(folder_ / "scenario.json", kSmallScenario); }

  static std::string a_case(const std::string& label, double published,
                            const std::string& more = "") {
    return R"({"label": ")" + label + R"(", "scenario": "scenario.json", "published": )" +
           R"({"step_time": {"value": )" + number(published) + R"(, "source": "t"}})" + more + "}";
  }
  Outcome reproduce(const std::string& text, std::vector<std::string> options = {}) {
    write_file(folder_ / "reproduce.json", text);
    std::vector<std::string> words = {"reproduce", folder_.path().string()};
    words.insert(words.end(), options.begin(), options.end());
    return run_orrery(words);
  }
  JsonValue reproduce_json(const std::string& text, int exit_code) {
    const Outcome outcome = reproduce(text, {"--json"});
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.err;
    return parse_json(outcome.out, "stdout");
  }
  /// What `run` finds, with these overrides.
  double step_time(const std::vector<std::string>& overrides = {}) {
    std::vector<std::string> words = {"run", (folder_ / "scenario.json").string(), "--json"};
    for (const std::string& text : overrides) {
      words.insert(words.end(), {"--set", text});
    }
    return parse_json(run_orrery(words).out, "stdout").find("step_time_s")->real;
  }
  /// The diagnostics of `text`, each below the name of reproduce.json.
  std::vector<std::string> mistakes(const std::string& text) {
    const Outcome outcome = reproduce(text);
    EXPECT_EQ(outcome.exit_code, 2) << outcome.out;
    EXPECT_EQ(outcome.out, "");
    const std::string prefix = (folder_ / "").string();
    std::vector<std::string> lines;
    std::istringstream stream(outcome.err);
    for (std::string line; std::getline(stream, line);) {
      lines.push_back(line.starts_with(prefix) ? line.substr(prefix.size()) : line);
    }
    return lines;
  }

  TemporaryFolder folder_;
};

TEST_F(ReproduceTest, ShowsBothFiguresAndTheirDifference) {
  const double simulated = step_time();
  const double published = simulated / 1.02;
  const JsonValue report = reproduce_json(document(a_case("a", published)), 0);
  EXPECT_TRUE(report.find("holds")->boolean);
  const JsonValue& figure = report.find("figures")->items.at(0);
  const JsonValue& only = figure.find("cases")->items.at(0);
  EXPECT_EQ(only.find("label")->string, "a");
  EXPECT_EQ(only.find("source")->string, "t");
  EXPECT_DOUBLE_EQ(only.find("published")->real, published);
  EXPECT_DOUBLE_EQ(only.find("simulated")->real, simulated);
  EXPECT_NEAR(only.find("difference")->real, 0.02, 1e-12);
  const Outcome text = reproduce(document(a_case("a", published)));
  EXPECT_NE(text.out.find("+2.0 %"), std::string::npos) << text.out;
  EXPECT_NE(text.out.find("limits 5.0 % and 9.0 %: hold"), std::string::npos) << text.out;
}

TEST_F(ReproduceTest, SetPutsItsValuesIntoTheScenario) {
  const double simulated = step_time({"/workload/global_batch=8", "/workload/precision=fp16"});
  ASSERT_NE(simulated, step_time());
  const JsonValue report = reproduce_json(
      document(a_case("a", simulated,
                      R"(, "set": {"/workload/global_batch": 8, "/workload/precision": "fp16"})")),
      0);
  EXPECT_DOUBLE_EQ(value_at(report, "/figures/0/cases/0/difference")->real, 0);
}

TEST_F(ReproduceTest, AScenarioMayStandInTheCaseItself) {
  const std::string text = document(R"({"label": "a", "scenario": )" + std::string(kSmallScenario) +
                                    R"(, "published": {"step_time": {"value": )" +
                                    number(step_time()) + R"(, "source": "t"}}})");
  EXPECT_EQ(reproduce(text).exit_code, 0);
}

TEST_F(ReproduceTest, BothLimitsAreVerdicts) {
  const double simulated = step_time();
  const auto off_by = [&](double difference) { return simulated / (1 + difference); };
  const auto exit_code = [&](double first, double second) {
    return reproduce(document(a_case("a", off_by(first)) + "," + a_case("b", off_by(second))))
        .exit_code;
  };
  EXPECT_EQ(exit_code(0, kMaximumLimit - 0.001), 0);
  EXPECT_EQ(exit_code(0, kMaximumLimit + 0.001), 3) << "maximum";
  EXPECT_EQ(exit_code(-kMeanLimit + 0.001, kMeanLimit - 0.001), 0) << "signs do not cancel";
  EXPECT_EQ(exit_code(-kMeanLimit - 0.001, kMeanLimit + 0.001), 3) << "mean";
}

TEST_F(ReproduceTest, WhatIsHeldOutCountsForNoLimit) {
  const double simulated = step_time();
  const std::string text =
      document(a_case("a", simulated) + "," + a_case("b", 2 * simulated, R"(, "held_out": true)"));
  const JsonValue report = reproduce_json(text, 0);
  EXPECT_EQ(value_at(report, "/figures/0/given/cases")->integer, 1);
  EXPECT_EQ(value_at(report, "/figures/0/held_out/cases")->integer, 1);
  EXPECT_DOUBLE_EQ(value_at(report, "/figures/0/held_out/maximum")->real, 0.5);
  const Outcome without = reproduce(text, {"--without-held-out"});
  EXPECT_EQ(without.exit_code, 0) << without.err;
  EXPECT_EQ(without.out.find("held out"), std::string::npos) << without.out;
  EXPECT_NE(reproduce(text).out.find("held out"), std::string::npos);
}

TEST_F(ReproduceTest, WhatDoesNotFitIsSaid) {
  const std::string set = R"(, "set": {"/workload/network": "llama3_70b"})";
  const Outcome outcome = reproduce(document(a_case("a", 1, set)));
  EXPECT_NE(outcome.out.find("warning: a: does not fit"), std::string::npos) << outcome.out;
}

TEST_F(ReproduceTest, WhatIsPublishedToFitOrNotIsJudged) {
  const std::string large = R"(, "set": {"/workload/network": "llama3_70b"})";
  const auto text = [&](const char* small_fits, const char* large_fits) {
    return document(a_case("a", step_time(), R"(, "fits": )" + std::string(small_fits)) + "," +
                    R"({"label": "b", "scenario": "scenario.json", "published": {}, "fits": )" +
                    large_fits + large + "}");
  };
  const JsonValue right = reproduce_json(text("true", "false"), 0);
  EXPECT_EQ(value_at(right, "/verdicts")->integer, 2);
  EXPECT_EQ(value_at(right, "/wrong_verdicts")->integer, 0);
  const JsonValue wrong = reproduce_json(text("false", "true"), 3);
  EXPECT_EQ(value_at(wrong, "/wrong_verdicts")->integer, 2);
}

TEST_F(ReproduceTest, EveryMistakeIsReportedAtItsPlace) {
  const std::vector<std::string> found = mistakes(R"({
    "orrery_reproduce": 2, "description": "", "source": 7, "figures": [
      {"name": "step_time", "pointer": "/step_time_s", "unit": "h",
       "limits": {"mean": 2, "maximum": 0.1}}],
    "cases": [
      {"label": "a", "scenario": "scenario.json", "set": {"workload": 1},
       "published": {"step_tme": 1}},
      {"label": "b", "scenario": "scenario.json", "set": {"/workload/precision": "fp17"},
       "published": {"step_time": -1}, "heldout": true},
      {"label": "c", "scenario": [], "published": {}}]})");
  const std::vector<std::string> expected = {
      "reproduce.json#/orrery_reproduce: expected 1",
      "reproduce.json#/description: expected a text that is not empty",
      "reproduce.json#/source: expected a string, got 7",
      "reproduce.json#/figures/0/unit: ",
      "reproduce.json#/figures/0/limits/mean: expected a number between 0 and 1, got 2",
      "reproduce.json#/figures/0/limits: ",  // no reason
      "reproduce.json#/cases/0/published/step_tme: no figure of this name; did you mean "
      "\"step_time\"?",
      "reproduce.json#/cases/0/set/workload: ",
      "reproduce.json#/cases/1/published/step_time: expected a number >= ",
      "reproduce.json#/cases/1/published/step_time: expected {\"value\": …, \"source\": …}",
      "reproduce.json#/cases/1/heldout: no such key; did you mean \"held_out\"?",
      "reproduce.json#/cases/1/set/~1workload~1precision: ",
      "reproduce.json#/cases/2/scenario: expected the name of a scenario file"};
  for (const std::string& line : expected) {
    EXPECT_TRUE(std::any_of(found.begin(), found.end(), [&](const std::string& each) {
      return each.starts_with(line);
    })) << line;
  }
  EXPECT_EQ(found.size(), expected.size()) << testing::PrintToString(found);
}

TEST_F(ReproduceTest, FittedCasesCountForNoLimitAndMultiplesAreOfAnEarlierCase) {
  const double one = step_time();
  const double two = step_time({"/workload/global_batch=16"});
  const double published = two / one;
  const std::string set = R"(, "set": {"/workload/global_batch": 16}, "relative_to": "one")";
  const JsonValue report = reproduce_json(
      document(a_case("one", 2 * one, R"(, "fitted": true)") + "," + a_case("two", published, set)),
      0);
  EXPECT_DOUBLE_EQ(value_at(report, "/figures/0/fitted/maximum")->real, 0.5);
  EXPECT_EQ(value_at(report, "/figures/0/given/cases")->integer, 1);
  EXPECT_NEAR(value_at(report, "/figures/0/given/maximum")->real, 0, 1e-12);
  EXPECT_DOUBLE_EQ(value_at(report, "/figures/0/cases/1/simulated")->real, published);
  EXPECT_NE(published, 1) << "else it could not fail";

  const std::string held_out = R"(, "held_out": true)";
  const std::vector<std::string> found = mistakes(
      document(a_case("one", 1, held_out) + "," + a_case("two", 1, R"(, "relative_to": "one")") +
               "," + a_case("three", 1, R"(, "relative_to": "four")") + "," +
               a_case("four", 1, held_out + R"(, "fitted": true)")));
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0],
            "reproduce.json#/cases/1/relative_to: a case that is held out cannot be the base of "
            "one that is not");
  EXPECT_TRUE(
      found[1].starts_with("reproduce.json#/cases/2/relative_to: expected the label of a "));
  EXPECT_EQ(found[2], "reproduce.json#/cases/3/held_out: what was fitted cannot be held out");
}

TEST_F(ReproduceTest, AFigureThatNothingJudgesIsAMistake) {
  const std::vector<std::string> found =
      mistakes(document(a_case("a", 1, R"(, "held_out": true)")));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(found[0].starts_with("reproduce.json#/figures/0/name: no case")) << found[0];
}

TEST_F(ReproduceTest, APointerThatLeadsNowhereIsAMistakeAtTheFigure) {
  std::string text = document(a_case("a", 1));
  text.replace(text.find("/step_time_s"), 12, "/step_time_h");
  const std::vector<std::string> found = mistakes(text);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(
      found[0].starts_with("reproduce.json#/figures/0/pointer: expected a pointer to a "
                           "number in the result, found nothing"))
      << found[0];
}

TEST_F(ReproduceTest, WithoutANameAllAreListedAndAWrongNameGetsTheNearest) {
  const Outcome list = run_orrery({"reproduce"});
  EXPECT_EQ(list.exit_code, 0) << list.err;
  EXPECT_NE(list.out.find("megatron  "), std::string::npos) << list.out;
  const Outcome wrong = run_orrery({"reproduce", "megatorn"});
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_NE(wrong.err.find("did you mean \"megatron\"?"), std::string::npos) << wrong.err;
  EXPECT_EQ(run_orrery({"reproduce", "/nowhere"}).exit_code, 5);
}

// A case may be another one in one configuration, and one run of a configuration worth several of
// what it is compared with.
TEST_F(ReproduceTest, ConfigurationsMayDifferInACaseAndInTheirNumberOfRuns) {
  const auto text = [](const std::string& of) {
    return R"({"orrery_reproduce": 1, "description": "d", "source": "s",
      "scenario": "scenario.json",
      "configurations": {"base": {"about": "a"},
                         "half": {"about": "b", "set": {"/workload/precision": "fp16"}}},
      "cases": [{"label": "c", "groups": ["g"],
                 "set_for": {")" +
           of + R"(": {"/workload/global_batch": 8}}}],
      "figures": [{"name": "f", "configuration": "half", "over": "base", "over_times": 2,
                   "pointer": "/step_time_s", "measure": "speedup", "statistic": "mean",
                   "group": "g", "published": {"value": 1, "source": "t"}}]})";
  };
  const double base = step_time({"/workload/global_batch=8"});
  const double half = step_time({"/workload/precision=fp16"});
  ASSERT_NE(base, step_time());
  const JsonValue report = reproduce_json(text("base"), 0);
  EXPECT_DOUBLE_EQ(value_at(report, "/figures/0/simulated")->real, 2 * base / half);
  EXPECT_EQ(
      mistakes(text("bsae")),
      std::vector<std::string>{"reproduce.json#/cases/0/set_for/bsae: no such configuration"});
}

}  // namespace
}  // namespace orrery
