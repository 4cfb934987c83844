#include "models/jitter.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "sim/base/hash.hpp"
#include "tests/theory/small_cluster.hpp"

namespace orrery {
namespace {

using Kind = JitterLaw::Kind;

constexpr int kDraws = 200'000;

struct Moments {
  double mean = 0;
  double deviation = 0;
};

Moments moments_of(const JitterLaw& law) {
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double draw = jitter_factor(law, scramble(static_cast<std::uint64_t>(i)));
    sum += draw;
    squares += draw * draw;
  }
  const double mean = sum / kDraws;
  return {mean, std::sqrt(squares / kDraws - mean * mean)};
}

// The mean of N draws is off by c / sqrt(N) (one standard deviation); five of them are allowed. The
// standard deviation is off by c sqrt((kurtosis - 1) / 4N), of which the exponential's 9 is the
// greatest here, and the allowance is 5 again.
TEST(JitterFactor, HasMeanOneAndTheDeviationThatWasAsked) {
  const std::vector<JitterLaw> laws = {{Kind::normal, 0.1},      {Kind::lognormal, 0.05},
                                       {Kind::lognormal, 0.5},   {Kind::exponential, 1},
                                       {Kind::exponential, 0.2}, {Kind::uniform, 0.3}};
  constexpr double kKurtosis = 9;
  for (const JitterLaw& law : laws) {
    const Moments found = moments_of(law);
    const double c = law.coefficient_of_variation;
    EXPECT_NEAR(found.mean, 1, 5 * c / std::sqrt(kDraws)) << static_cast<int>(law.kind);
    EXPECT_NEAR(found.deviation, c, 5 * c * std::sqrt((kKurtosis - 1) / (4.0 * kDraws)))
        << static_cast<int>(law.kind);
  }
}

TEST(JitterFactor, WithoutALawIsOne) {
  EXPECT_EQ(jitter_factor({}, 123), 1);
}

TEST(JitterFactor, StaysInTheRangeOfItsLaw) {
  const double c = 0.4;
  for (std::uint64_t key = 0; key < 10'000; ++key) {
    EXPECT_GE(jitter_factor({Kind::exponential, c}, scramble(key)), 1 - c);
    EXPECT_GT(jitter_factor({Kind::lognormal, c}, scramble(key)), 0);
    EXPECT_LE(std::abs(jitter_factor({Kind::uniform, c}, scramble(key)) - 1), std::sqrt(3) * c);
  }
}

Variability varied(std::uint64_t seed) {
  Variability variability;
  variability.kernel_jitter = {Kind::lognormal, 0.1};
  variability.launch_jitter = {Kind::lognormal, 0.1};
  variability.seed = seed;
  return variability;
}

const Kernel kKernel = kernel_of(Flops(1'000'000'000), Bytes(0));

TEST(JitterOfAGraph, DoesNotDependOnOtherRanksAndTheirOps) {
  GraphOf small(2);
  const OpId first = small.compute({0, 1}, kKernel);
  const OpId second = small.compute({1}, kKernel);
  GraphOf large(5);
  large.compute({0, 4}, kKernel);  // one before those of rank 1
  const OpId same_first = large.compute({3, 1}, kKernel);
  large.compute({2, 0}, kKernel);
  const OpId same_second = large.compute({1, 2}, kKernel);
  const Jitter a(small, varied(7));
  const Jitter b(large, varied(7));
  EXPECT_EQ(a.kernel({first, 1}, 1), b.kernel({same_first, 1}, 1));
  EXPECT_EQ(a.kernel({second, 0}, 1), b.kernel({same_second, 0}, 1));
  EXPECT_EQ(a.launch({second, 0}, 1), b.launch({same_second, 0}, 1));
}

TEST(JitterOfAGraph, DiffersByRankKernelPurposeAndSeed) {
  GraphOf graph(2);
  const OpId first = graph.compute({0, 1}, kKernel);
  const OpId second = graph.compute({0, 1}, kKernel);
  const Jitter jitter(graph, varied(7));
  const double one = jitter.kernel({first, 0}, 0);
  EXPECT_EQ(jitter.kernel({first, 0}, 0), one) << "asked again";
  EXPECT_NE(jitter.kernel({first, 1}, 1), one);
  EXPECT_NE(jitter.kernel({second, 0}, 0), one);
  EXPECT_NE(jitter.launch({first, 0}, 0), one);
  EXPECT_NE(Jitter(graph, varied(8)).kernel({first, 0}, 0), one);
}

}  // namespace
}  // namespace orrery
