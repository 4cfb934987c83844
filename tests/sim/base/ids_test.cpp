#include "sim/base/ids.hpp"

#include <gtest/gtest.h>

namespace orrery {
namespace {

struct RankTag;
using RankId = Id<RankTag>;

TEST(Id, IsInvalidUntilItHasAnIndex) {
  EXPECT_FALSE(RankId().valid());
  EXPECT_TRUE(RankId(0).valid());
  EXPECT_EQ(RankId(7).index(), 7U);
}

TEST(Id, ComparesByIndex) {
  EXPECT_EQ(RankId(3), RankId(3));
  EXPECT_LT(RankId(3), RankId(4));
  EXPECT_NE(RankId(3), RankId());
}

}  // namespace
}  // namespace orrery
