#include <gtest/gtest.h>

#include "kernels/convolution/check.hpp"
#include "kernels/emulation/runner.hpp"
#include "tests/kernels/expect_right.hpp"

namespace orrery::kernels {
namespace {

// Three bands: one at either border, one with two neighbours. Neither the 30 pixels nor the 40
// outputs of a band fill their tiles.
TEST(Convolution, BandsWithTheirHalosEqualTheWholeImage) {
  for (const char* order : {"one order", "another"}) {
    EmulatedRunner runner(order);
    expect_right(check_convolution<32, 32>(
        runner, {.images = 2, .rows = 3, .width = 5, .inputs = 64, .outputs = 40}, 3));
  }
}

TEST(Convolution, ABandOfOneRowHasTwoHalos) {
  EmulatedRunner runner("one row");
  expect_right(check_convolution<64, 32>(
      runner, {.images = 1, .rows = 1, .width = 7, .inputs = 32, .outputs = 8}, 3));
}

TEST(GroupNorm, BandStatisticsCorrectThoseOfAllBands) {
  for (const char* order : {"one order", "another"}) {
    EmulatedRunner runner(order);
    expect_right(check_group_norm(
        runner, {.images = 2, .pixels = 77, .channels = 24, .groups = 4, .epsilon = 1e-5F}));
  }
}

}  // namespace
}  // namespace orrery::kernels
