#include "sim/base/growing_array.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace orrery {
namespace {

// Through the heap, a mapping of small pages, one with huge pages, and a larger mapping: 64 MB.
TEST(GrowingArray, KeepsItsValuesWhileItGrows) {
  constexpr std::uint64_t kValues = 8'000'000;
  GrowingArray<std::uint64_t> array;
  const auto expected = [](std::uint64_t index) { return index * index + 7; };
  for (std::uint64_t index = 0; index < kValues; ++index) {
    array.push_back(expected(index));
    // What was there at every power of two before is there still.
    if ((index & (index + 1)) != 0) continue;
    for (std::uint64_t at = 1; at <= index; at *= 2) ASSERT_EQ(array[at - 1], expected(at - 1));
  }
  ASSERT_EQ(array.size(), kValues);
  for (std::uint64_t index = 0; index < kValues; ++index) ASSERT_EQ(array[index], expected(index));
}

TEST(GrowingArray, AppendsAValueOfItsOwn) {
  GrowingArray<int> array;
  array.push_back(42);
  for (int i = 0; i < 100'000; ++i) array.push_back(array[0]);
  EXPECT_EQ(array.back(), 42);
}

TEST(GrowingArray, ResizedValuesAreNew) {
  struct Item {
    int value = 5;
  };
  GrowingArray<Item> array;
  array.resize(3);
  array[1].value = 9;
  array.resize(1);
  array.resize(3);
  EXPECT_EQ(array[0].value, 5);
  EXPECT_EQ(array[1].value, 5);
  array.clear();
  EXPECT_TRUE(array.empty());
}

}  // namespace
}  // namespace orrery
