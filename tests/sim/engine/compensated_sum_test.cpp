#include "sim/engine/compensated_sum.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "sim/base/random.hpp"

namespace orrery {
namespace {

// 0.1 and the like are no doubles: a plain sum drifts with every one that comes or goes.
TEST(CompensatedSum, WhatComesAndGoesAMillionTimesLeavesNoTrace) {
  constexpr int kTerms = 1'000'000;
  RandomStream random(1, "compensated_sum_test");
  CompensatedSum sum(0.3);
  double plain = 0.3;
  std::vector<double> terms;
  for (int i = 0; i < kTerms; ++i) {
    if (terms.empty() || random.integer(0, 1) == 0) {
      terms.push_back(random.uniform() * 1e12);
      sum.add(terms.back());
      plain += terms.back();
    } else {
      const auto last = static_cast<std::int64_t>(terms.size()) - 1;
      std::swap(terms.back(), terms[static_cast<std::size_t>(random.integer(0, last))]);
      sum.add(-terms.back());
      plain -= terms.back();
      terms.pop_back();
    }
  }
  for (const double term : terms) {
    sum.add(-term);
    plain -= term;
  }
  EXPECT_DOUBLE_EQ(sum.value(), 0.3);
  EXPECT_GT(std::abs(plain - 0.3), 1e-6) << "a plain sum would do";
}

}  // namespace
}  // namespace orrery
