#include <gtest/gtest.h>

#include "kernels/emulation/runner.hpp"
#include "kernels/moe/check.hpp"
#include "tests/kernels/expect_right.hpp"

namespace orrery::kernels {
namespace {

// Of 90 choices, the first of seven experts has about half and some later one few or none.
TEST(Experts, RouteMultiplyAndBringBack) {
  for (const char* order : {"one order", "another"}) {
    EmulatedRunner runner(order);
    expect_right(check_experts<32, 32>(runner, 45, 2, 7, 64));
  }
}

TEST(Experts, MoreExpertsThanTokensLeaveMostEmpty) {
  EmulatedRunner runner("empty");
  expect_right(check_experts<32, 32>(runner, 3, 1, 16, 32));
}

// More choices than threads in a block of `route`, so that it goes round.
TEST(Experts, RoutingGoesRoundTheTable) {
  EmulatedRunner runner("round");
  expect_right(check_experts<64, 16>(runner, 130, 4, 3, 32));
}

TEST(Experts, TilesAreBoundedFromAbove) {
  // Each of three experts wastes part of a tile: 65 + 1 + 1 rows are 2 + 1 + 1 tiles of 64.
  EXPECT_GE(most_row_tiles(67, 3, 64), 4);
  // No more tiles than rows.
  EXPECT_LE(most_row_tiles(3, 16, 64), 3);
}

}  // namespace
}  // namespace orrery::kernels
