#include <gtest/gtest.h>

#include "kernels/emulation/runner.hpp"
#include "kernels/pack/check.hpp"
#include "tests/kernels/expect_right.hpp"

namespace orrery::kernels {
namespace {

/// The smallest buffer that holds the block.
std::size_t extent(const StridedBlock& block) {
  return bytes_of(block).back() + 1;
}

TEST(StridedPack, MovesExactlyTheBlocksBytesBothWays) {
  const std::vector<StridedBlock> blocks = {
      {.start = 0, .counts = {4096, 1, 1}, .strides = {1, 0, 0}},     // contiguous
      {.start = 3, .counts = {1, 200, 1}, .strides = {1, 5, 0}},      // bytes
      {.start = 2, .counts = {6, 70, 1}, .strides = {1, 14, 0}},      // pairs of bytes
      {.start = 4, .counts = {12, 33, 5}, .strides = {1, 20, 700}},   // words
      {.start = 8, .counts = {24, 10, 7}, .strides = {1, 64, 1000}},  // double words
      {.start = 64,
       .counts = {256, 9, 8},
       .strides = {1, 512, 8192}},                                   // 16 bytes, more than a round
      {.start = 16, .counts = {16, 3, 4}, .strides = {1, 512, 96}},  // the third inside the second
  };
  for (const StridedBlock& block : blocks) {
    EmulatedRunner runner("pack");
    expect_right(check_pack(runner, block, extent(block)));
  }
}

TEST(StridedPack, TakesTheWidestWordThatAllAddressesAllow) {
  StridedBlock block{.start = 0, .counts = {64, 4, 2}, .strides = {1, 128, 1024}};
  const auto* aligned = reinterpret_cast<const void*>(std::uintptr_t{4096});
  const auto* odd = reinterpret_cast<const void*>(std::uintptr_t{4100});
  EXPECT_EQ(word_bytes(block, aligned, aligned), 16);
  EXPECT_EQ(word_bytes(block, odd, aligned), 4);
  EXPECT_EQ(word_bytes(block, aligned, odd), 4);
  block.counts[0] = 40;
  EXPECT_EQ(word_bytes(block, aligned, aligned), 8);
  block.strides[2] = 1026;
  EXPECT_EQ(word_bytes(block, aligned, aligned), 2);
  block.counts[2] = 1;  // and a stride that is never taken does not count
  EXPECT_EQ(word_bytes(block, aligned, aligned), 8);
  block.start = 1;
  EXPECT_EQ(word_bytes(block, aligned, aligned), 1);
}

}  // namespace
}  // namespace orrery::kernels
