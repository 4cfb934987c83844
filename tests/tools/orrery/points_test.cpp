#include <map>

#include "tests/tools/orrery/experiment.hpp"

namespace orrery {
namespace {

using testing_program::number;
using testing_program::Outcome;
using testing_program::run_orrery;

constexpr int kFits = 0;
constexpr int kDoesNotFit = 3;

/// By folder of experiments/transformers/: a scenario, points.json with the overrides of each
/// point, and expected.json with a value of each figure for each point.
class Points : public ::testing::TestWithParam<const char*> {
 protected:
  std::string folder() const {
    return std::string(ORRERY_SOURCE_DIR "/experiments/transformers/") + GetParam();
  }

  JsonValue run(const std::string& scenario, const JsonValue& overrides) const {
    std::vector<std::string> words = {"run", folder() + "/" + scenario, "--json"};
    for (const JsonValue::Member& member : overrides.members) {
      words.insert(words.end(), {"--set", member.key + "=" + to_text(member.value, false)});
    }
    const Outcome outcome = run_orrery(words);
    EXPECT_TRUE(outcome.exit_code == kFits || outcome.exit_code == kDoesNotFit) << outcome.err;
    return parse_json(outcome.out, "result");
  }

  /// Results of all points, by label. All of their checks hold.
  std::map<std::string, JsonValue> run_all() const {
    std::map<std::string, JsonValue> results;
    const JsonValue document = load_json(folder() + "/points.json", "points.json");
    const std::string& scenario = document.find("scenario")->string;
    for (const JsonValue& point : document.find("points")->items) {
      const std::string& label = point.find("label")->string;
      JsonValue result = run(scenario, *point.find("set"));
      for (const JsonValue& check : result.find("checks")->items) {
        EXPECT_TRUE(check.find("holds")->boolean) << label << ": " << to_text(check, false);
      }
      EXPECT_TRUE(results.emplace(label, std::move(result)).second) << "two points: " << label;
    }
    return results;
  }
};

void expect_figure(const JsonValue& figure, const std::map<std::string, JsonValue>& results) {
  const std::string& pointer = figure.find("pointer")->string;
  const double tolerance = number(*figure.find("relative_tolerance"));
  const std::vector<JsonValue::Member>& values = figure.find("values")->members;
  EXPECT_FALSE(figure.find("reason")->string.empty()) << pointer;
  EXPECT_EQ(values.size(), results.size()) << pointer << " is kept at every point";
  for (const JsonValue::Member& wanted : values) {
    const auto point = results.find(wanted.key);
    ASSERT_NE(point, results.end()) << pointer << ": no point \"" << wanted.key << '"';
    const JsonValue* found = value_at(point->second, pointer);
    ASSERT_NE(found, nullptr) << wanted.key << ": " << pointer;
    EXPECT_NEAR(number(*found), number(wanted.value), tolerance * number(wanted.value))
        << wanted.key << ": " << pointer;
  }
}

TEST_P(Points, StayWithinTheTolerancesWrittenBesideThem) {
  const std::map<std::string, JsonValue> results = run_all();
  const JsonValue expected = load_json(folder() + "/expected.json", "expected.json");
  const std::vector<JsonValue>& figures = expected.find("figures")->items;
  EXPECT_FALSE(figures.empty());
  for (const JsonValue& figure : figures) {
    expect_figure(figure, results);
  }
}

INSTANTIATE_TEST_SUITE_P(Transformers, Points,
                         ::testing::Values("fp8", "recomputation", "scaling", "schedules"),
                         [](const auto& folder) { return std::string(folder.param); });

}  // namespace
}  // namespace orrery
