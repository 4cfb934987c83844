#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sim/base/json_value.hpp"
#include "tests/tools/orrery/program.hpp"

/// Helpers of the tests that keep an experiment within its tolerances.
namespace orrery::testing_program {

inline double number(const JsonValue& value) {
  return value.kind == JsonValue::Kind::integer ? static_cast<double>(value.integer) : value.real;
}

/// Runs scenario.json of experiments/<name>: all checks hold, and every figure that expected.json
/// names is as near as it says there.
inline void expect_within_tolerances(const std::string& name) {
  const std::string folder = ORRERY_SOURCE_DIR "/experiments/" + name;
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

}  // namespace orrery::testing_program
