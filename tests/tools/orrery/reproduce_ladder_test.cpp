#include <gtest/gtest.h>

#include <cmath>

#include "tests/tools/orrery/reproduced_case.hpp"

namespace orrery {
namespace {

using testing_program::number;
using testing_program::ReproducedCase;
using testing_program::run_case;

/// Two of the cases; all take a minute.
class ReproduceLadder : public testing::TestWithParam<const char*> {};

TEST_P(ReproduceLadder, FollowsFromStandardAndTheUpperBound) {
  const ReproducedCase of = run_case("ladder", GetParam());
  ASSERT_EQ(of.exit_code, 0);
  const double simulated = of.simulated("/tokens_per_s");
  const double published = number(*value_at(of.published, "/published/tokens_per_s/value"));
  const JsonValue& figure = of.document.find("figures")->items.at(0);
  EXPECT_LE(std::abs(simulated / published - 1), number(*value_at(figure, "/limits/maximum")))
      << simulated;
}

INSTANTIATE_TEST_SUITE_P(Cases, ReproduceLadder,
                         testing::Values("ladder, tensor 8, batch 1, NVLink",
                                         "parallel_attention, tensor 8, batch 1, no P2P"),
                         [](const auto& which) { return "case_" + std::to_string(which.index); });

}  // namespace
}  // namespace orrery
