#include "kernels/calibrate/statistics.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace orrery::kernels {
namespace {

TEST(Statistics, QuantilesLieBetweenNeighbours) {
  const std::vector<double> samples{1, 2, 4, 8};
  EXPECT_DOUBLE_EQ(quantile(samples, 0), 1);
  EXPECT_DOUBLE_EQ(quantile(samples, 0.5), (2.0 + 4.0) / 2);
  EXPECT_DOUBLE_EQ(quantile(samples, 0.9), 4 + (8 - 4) * (0.9 * 3 - 2));
  EXPECT_DOUBLE_EQ(quantile(samples, 1), 8);
  EXPECT_DOUBLE_EQ(quantile({5}, 0.1), 5);
}

TEST(Statistics, AMedianIsStableWhenItsIntervalIsNarrow) {
  // 25 samples: the interval lies between ranks floor(12.5 - 4.9) = 7 and ceil(12.5 + 4.9) = 18.
  std::vector<double> samples(25, 100.0);
  samples[18] = samples[19] = 102.0;
  for (std::size_t i = 20; i < samples.size(); ++i) samples[i] = 1000;
  EXPECT_TRUE(median_is_stable(samples, 0.01));  // (102 - 100) / 2 = 1 % of 100
  EXPECT_FALSE(median_is_stable(samples, 0.0099));
  EXPECT_FALSE(median_is_stable({1, 1, 1}, 0.01)) << "three samples say too little";
}

}  // namespace
}  // namespace orrery::kernels
