#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "kernels/emulation/runner.hpp"
#include "kernels/quantised/check.hpp"
#include "tests/kernels/expect_right.hpp"

namespace orrery::kernels {
namespace {

// The fact that lets one 32-bit multiplication serve four weights, and the product be int8.
TEST(ProgressiveWeights, EveryStepFitsItsByte) {
  constexpr std::size_t kGroup = 128;
  auto weights = reference::uniform(16 * 512, "weights");
  weights[5] = 40;  // an outlier makes its row's other groups small
  const auto quantised = reference::progressive(16, 512, kGroup, weights);
  const auto bytes = reference::widened(quantised, kGroup);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    ASSERT_LE(quantised.q[i] * quantised.group_scale[i / kGroup], 255);
    ASSERT_LE(std::fabs(bytes[i]), 127);
    // Half a step of each scale, and half a step of the zero point.
    const double step = quantised.group_scale[i / kGroup];
    ASSERT_LE(std::fabs(weights[i] / double{quantised.channel_scale[i / 512]} - bytes[i]),
              step + 0.6);
  }
}

TEST(Int4, BytesAreSubtractedWithoutBorrow) {
  for (std::uint32_t x = 0; x < 256; ++x) {
    for (std::uint32_t y = 0; y < 256; ++y) {
      const std::uint32_t difference = subtract_bytes(x * 0x00010001U, y * 0x01000100U + y);
      ASSERT_EQ(difference & 0xffU, (x - y) & 0xffU);
      ASSERT_EQ((difference >> 8) & 0xffU, (0 - y) & 0xffU);
      ASSERT_EQ((difference >> 16) & 0xffU, x);
      ASSERT_EQ(difference >> 24, (0 - y) & 0xffU);
    }
  }
}

TEST(W4A8, MultipliesWhatTheWeightsStandFor) {
  for (const char* order : {"one order", "another"}) {
    EmulatedRunner runner(order);
    expect_right(check_w4a8<32, 32>(runner, 45, 40, 256));
  }
}

TEST(Mixed, BothKindsOfTileAddUpWhoeverDrawsThem) {
  for (const int blocks : {1, 5}) {
    EmulatedRunner runner("mixed");
    expect_right(check_mixed<32, 32>(runner, 45, 40, 64, 256, blocks));
  }
  EmulatedRunner runner("no outliers");
  expect_right(check_mixed<32, 32>(runner, 32, 32, 0, 128, 2));
}

TEST(Lookup, CodebooksInSharedMemoryAndBeyond) {
  EmulatedRunner runner("lookup");
  expect_right(check_lookup<std::uint8_t, 256, 8>(runner, 19, 8 * 75));
  expect_right(check_lookup<std::uint16_t, 4096, 8>(runner, 9, 8 * 40));
  expect_right(check_lookup<std::uint16_t, 1024, 16>(runner, 8, 16 * 33));
  static_assert(kStagedCodebookBytes<256, 8> > 0 && kStagedCodebookBytes<4096, 8> == 0,
                "both ways are tried");
}

TEST(BitSerial, BothWaysAreExact) {
  EmulatedRunner runner("bits");
  expect_right(check_bit_serial<2, 3, 32, 32>(runner, 45, 40, 512));
  expect_right(check_bit_serial<1, 1, 32, 16>(runner, 7, 70, 1024));
}

}  // namespace
}  // namespace orrery::kernels
