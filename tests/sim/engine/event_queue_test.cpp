#include "sim/engine/event_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>
#include <vector>

#include "sim/base/errors.hpp"
#include "sim/base/random.hpp"
#include "sim/engine/engine.hpp"

namespace orrery {
namespace {

using namespace literals;

struct NullHandler final : EventHandler {
  void handle_event(std::uint64_t) override {}
};

Time at(Duration d) {
  return Time(d);
}

std::vector<std::uint64_t> drain(EventQueue& queue) {
  std::vector<std::uint64_t> tokens;
  while (!queue.empty()) tokens.push_back(queue.pop().token);
  return tokens;
}

TEST(EventQueue, EarlierTimesRunFirst) {
  EventQueue queue;
  NullHandler handler;
  queue.push(at(3_ns), Phase::complete, handler, 3);
  queue.push(at(1_ns), Phase::observe, handler, 1);
  queue.push(at(2_ns), Phase::complete, handler, 2);
  EXPECT_EQ(drain(queue), (std::vector<std::uint64_t>{1, 2, 3}));
}

TEST(EventQueue, EqualTimesRunByPhaseThenInScheduleOrder) {
  EventQueue queue;
  NullHandler handler;
  queue.push(at(1_ns), Phase::observe, handler, 6);
  queue.push(at(1_ns), Phase::solve, handler, 5);
  queue.push(at(1_ns), Phase::issue, handler, 3);
  queue.push(at(1_ns), Phase::complete, handler, 1);
  queue.push(at(1_ns), Phase::complete, handler, 2);
  queue.push(at(1_ns), Phase::issue, handler, 4);
  EXPECT_EQ(drain(queue), (std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6}));
}

TEST(EventQueue, CancelledEventsNeverRunAndCannotBeCancelledTwice) {
  EventQueue queue;
  NullHandler handler;
  queue.push(at(1_ns), Phase::issue, handler, 1);
  const EventId second = queue.push(at(2_ns), Phase::issue, handler, 2);
  EXPECT_TRUE(queue.cancel(second));
  EXPECT_FALSE(queue.cancel(second));
  EXPECT_EQ(queue.size(), 1U);
  EXPECT_EQ(drain(queue), (std::vector<std::uint64_t>{1}));
}

TEST(EventQueue, AnIdOfARunEventDoesNotCancelTheNextUserOfItsSlot) {
  EventQueue queue;
  NullHandler handler;
  const EventId first = queue.push(at(1_ns), Phase::issue, handler, 1);
  queue.pop();
  queue.push(at(2_ns), Phase::issue, handler, 2);
  EXPECT_FALSE(queue.cancel(first));
  EXPECT_EQ(drain(queue), (std::vector<std::uint64_t>{2}));
}

TEST(EventQueue, AgreesWithASortedListUnderRandomPushesPopsAndCancels) {
  RandomStream random(7, "event_queue_test");
  EventQueue queue;
  NullHandler handler;
  using Key = std::tuple<std::int64_t, int, std::uint64_t>;  // time, phase, sequence
  std::vector<std::pair<Key, EventId>> expected;
  std::uint64_t sequence = 0;
  std::size_t popped = 0;
  std::int64_t time = 0;
  auto phase = Phase::complete;
  for (int step = 0; step < 20'000; ++step) {
    const std::int64_t action = random.integer(0, 9);
    if (action < 5 || expected.empty()) {
      if (random.integer(0, 2) == 0) {  // else as the one before: chains
        time = random.integer(0, 50);   // few times: many ties
        phase = static_cast<Phase>(random.integer(0, 3));
      }
      const EventId id = queue.push(Time(Duration(time)), phase, handler, sequence);
      expected.push_back({Key{time, static_cast<int>(phase), sequence}, id});
      ++sequence;
    } else if (action < 7) {
      const auto victim = static_cast<std::size_t>(
          random.integer(0, static_cast<std::int64_t>(expected.size()) - 1));
      ASSERT_TRUE(queue.cancel(expected[victim].second));
      expected.erase(expected.begin() + static_cast<std::ptrdiff_t>(victim));
    } else {
      const auto least = std::min_element(expected.begin(), expected.end(),
                                          [](auto& a, auto& b) { return a.first < b.first; });
      // Asked or not: what comes between must still find its place.
      if (action == 8) {
        ASSERT_EQ(queue.next_time(), Time(Duration(std::get<0>(least->first))));
      }
      if (action == 8 && random.integer(0, 1) == 0) continue;
      ASSERT_EQ(queue.pop().token, std::get<2>(least->first));
      expected.erase(least);
      ++popped;
    }
    ASSERT_EQ(queue.size(), expected.size());
  }
  EXPECT_GT(popped, 1'000U);
}

struct Recorder final : EventHandler {
  explicit Recorder(Engine& e) : engine(&e) {}
  void handle_event(std::uint64_t token) override {
    log.emplace_back(engine->now(), token);
    if (token == 1) engine->schedule(engine->now(), Phase::complete, *this, 10);
  }
  Engine* engine;
  std::vector<std::pair<Time, std::uint64_t>> log;
};

TEST(Engine, ClockFollowsTheEvents) {
  Engine engine;
  Recorder recorder(engine);
  engine.schedule(at(5_us), Phase::issue, recorder, 2);
  engine.schedule(at(3_us), Phase::issue, recorder, 3);
  engine.run();
  EXPECT_EQ(recorder.log,
            (std::vector<std::pair<Time, std::uint64_t>>{{at(3_us), 3}, {at(5_us), 2}}));
  EXPECT_EQ(engine.now(), at(5_us));
  EXPECT_EQ(engine.events_run(), 2U);
}

TEST(Engine, AnEventForAPassedPhaseOfThisInstantStillRunsAtThisInstant) {
  Engine engine;
  Recorder recorder(engine);
  engine.schedule(at(1_us), Phase::observe, recorder, 1);
  engine.schedule(at(1_us), Phase::observe, recorder, 2);
  engine.run();
  EXPECT_EQ(recorder.log, (std::vector<std::pair<Time, std::uint64_t>>{
                              {at(1_us), 1}, {at(1_us), 10}, {at(1_us), 2}}));
}

TEST(Engine, RescheduledEventRunsOnceAtItsNewPlace) {
  Engine engine;
  Recorder recorder(engine);
  const EventId id = engine.schedule(at(1_us), Phase::issue, recorder, 4);
  engine.schedule(at(2_us), Phase::issue, recorder, 5);
  engine.reschedule(id, at(2_us), Phase::issue, recorder, 4);
  engine.run();
  EXPECT_EQ(recorder.log,
            (std::vector<std::pair<Time, std::uint64_t>>{{at(2_us), 5}, {at(2_us), 4}}));
}

TEST(Engine, SchedulingInThePastIsOurMistake) {
  Engine engine;
  Recorder recorder(engine);
  engine.schedule(at(2_us), Phase::issue, recorder, 2);
  engine.run();
  EXPECT_THROW(engine.schedule(at(1_us), Phase::issue, recorder, 3), InternalError);
}

struct Forever final : EventHandler {
  explicit Forever(Engine& e) : engine(&e) {}
  void handle_event(std::uint64_t token) override {
    if (token > 1) engine->schedule(engine->now(), Phase::issue, *this, token - 1);
  }
  Engine* engine;
};

TEST(Engine, TooManyEventsAtOneInstantAreAnErrorWithAName) {
  constexpr std::uint64_t kLimit = 100;
  Engine allowed(kLimit);
  Forever within(allowed);
  allowed.schedule(at(1_us), Phase::issue, within, kLimit);
  EXPECT_NO_THROW(allowed.run());

  Engine limited(kLimit);
  Forever beyond(limited);
  limited.schedule(at(1_us), Phase::issue, beyond, kLimit + 1);
  EXPECT_THROW(limited.run(), LimitError);
}

}  // namespace
}  // namespace orrery
