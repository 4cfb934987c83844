#include "sim/base/hash.hpp"

#include <gtest/gtest.h>

namespace orrery {
namespace {

// Test vectors of the authors: draft-eastlake-fnv, appendix "A Few Test Vectors", 64 bits.
TEST(Fnv1a, GivesTheValuesOfItsAuthors) {
  EXPECT_EQ(fnv1a(""), 0xcbf29ce484222325U);
  EXPECT_EQ(fnv1a("a"), 0xaf63dc4c8601ec8cU);
  EXPECT_EQ(fnv1a("foobar"), 0x85944171f73967e8U);
}

TEST(Fnv1a, TakesCharactersAsOctets) {
  EXPECT_EQ(fnv1a("\xff"), fnv1a_step(kFnv1aBasis, 0xff));
}

TEST(Fnv1a, HexHasSixteenDigits) {
  EXPECT_EQ(fnv1a_hex("a"), "af63dc4c8601ec8c");
  EXPECT_EQ(fnv1a_hex("foobar"), "85944171f73967e8");
}

}  // namespace
}  // namespace orrery
