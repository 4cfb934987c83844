#include <gtest/gtest.h>

#include "sim/base/json_value.hpp"
#include "tests/tools/orrery/program.hpp"

namespace orrery {
namespace {

using testing_program::Outcome;
using testing_program::run_orrery;

/// What the README of the experiment says holds: all limits, on the cases that are not held out.
TEST(ReproduceMegatron, StaysWithinItsLimits) {
  const Outcome outcome = run_orrery({"reproduce", "megatron", "--without-held-out", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err << outcome.out;
  const JsonValue report = parse_json(outcome.out, "stdout");
  const JsonValue& time = report.find("figures")->items.at(0);
  ASSERT_EQ(time.find("name")->string, "iteration_time");
  EXPECT_EQ(value_at(time, "/given/cases")->integer, 4);
  EXPECT_LE(value_at(time, "/given/mean")->real, value_at(time, "/limits/mean")->real);
  EXPECT_LE(value_at(time, "/given/maximum")->real, value_at(time, "/limits/maximum")->real);
  const JsonValue& memory = report.find("figures")->items.at(1);
  ASSERT_EQ(memory.find("name")->string, "activation_memory");
  EXPECT_TRUE(memory.find("holds")->boolean) << to_text(memory, true);
}

}  // namespace
}  // namespace orrery
