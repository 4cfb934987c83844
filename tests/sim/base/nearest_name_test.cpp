#include <gtest/gtest.h>

#include "sim/base/json_cursor.hpp"

namespace orrery {
namespace {

TEST(NearestName, FindsSmallSlips) {
  const std::vector<std::string> names = {"ring", "tree", "fat_tree", "hypercube"};
  EXPECT_EQ(nearest_name("rings", names), "ring");
  EXPECT_EQ(nearest_name("RING", names), "ring");
  EXPECT_EQ(nearest_name("fattree", names), "fat_tree");
  EXPECT_EQ(nearest_name("hypercbue", names), "hypercube");
}

TEST(NearestName, TakesABeginningForTheShortestNameThatGoesOnFromIt) {
  const std::vector<std::string> names = {"a10", "a100_sxm_80gb", "a100_pcie", "h100_sxm"};
  EXPECT_EQ(nearest_name("h100", names), "h100_sxm");
  EXPECT_EQ(nearest_name("A100", names), "a100_pcie");
  EXPECT_EQ(nearest_name("a1", names), "a10");   // too short to be a beginning
  EXPECT_EQ(nearest_name("h10", names), "a10");  // what goes on from it must begin a new word
}

TEST(NearestName, StaysSilentWhenNothingIsNear) {
  const std::vector<std::string> names = {"ring", "x"};
  EXPECT_EQ(nearest_name("dragonfly", names), "");
  EXPECT_EQ(nearest_name("", names), "");
  EXPECT_EQ(nearest_name("y", names), "");
  EXPECT_EQ(nearest_name("ring", {}), "");
  EXPECT_EQ(nearest_name(std::string(1'000'000, 'r'), names), "");
}

TEST(NearestName, ToleratesAThirdOfALongName) {
  const std::string name = "abcdefghijkl";
  const std::vector<std::string> four_off = {"abcdefgh____"};
  const std::vector<std::string> five_off = {"abcdefg_____"};
  EXPECT_EQ(nearest_name(name, four_off), four_off[0]);
  EXPECT_EQ(nearest_name(name, five_off), "");
}

}  // namespace
}  // namespace orrery
