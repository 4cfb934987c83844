#include "sim/base/precision.hpp"

#include <gtest/gtest.h>

#include <set>

#include "sim/base/errors.hpp"

namespace orrery {
namespace {

TEST(Precision, NamesAreDistinctAndLeadBack) {
  std::set<std::string_view> names;
  for (const Precision precision : kPrecisions) {
    names.insert(to_string(precision));
    EXPECT_EQ(precision_from(to_string(precision)), precision);
  }
  EXPECT_EQ(names.size(), kPrecisions.size());
}

TEST(Precision, UnknownNamesLeadNowhere) {
  EXPECT_EQ(precision_from("fp64"), std::nullopt);
  EXPECT_EQ(precision_from("BF16"), std::nullopt);
  EXPECT_EQ(precision_from(""), std::nullopt);
}

TEST(Storage, FollowsTheWidthOfTheFormat) {
  constexpr std::int64_t kElements = 10;
  EXPECT_EQ(storage(Precision::fp32, kElements), Bytes(4 * kElements));
  EXPECT_EQ(storage(Precision::tf32, kElements), Bytes(4 * kElements));
  EXPECT_EQ(storage(Precision::bf16, kElements), Bytes(2 * kElements));
  EXPECT_EQ(storage(Precision::fp16, kElements), Bytes(2 * kElements));
  EXPECT_EQ(storage(Precision::fp8, kElements), Bytes(kElements));
  EXPECT_EQ(storage(Precision::int8, kElements), Bytes(kElements));
  EXPECT_EQ(storage(Precision::int4, kElements), Bytes(kElements / 2));
}

TEST(Storage, RoundsUpToWholeBytes) {
  EXPECT_EQ(storage(Precision::int4, 0), Bytes(0));
  EXPECT_EQ(storage(Precision::int4, 1), Bytes(1));
  EXPECT_EQ(storage(Precision::int4, 3), Bytes(2));
}

TEST(Storage, ThrowsBeyondTheRange) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 4;
  EXPECT_EQ(storage(Precision::fp32, kMost), Bytes(4 * kMost));
  EXPECT_THROW((void)storage(Precision::fp32, kMost + 1), OverflowError);
  EXPECT_EQ(storage(Precision::int4, Bytes::max().count()), Bytes(2 * kMost + 2));
  EXPECT_THROW((void)storage(Precision::fp32, -1), InternalError);
}

}  // namespace
}  // namespace orrery
