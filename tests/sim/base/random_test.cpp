#include "sim/base/random.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "sim/base/errors.hpp"

namespace orrery {
namespace {

constexpr std::uint64_t kSeed = 7;

std::vector<std::uint64_t> first_bits(std::uint64_t seed, std::string_view name) {
  RandomStream stream(seed, name);
  std::vector<std::uint64_t> result(100);
  for (std::uint64_t& bits : result) {
    bits = stream.bits();
  }
  return result;
}

TEST(RandomStream, IsSeededByPublishedMixers) {
  // First output of splitmix64 from state 0, and the FNV-1a hash of "a", from their authors'
  // tables.
  constexpr std::uint64_t kMixedZero = 0xE220A8397B1DCDAFU;
  constexpr std::uint64_t kHashOfA = 0xAF63DC4C8601EC8CU;
  std::mt19937_64 expected(kMixedZero ^ kHashOfA);
  EXPECT_EQ(RandomStream(0, "a").bits(), expected());
}

TEST(RandomStream, EqualNamesGiveEqualNumbers) {
  EXPECT_EQ(first_bits(kSeed, "straggler"), first_bits(kSeed, "straggler"));
}

TEST(RandomStream, OtherNamesAndSeedsShareNoNumbers) {
  std::set<std::uint64_t> seen;
  std::size_t drawn = 0;
  for (const std::uint64_t seed : {kSeed, kSeed + 1}) {
    for (const std::string_view name : {"", "a", "b", "ab", "ba"}) {
      const std::vector<std::uint64_t> bits = first_bits(seed, name);
      seen.insert(bits.begin(), bits.end());
      drawn += bits.size();
    }
  }
  EXPECT_EQ(seen.size(), drawn);
}

TEST(RandomStream, AnotherConsumerDoesNotShiftTheNumbers) {
  const std::vector<std::uint64_t> alone = first_bits(kSeed, "routing");
  RandomStream routing(kSeed, "routing");
  RandomStream other(kSeed, "other");
  for (const std::uint64_t expected : alone) {
    other.bits();
    EXPECT_EQ(routing.bits(), expected);
  }
}

TEST(RandomStream, NamedStreamsAreUncorrelated) {
  RandomStream first(kSeed, "first");
  RandomStream second(kSeed, "second");
  constexpr int kDraws = 100'000;
  double sum = 0;
  for (int draw = 0; draw < kDraws; ++draw) {
    sum += (first.uniform() - 0.5) * (second.uniform() - 0.5);
  }
  // The sum of products has variance kDraws / 144; five standard deviations.
  EXPECT_LT(std::abs(sum), 5 * std::sqrt(kDraws / 144.0));
}

TEST(Uniform, FillsTheUnitIntervalWithoutItsEnd) {
  RandomStream stream(kSeed, "uniform");
  constexpr int kDraws = 100'000;
  double sum = 0;
  double least = 1;
  double greatest = 0;
  for (int draw = 0; draw < kDraws; ++draw) {
    const double number = stream.uniform();
    least = std::min(least, number);
    greatest = std::max(greatest, number);
    sum += number;
  }
  EXPECT_GE(least, 0.0);
  EXPECT_LT(greatest, 1.0);
  EXPECT_LT(least, 0.001);
  EXPECT_GT(greatest, 0.999);
  // Variance of the mean: 1 / (12 kDraws); five standard deviations.
  EXPECT_NEAR(sum / kDraws, 0.5, 5 / std::sqrt(12.0 * kDraws));
}

TEST(Integer, HitsEveryValueEquallyOften) {
  RandomStream stream(kSeed, "dice");
  constexpr std::int64_t kLow = -2;
  constexpr std::size_t kFaces = 6;
  constexpr int kDraws = 60'000;
  std::array<int, kFaces> hits{};
  for (int draw = 0; draw < kDraws; ++draw) {
    const std::int64_t face = stream.integer(kLow, kLow + static_cast<std::int64_t>(kFaces) - 1);
    ++hits.at(static_cast<std::size_t>(face - kLow));
  }
  const double expected = static_cast<double>(kDraws) / kFaces;
  for (const int count : hits) {
    // Binomial, variance < expected; five standard deviations.
    EXPECT_NEAR(count, expected, 5 * std::sqrt(expected));
  }
}

TEST(Integer, IsUnbiasedWhereARemainderWouldNotBe) {
  // Of 2^64 values, the remainder by 3 * 2^62 would put half into the lowest third, not a third.
  RandomStream stream(kSeed, "wide");
  constexpr std::int64_t kLow = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kThird = std::int64_t{1} << 62;
  constexpr int kDraws = 10'000;
  int lowest = 0;
  for (int draw = 0; draw < kDraws; ++draw) {
    lowest += stream.integer(kLow, kThird - 1) < kLow + kThird ? 1 : 0;
  }
  EXPECT_NEAR(lowest, kDraws / 3.0, 5 * std::sqrt(kDraws * 2.0 / 9.0));
}

TEST(Integer, TakesTheWidestAndTheNarrowestRange) {
  constexpr std::int64_t kLow = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kHigh = std::numeric_limits<std::int64_t>::max();
  RandomStream stream(kSeed, "range");
  RandomStream same(kSeed, "range");
  EXPECT_EQ(stream.integer(kLow, kHigh), static_cast<std::int64_t>(same.bits()));
  EXPECT_EQ(stream.integer(5, 5), 5);
  EXPECT_THROW((void)stream.integer(5, 4), InternalError);
}

TEST(Normal, HasMeanZeroAndVarianceOne) {
  RandomStream stream(kSeed, "normal");
  constexpr int kDraws = 100'000;
  double sum = 0;
  double squares = 0;
  int beyond_one = 0;
  for (int draw = 0; draw < kDraws; ++draw) {
    const double number = stream.normal();
    sum += number;
    squares += number * number;
    beyond_one += std::abs(number) > 1 ? 1 : 0;
  }
  // Five standard deviations: of the mean 1/sqrt(n), of the mean square sqrt(2/n), of a share p
  // sqrt(p (1 - p) / n) with p = erfc(1/sqrt(2)).
  EXPECT_NEAR(sum / kDraws, 0.0, 5 / std::sqrt(1.0 * kDraws));
  EXPECT_NEAR(squares / kDraws, 1.0, 5 * std::sqrt(2.0 / kDraws));
  const double share = std::erfc(std::sqrt(0.5));
  EXPECT_NEAR(static_cast<double>(beyond_one) / kDraws, share,
              5 * std::sqrt(share * (1 - share) / kDraws));
}

}  // namespace
}  // namespace orrery
