#include "kernels/linear_attention/check.hpp"

#include <gtest/gtest.h>

#include "kernels/emulation/runner.hpp"
#include "tests/kernels/expect_right.hpp"

namespace orrery::kernels {
namespace {

TEST(LinearAttention, ChunksEqualTheRecurrenceOverTokens) {
  for (const char* order : {"one order", "another"}) {
    EmulatedRunner runner(order);
    expect_right(check_linear_attention<64>(runner, 2, 3 * kAttentionChunk));
  }
}

TEST(LinearAttention, WiderHeadsAreCutIntoParts) {
  EmulatedRunner runner("wide");
  expect_right(check_linear_attention<128>(runner, 1, 2 * kAttentionChunk));
}

}  // namespace
}  // namespace orrery::kernels
