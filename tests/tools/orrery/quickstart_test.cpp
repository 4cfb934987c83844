#include <gtest/gtest.h>

#include "sim/base/json_value.hpp"
#include "tests/tools/orrery/program.hpp"

namespace orrery {
namespace {

using testing_program::Outcome;
using testing_program::read_file;
using testing_program::run_orrery;

double number(const JsonValue& value) {
  return value.kind == JsonValue::Kind::integer ? static_cast<double>(value.integer) : value.real;
}

/// By folder of experiments/.
class Experiment : public ::testing::TestWithParam<const char*> {};

TEST_P(Experiment, StaysWithinTheTolerancesWrittenBesideIt) {
  const std::string folder = std::string(ORRERY_SOURCE_DIR "/experiments/") + GetParam();
  const Outcome outcome = run_orrery({"run", folder + "/scenario.json", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const JsonValue result = parse_json(outcome.out, "result");
  for (const JsonValue& check : result.find("checks")->items) {
    EXPECT_TRUE(check.find("holds")->boolean) << to_text(check, false);
  }
  const JsonValue expected = load_json(folder + "/expected.json", "expected.json");
  const std::vector<JsonValue>& figures = expected.find("figures")->items;
  EXPECT_FALSE(figures.empty());
  for (const JsonValue& figure : figures) {
    const std::string& pointer = figure.find("pointer")->string;
    const JsonValue* found = value_at(result, pointer);
    ASSERT_NE(found, nullptr) << pointer;
    const double wanted = number(*figure.find("value"));
    const double tolerance = number(*figure.find("relative_tolerance"));
    EXPECT_NEAR(number(*found), wanted, tolerance * wanted) << pointer;
    EXPECT_FALSE(figure.find("reason")->string.empty()) << pointer;
  }
}

INSTANTIATE_TEST_SUITE_P(Folders, Experiment,
                         ::testing::Values("quickstart", "inference", "stragglers"),
                         [](const auto& folder) { return std::string(folder.param); });

}  // namespace
}  // namespace orrery
