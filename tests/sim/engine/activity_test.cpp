#include "sim/engine/activity.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <iterator>
#include <map>
#include <vector>

#include "sim/base/errors.hpp"

namespace orrery {
namespace {

using namespace literals;

struct Ends final : EventHandler {
  explicit Ends(Engine& e) : engine(&e) {}
  void handle_event(std::uint64_t token) override { at[token] = engine->now(); }
  Engine* engine;
  std::map<std::uint64_t, Time> at;
};

/// Starts something at a later time.
struct Later final : EventHandler {
  template <class Action>
  Later(Engine& engine, Duration delay, Action a) : action(std::move(a)) {
    engine.schedule(Time(delay), Phase::issue, *this);
  }
  void handle_event(std::uint64_t) override { action(); }
  std::function<void()> action;
};

class ActivityTest : public ::testing::Test {
 protected:
  ShareId start(double work, ResourceId resource, std::uint64_t token, ShareTerms terms = {}) {
    const Usage usage{resource, 1};
    return activities.start(Activity{work, {&usage, 1}, terms}, ends, token);
  }

  Engine engine;
  Activities activities{engine};
  Ends ends{engine};
  const double rate = 1e9;  // units per second
  const ResourceId link = activities.add_resource(rate);
};

TEST_F(ActivityTest, OneMebibyteAtOneGigabytePerSecondIsExact) {
  start((1_MiB).as_double(), link, 1);
  engine.run();
  EXPECT_EQ(ends.at[1], Time(transfer_time(1_MiB, 1_GBps)));
  EXPECT_EQ(ends.at[1].picoseconds(), 1'048'576'000);
}

// A half of a picosecond stays one whatever the last bits of the rate, and what is less by more
// than rounding does not become one.
TEST_F(ActivityTest, EndsDoNotDependOnTheLastBitsOfARate) {
  const double third = 25e9 / 3;
  const double work = 5647.0625;  // 677 647.5 ps
  double faster = third;
  double slower = third;
  for (int bit = 0; bit < 4; ++bit) {
    faster = std::nextafter(faster, 1e12);
    slower = std::nextafter(slower, 0);
  }
  const double rates[] = {third, faster, slower, third * (1 + 1e-10)};
  for (std::uint64_t i = 0; i < std::size(rates); ++i) {
    start(work, activities.add_resource(rates[i]), i);
  }
  engine.run();
  for (const std::uint64_t i : {0, 1, 2}) EXPECT_EQ(ends.at[i].picoseconds(), 677'648) << i;
  EXPECT_EQ(ends.at[3].picoseconds(), 677'647) << "67 millionths of a picosecond less";
}

TEST_F(ActivityTest, TwoEqualsShareAndTheSecondSpeedsUpWhenTheFirstEnds) {
  const double small = 1e6;
  const double large = 3e6;
  start(small, link, 1);
  start(large, link, 2);
  engine.run();
  EXPECT_EQ(ends.at[1], Time(duration_from_seconds(2 * small / rate)));
  EXPECT_EQ(ends.at[2], Time(duration_from_seconds((small + large) / rate)));
}

TEST_F(ActivityTest, ALateArrivalSlowsWhatIsRunning) {
  const double work = 2e6;
  const Duration arrival = 1_ms;
  start(work, link, 1);
  Later later(engine, arrival, [&] { start(work, link, 2); });
  engine.run();
  // Alone for 1 ms, then half the rate for the other half of the work, then the rest alone.
  EXPECT_EQ(ends.at[1], Time(arrival + duration_from_seconds(2 * (work / 2) / rate)));
  EXPECT_EQ(ends.at[2], Time(duration_from_seconds(2 * work / rate)));
}

TEST_F(ActivityTest, AHigherPriorityStopsTheLowerUntilItEnds) {
  const double work = 1e6;
  start(work, link, 1, ShareTerms{.priority = 0});
  start(work, link, 2, ShareTerms{.priority = 1});
  engine.run();
  EXPECT_EQ(ends.at[2], Time(duration_from_seconds(work / rate)));
  EXPECT_EQ(ends.at[1], Time(duration_from_seconds(2 * work / rate)));
}

TEST_F(ActivityTest, ACapacityChangeTakesEffectAtItsInstantAlsoWithoutContention) {
  const double work = 2e6;
  start(work, link, 1);
  Later later(engine, 1_ms, [&] { activities.set_capacity(link, rate / 4); });
  engine.run();
  EXPECT_EQ(ends.at[1], Time(1_ms + duration_from_seconds((work / 2) / (rate / 4))));
}

TEST_F(ActivityTest, CancellingGivesTheCapacityBackAndCountsOnlyWhatWasDone) {
  const double work = 4e6;
  const ShareId first = start(work, link, 1);
  start(work, link, 2);
  Later later(engine, 2_ms, [&] { activities.cancel(first); });
  engine.run();
  const double done_by_first = rate / 2 * 2e-3;
  EXPECT_EQ(ends.at.count(1), 0U);
  EXPECT_EQ(ends.at[2], Time(2_ms + duration_from_seconds((work - done_by_first) / rate)));
  EXPECT_NEAR(activities.done()[link.index()], work + done_by_first, 1e-6);
}

TEST_F(ActivityTest, WhatIsDoneGrowsAtTheRateOfEachMoment) {
  const double work = 4e6;
  const double coefficient = 2;  // of which the link carries twice as much
  const ResourceId wide = activities.add_resource(1e12);
  const std::vector<Usage> usages = {{link, 1}, {wide, coefficient}};
  activities.start(Activity{work, usages, {}}, ends, 1);
  std::vector<double> after_1_ms;
  std::vector<double> after_3_ms;
  Later first(engine, 1_ms, [&] { after_1_ms = activities.done(); });
  Later joins(engine, 2_ms, [&] { start(work, link, 2); });
  Later second(engine, 3_ms, [&] { after_3_ms = activities.done(); });
  engine.run();
  EXPECT_NEAR(after_1_ms[link.index()], rate * 1e-3, 1e-3);
  EXPECT_NEAR(after_1_ms[wide.index()], coefficient * rate * 1e-3, 1e-3);
  EXPECT_NEAR(after_3_ms[link.index()], rate * 3e-3, 1e-3);
  EXPECT_NEAR(after_3_ms[wide.index()], coefficient * rate * 2.5e-3, 1e-3);
  EXPECT_NEAR(activities.done()[link.index()], 2 * work, 1e-3);
}

TEST_F(ActivityTest, NoWorkEndsAtOnceInTheSameInstant) {
  start(0, link, 1);
  engine.run();
  EXPECT_EQ(ends.at[1], Time());
}

TEST_F(ActivityTest, AKernelIsBoundByTheSlowestOfWhatItUses) {
  const ResourceId math = activities.add_resource(1);
  const ResourceId memory = activities.add_resource(2e12);
  const double math_seconds = 3e-6;
  const double bytes = 10e6;  // 5 us of memory
  const std::vector<Usage> usages = {{math, math_seconds}, {memory, bytes}};
  activities.start(Activity{1, usages, {}}, ends, 1);
  engine.run();
  EXPECT_EQ(ends.at[1], Time(duration_from_seconds(bytes / 2e12)));
}

TEST_F(ActivityTest, RatesAreSolvedOncePerInstant) {
  constexpr int kActivities = 100;
  for (std::uint64_t i = 0; i < kActivities; ++i) start(1e6, link, i);
  engine.run();
  // All start in one instant and all end in another.
  EXPECT_EQ(activities.sharing().solves(), 2U);
}

TEST_F(ActivityTest, AnEndBeyondTheClockIsAnOverflowError) {
  EXPECT_THROW(
      {
        start(1e30, link, 1);
        engine.run();
      },
      OverflowError);
}

}  // namespace
}  // namespace orrery
