#include <gtest/gtest.h>

#include "tests/oracle/sharing_instance.hpp"
#include "tests/sampled.hpp"

namespace orrery {
namespace {

using oracle::Instance;
using oracle::InstanceLimits;

TEST(SharingOracle, FreshInstancesEqualExactProgressiveFilling) {
  constexpr std::uint64_t kInstances = sampled(2'000);
  std::size_t largest = 0;
  for (std::uint64_t seed = 0; seed < kInstances; ++seed) {
    SCOPED_TRACE(seed);
    Instance instance(seed, "fresh");
    for (int i = 0; i < 12; ++i) instance.step();
    instance.expect_equal();
    largest = std::max(largest, instance.size());
    if (HasFatalFailure()) return;
  }
  EXPECT_GE(largest, 10U);
}

TEST(SharingOracle, EveryIncrementalChangeKeepsTheAllocationExact) {
  constexpr std::uint64_t kInstances = sampled(150);
  for (std::uint64_t seed = 0; seed < kInstances; ++seed) {
    SCOPED_TRACE(seed);
    Instance instance(seed, "incremental");
    for (int i = 0; i < 60; ++i) {
      instance.step();
      instance.expect_equal();
      if (HasFatalFailure()) return;
    }
  }
}

TEST(SharingOracle, ManyChangesBetweenSolvesKeepTheAllocationExact) {
  constexpr std::uint64_t kInstances = sampled(150);
  for (std::uint64_t seed = 0; seed < kInstances; ++seed) {
    SCOPED_TRACE(seed);
    Instance instance(seed, "batches");
    for (int batch = 0; batch < 12; ++batch) {
      for (int i = 0; i < 7; ++i) instance.step();
      instance.expect_equal();
      if (HasFatalFailure()) return;
    }
  }
}

// Resources alike, filled by the same shares, are full at the same level. Each is then exactly full
// for the classes below, also where the level is no double.
TEST(SharingOracle, TiesLeaveNothingToLowerClasses) {
  constexpr std::uint64_t kInstances = sampled(150);
  std::size_t starved = 0;
  for (std::uint64_t seed = 0; seed < kInstances; ++seed) {
    SCOPED_TRACE(seed);
    Instance instance(seed, "ties", {.alike = true, .priorities = {2, 3}, .bounded_in = 1'000});
    for (int i = 0; i < 60; ++i) {
      instance.step();
      instance.expect_equal();
      if (HasFatalFailure()) return;
    }
    starved += instance.starved();
  }
  EXPECT_GE(starved, 10 * kInstances);
}

// Large components, where everything is filled without a search (Sharing::whole_fills): from 64
// shares on in one that holds more than half of all. Every change is solved; the exact filling,
// which is slow, looks at every few.

InstanceLimits large(oracle::CountBetween resources, oracle::CountBetween priorities) {
  return {.resources = resources, .priorities = priorities, .capacity = 2'000, .uses = 3};
}

/// Brings the instance to `wanted` shares and keeps it there for some changes.
void change(Instance& instance, std::size_t wanted, int changes, int compare_every) {
  for (int i = 0; i < changes; ++i) {
    instance.step_towards(wanted);
    instance.solve();
    if (i % compare_every == compare_every - 1) instance.expect_equal();
    if (testing::Test::HasFatalFailure()) return;
  }
}

void expect_whole_fills_are_exact(std::string_view name, const InstanceLimits& limits,
                                  std::uint64_t instances, std::int64_t most_shares) {
  constexpr int kChanges = 60;
  std::uint64_t whole_fills = 0;
  std::size_t bounds_reached = 0;
  for (std::uint64_t seed = 0; seed < instances; ++seed) {
    SCOPED_TRACE(seed);
    Instance instance(seed, name, limits);
    RandomStream random(seed, "shares");
    const auto wanted = static_cast<std::size_t>(random.integer(80, most_shares));
    while (instance.size() < wanted) instance.step_towards(wanted);
    change(instance, wanted, kChanges, 10);
    if (testing::Test::HasFatalFailure()) return;
    whole_fills += instance.sharing().whole_fills();
    bounds_reached += instance.bounds_reached();
  }
  EXPECT_GE(whole_fills, instances * kChanges / 2);
  EXPECT_GE(bounds_reached, 10 * instances);
}

TEST(SharingOracle, WholeFillsOfOnePriorityAreExact) {
  expect_whole_fills_are_exact("whole", large({5, 12}, {1, 1}), sampled(25), 120);
}

TEST(SharingOracle, WholeFillsOfThreePrioritiesAreExact) {
  expect_whole_fills_are_exact("whole, priorities", large({5, 12}, {2, 3}), sampled(25), 120);
}

TEST(SharingOracle, WholeFillsOfTwoHundredSharesOnThirtyResourcesAreExact) {
  expect_whole_fills_are_exact("whole, many", large({20, 30}, {1, 2}), sampled(10), 200);
}

TEST(SharingOracle, WholeFillsWhereMostBoundsBindAreExact) {
  InstanceLimits limits = large({5, 12}, {1, 2});
  limits.capacity = 200;
  limits.bounded_in = 1;
  limits.bound_halves = 6;
  expect_whole_fills_are_exact("whole, bounds", limits, sampled(25), 120);
}

// Below 64 shares components are searched for again, after the whole fills still due; above they
// are not.
TEST(SharingOracle, GoingBackFromWholeFillsToComponentsIsExact) {
  constexpr std::size_t kMany = 90;
  constexpr std::size_t kFew = 25;
  constexpr int kWholeFillsDue = 32;
  for (std::uint64_t seed = 0; seed < sampled(6); ++seed) {
    SCOPED_TRACE(seed);
    Instance instance(seed, "back", large({5, 12}, {1, 3}));
    std::uint64_t whole = 0;
    for (int cycle = 0; cycle < 2; ++cycle) {
      change(instance, kMany, 200, 40);
      EXPECT_GT(instance.sharing().whole_fills(), whole) << "cycle " << cycle;
      while (instance.size() > kFew) change(instance, kFew, 1, 1'000);
      change(instance, kFew, kWholeFillsDue, 4);
      whole = instance.sharing().whole_fills();
      change(instance, kFew, 40, 4);
      if (HasFatalFailure()) return;
      EXPECT_EQ(instance.sharing().whole_fills(), whole) << "cycle " << cycle;
    }
  }
}

}  // namespace
}  // namespace orrery
