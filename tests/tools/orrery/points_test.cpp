#include <algorithm>
#include <cctype>
#include <ostream>

#include "tests/tools/orrery/experiment.hpp"

namespace orrery {
namespace {

using testing_program::number;
using testing_program::Outcome;
using testing_program::run_orrery;

constexpr int kFits = 0;
constexpr int kDoesNotFit = 3;
constexpr const char* kExperiments[] = {"transformers/fp8",     "transformers/recomputation",
                                        "transformers/scaling", "transformers/schedules",
                                        "transports",           "t3/h100",
                                        "t3/training",          "sweeps/scaling"};

JsonValue load(const std::string& experiment, const std::string& file) {
  return load_json(ORRERY_SOURCE_DIR "/experiments/" + experiment + "/" + file, file);
}

/// One of the points of experiments/<experiment>/points.json.
struct Point {
  std::string experiment;
  std::string scenario;
  std::string label;
  JsonValue overrides;
};

void PrintTo(const Point& point, std::ostream* out) {
  *out << point.label;
}

std::vector<Point> every_point() {
  std::vector<Point> points;
  for (const char* experiment : kExperiments) {
    const JsonValue document = load(experiment, "points.json");
    for (const JsonValue& item : document.find("points")->items) {
      points.push_back({experiment, document.find("scenario")->string, item.find("label")->string,
                        *item.find("set")});
    }
  }
  return points;
}

/// Letters, digits and underscores, of which GoogleTest makes names; it refuses two that are equal.
std::string name_of(const ::testing::TestParamInfo<Point>& info) {
  std::string name = info.param.experiment + "_" + info.param.label;
  name.erase(0, name.rfind('/', info.param.experiment.size()) + 1);
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}

class ExperimentPoint : public ::testing::TestWithParam<Point> {
 protected:
  static JsonValue run() {
    const Point& point = GetParam();
    std::vector<std::string> words = {
        "run", ORRERY_SOURCE_DIR "/experiments/" + point.experiment + "/" + point.scenario,
        "--json"};
    for (const JsonValue::Member& member : point.overrides.members) {
      words.insert(words.end(), {"--set", member.key + "=" + to_text(member.value, false)});
    }
    const Outcome outcome = run_orrery(words);
    EXPECT_TRUE(outcome.exit_code == kFits || outcome.exit_code == kDoesNotFit) << outcome.err;
    return parse_json(outcome.out, "result");
  }
};

TEST_P(ExperimentPoint, StaysWithinTheTolerancesWrittenBesideIt) {
  const JsonValue result = run();
  for (const JsonValue& check : result.find("checks")->items) {
    EXPECT_TRUE(check.find("holds")->boolean) << to_text(check, false);
  }
  const JsonValue expected = load(GetParam().experiment, "expected.json");
  for (const JsonValue& figure : expected.find("figures")->items) {
    const std::string& pointer = figure.find("pointer")->string;
    const JsonValue* found = value_at(result, pointer);
    ASSERT_NE(found, nullptr) << pointer;
    const JsonValue* value = figure.find("values")->find(GetParam().label);
    ASSERT_NE(value, nullptr) << pointer << " has no value for this point";
    const double wanted = number(*value);
    const double tolerance = number(*figure.find("relative_tolerance"));
    EXPECT_NEAR(number(*found), wanted, tolerance * wanted) << pointer;
  }
}

INSTANTIATE_TEST_SUITE_P(Points, ExperimentPoint, ::testing::ValuesIn(every_point()), name_of);

TEST(ExperimentPoints, AreThoseThatTheExpectedValuesSpeakOf) {
  const std::vector<Point> points = every_point();
  for (const std::string experiment : kExperiments) {
    const auto count = std::count_if(points.begin(), points.end(), [&](const Point& point) {
      return point.experiment == experiment;
    });
    const JsonValue expected = load(experiment, "expected.json");
    const std::vector<JsonValue>& figures = expected.find("figures")->items;
    EXPECT_FALSE(figures.empty()) << experiment;
    for (const JsonValue& figure : figures) {
      EXPECT_FALSE(figure.find("reason")->string.empty()) << to_text(figure, false);
      EXPECT_EQ(figure.find("values")->members.size(), static_cast<std::size_t>(count))
          << experiment << ": " << figure.find("pointer")->string;
    }
  }
}

}  // namespace
}  // namespace orrery
