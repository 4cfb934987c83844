// What goes at once from one half of the endpoints to the other, and how far apart they are, as
// `orrery topology` says it, against the numbers that follow from the shape.
#include <gtest/gtest.h>

#include <algorithm>

#include "models/topology/figures.hpp"
#include "tests/suites/topology_samples.hpp"

namespace orrery {
namespace {

TEST(TopologyFigures, BisectionIsThatOfTheShape) {
  int stated = 0;
  for (const Sample& sample : all_samples()) {
    if (sample.halves == 0) continue;
    SCOPED_TRACE(sample.section);
    ++stated;
    const TopologyFigures figures = figures_of(*make_topology(sample.section, sample.site));
    EXPECT_NEAR(figures.bisection, sample.halves * 1e9,
                1e-5 * sample.halves * 1e9);  // bundles are rounded to a whole unit
  }
  EXPECT_GT(stated, 25);
}

TEST(TopologyFigures, HopsAreThoseOfTheShape) {
  for (const Sample& sample : all_samples()) {
    SCOPED_TRACE(sample.section);
    const auto topology = make_topology(sample.section, sample.site);
    const int n = topology->endpoints();
    int most = 0;
    double sum = 0;
    for (int from = 0; from < n; ++from) {
      for (int to = 0; to < n; ++to) {
        if (from == to) continue;
        const int hops = static_cast<int>(sample.hops(from, to));
        most = std::max(most, hops);
        sum += hops;
      }
    }
    const TopologyFigures figures = figures_of(*topology);
    EXPECT_EQ(figures.diameter, most);
    const double pairs = static_cast<double>(n) * (n - 1);
    EXPECT_NEAR(figures.mean_hops, pairs > 0 ? sum / pairs : 0, 1e-12 * n);
  }
}

}  // namespace
}  // namespace orrery
