// Both queues against a std::set, over the distributions of time that take their different paths.

#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "sim/base/errors.hpp"
#include "sim/base/random.hpp"
#include "sim/engine/event_queue.hpp"
#include "sim/engine/hot_queue.hpp"

namespace orrery {
namespace {

struct Earlier {
  bool operator()(const EventKey& a, const EventKey& b) const {
    return std::tie(a.time, a.order) < std::tie(b.time, b.order);
  }
};

/// A queue and its model, which must never disagree.
class Twins {
 public:
  void push(std::int64_t time, std::uint64_t order) {
    queue_.push(EventKey{time, order});
    ASSERT_TRUE(model_.insert(EventKey{time, order}).second);
  }
  void push(std::int64_t time) { push(time, next_order_++); }
  /// Between 1 and `most` keys within a span of 2^0 to 2^40; how many.
  std::int64_t push_wave(RandomStream& random, std::int64_t now, std::int64_t most) {
    const std::int64_t count = random.integer(1, most);
    const std::int64_t span = std::int64_t{1} << random.integer(0, 40);
    for (std::int64_t i = 0; i < count; ++i) push(now + random.integer(0, span));
    return count;
  }
  /// The time of what was popped.
  std::int64_t pop() {
    const EventKey expected = *model_.begin();
    model_.erase(model_.begin());
    const EventKey found = queue_.top();
    queue_.pop();
    EXPECT_EQ(found.time, expected.time);
    EXPECT_EQ(found.order, expected.order);
    EXPECT_EQ(queue_.size(), model_.size());
    return found.time;
  }
  /// Removes the keys whose order leaves no rest; so many are left.
  std::size_t remove_multiples(std::uint64_t divisor) {
    const auto gone = [=](const EventKey& key) { return key.order % divisor == 0; };
    queue_.remove_if(gone);
    std::erase_if(model_, gone);
    EXPECT_EQ(queue_.size(), model_.size());
    return model_.size();
  }
  bool agreed() const { return !testing::Test::HasFailure(); }
  bool empty() const { return model_.empty(); }
  std::size_t size() const { return model_.size(); }

 private:
  HotQueue queue_;
  std::set<EventKey, Earlier> model_;
  std::uint64_t next_order_ = 0;
};

struct HoldCase {
  const char* name;
  std::size_t pending;
  std::int64_t (*increment)(RandomStream&);
};

class HotQueueHold : public testing::TestWithParam<HoldCase> {};

TEST_P(HotQueueHold, PopsWhatASetPops) {
  const HoldCase& hold_case = GetParam();
  RandomStream random(11, hold_case.name);
  Twins twins;
  for (std::size_t i = 0; i < hold_case.pending; ++i) twins.push(hold_case.increment(random));
  for (std::size_t i = 0; i < 4 * hold_case.pending && twins.agreed(); ++i)
    twins.push(twins.pop() + hold_case.increment(random));
  while (!twins.empty() && twins.agreed()) twins.pop();
}

INSTANTIATE_TEST_SUITE_P(
    OverDistributions, HotQueueHold,
    testing::Values(
        // Fewer than are worth a bucket, and just about as many as are sorted as one.
        HoldCase{"one", 1, [](RandomStream& r) { return r.integer(0, 1'000); }},
        HoldCase{"few", 20, [](RandomStream& r) { return r.integer(0, 1'000); }},
        HoldCase{"about_a_bucket", 65, [](RandomStream& r) { return r.integer(0, 1'000); }},
        HoldCase{"uniform", 5'000, [](RandomStream& r) { return r.integer(0, 1'000'000); }},
        // More keys than picoseconds: large buckets of one time.
        HoldCase{"dense", 5'000, [](RandomStream& r) { return r.integer(0, 20); }},
        HoldCase{"constant", 5'000, [](RandomStream&) { return std::int64_t{1'000}; }},
        HoldCase{"at_once", 5'000,
                 [](RandomStream& r) { return r.integer(0, 3) == 0 ? r.integer(0, 9) : 0; }},
        HoldCase{"bimodal", 5'000,
                 [](RandomStream& r) {
                   return r.integer(0, 9) == 0 ? r.integer(0, 100'000'000) : r.integer(0, 1'000);
                 }},
        // Every level of the radix: spans of 2^0 to 2^50 ps.
        HoldCase{
            "all_scales", 5'000,
            [](RandomStream& r) { return r.integer(0, std::int64_t{1} << r.integer(0, 50)); }}),
    [](const auto& hold_case) { return std::string(hold_case.param.name); });

TEST(HotQueue, TakesTheWholeRangeOfTimes) {
  constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  Twins twins;
  for (int copies = 0; copies < 100; ++copies) {
    for (const std::int64_t time :
         {kMost, kMost - 1, std::int64_t{1}, std::int64_t{0}, std::int64_t{-1}, kLeast + 1, kLeast})
      twins.push(time);
  }
  while (!twins.empty() && twins.agreed()) twins.pop();
}

TEST(HotQueue, TakesTimesBeforeTheLastOnePopped) {
  RandomStream random(12, "event_queue_random_test");
  Twins twins;
  for (int step = 0; step < 50'000 && twins.agreed(); ++step) {
    if (twins.empty() || random.integer(0, 99) < 55) {
      twins.push(random.integer(0, 100'000));
    } else {
      twins.pop();
    }
  }
  while (!twins.empty() && twins.agreed()) twins.pop();
}

// The queue fills and runs dry in turns, so that it is entered at every state of its base.
TEST(HotQueue, RunsDryAndFillsAgain) {
  RandomStream random(13, "event_queue_random_test");
  Twins twins;
  std::int64_t now = 0;
  for (int wave = 0; wave < 200 && twins.agreed(); ++wave) {
    const std::int64_t count = twins.push_wave(random, now, 400);
    const auto left = static_cast<std::size_t>(random.integer(0, 2) == 0 ? 0 : count / 3);
    while (twins.size() > left && twins.agreed()) now = twins.pop();
  }
}

// A wide bucket made near by few keys, and then many pushes below its end: they must leave the heap
// of strays for the radix, and still come out in order.
TEST(HotQueue, AHundredTimesMoreStraysThanKeysInTheRun) {
  Twins twins;
  twins.push(0);
  twins.push(std::int64_t{1} << 40);
  twins.pop();
  for (std::int64_t time = 10'000; time > 0; --time) twins.push(time * 1'000);
  for (std::int64_t popped = 0; popped < 5'000; ++popped) twins.pop();
  for (std::int64_t time = 10'000; time > 5'000; --time) twins.push(time * 1'000 + 1);
  while (!twins.empty() && twins.agreed()) twins.pop();
}

// Orders that fall while the time stands still, as phases do: complete after issue after observe.
TEST(HotQueue, EqualTimesWithFallingOrders) {
  constexpr std::uint64_t kCount = 10'000;
  Twins twins;
  for (std::uint64_t order = 2 * kCount; order > kCount; --order) twins.push(7, order);
  for (std::uint64_t popped = 0; popped < kCount / 2; ++popped) twins.pop();
  for (std::uint64_t order = kCount; order > 0; --order) twins.push(7, order);
  while (!twins.empty() && twins.agreed()) twins.pop();
}

// From the run, the strays and the buckets of all levels, at every state of the queue; none, some
// and all of them.
TEST(HotQueue, WhatIsRemovedIsGoneAndTheRestStaysInOrder) {
  RandomStream random(15, "event_queue_random_test");
  Twins twins;
  std::int64_t now = 0;
  for (int wave = 0; wave < 300 && twins.agreed(); ++wave) {
    const std::int64_t count = twins.push_wave(random, now, 300);
    for (std::int64_t i = 0; i < count / 3 && !twins.empty(); ++i) now = twins.pop();
    twins.remove_multiples(static_cast<std::uint64_t>(random.integer(1, 5)));
  }
  while (!twins.empty() && twins.agreed()) twins.pop();
}

struct NullHandler final : EventHandler {
  void handle_event(std::uint64_t) override {}
};

// As the engine uses it: nothing before the present, all phases, cancellations of any age.
TEST(EventQueue, AgreesWithASetWhileTimeMovesOn) {
  constexpr std::size_t kPending = 3'000;
  constexpr int kSteps = 60'000;
  RandomStream random(14, "event_queue_random_test");
  EventQueue queue;
  NullHandler handler;
  using Place = std::tuple<std::int64_t, int, std::uint64_t>;  // time, phase, sequence
  std::map<Place, EventId> model;
  std::vector<std::pair<Place, EventId>> past;  // some of them run, some of them cancelled
  std::uint64_t sequence = 0;
  std::int64_t now = 0;
  for (int step = 0; step < kSteps; ++step) {
    const std::int64_t action = random.integer(0, 9);
    if (model.size() < kPending || action < 4) {
      // At this instant, near, or far.
      const std::int64_t reach = random.integer(0, 2) * random.integer(0, 1'000);
      const std::int64_t time = now + (action == 0 ? reach * 100'000 : reach);
      const auto phase = static_cast<Phase>(random.integer(0, 3));
      const Place place{time, static_cast<int>(phase), sequence};
      model[place] = queue.push(Time(Duration(time)), phase, handler, sequence);
      past.emplace_back(place, model[place]);
      ++sequence;
    } else if (action < 6) {
      const auto at =
          static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(past.size()) - 1));
      ASSERT_EQ(queue.cancel(past[at].second), model.erase(past[at].first) == 1);
    } else {
      const EventQueue::Event event = queue.pop();
      ASSERT_EQ(event.time, Time(Duration(std::get<0>(model.begin()->first))));
      ASSERT_EQ(event.token, std::get<2>(model.begin()->first));
      now = std::get<0>(model.begin()->first);
      model.erase(model.begin());
    }
    ASSERT_EQ(queue.size(), model.size());
  }
  EXPECT_GT(now, 0);
  while (!model.empty()) {
    ASSERT_EQ(queue.pop().token, std::get<2>(model.begin()->first));
    model.erase(model.begin());
  }
  EXPECT_TRUE(queue.empty());
}

// Far more dead keys than live ones: they are swept out, and their slots are used again.
TEST(EventQueue, OfManyEventsTheFewThatAreNotCancelledRunInOrder) {
  constexpr std::uint64_t kEvents = 20'000;
  constexpr std::uint64_t kOneIn = 37;
  RandomStream random(16, "event_queue_random_test");
  EventQueue queue;
  NullHandler handler;
  std::map<std::pair<std::int64_t, std::uint64_t>, std::uint64_t> model;  // (time, token)
  std::vector<EventId> ids;
  for (std::uint64_t token = 0; token < kEvents; ++token) {
    const std::int64_t time = random.integer(0, 1'000) * random.integer(0, 1'000);
    ids.push_back(queue.push(Time(Duration(time)), Phase::complete, handler, token));
    if (token % kOneIn == 0) model[{time, token}] = token;
  }
  for (std::uint64_t token = 0; token < kEvents; ++token) {
    if (token % kOneIn != 0) {
      ASSERT_TRUE(queue.cancel(ids[token]));
    }
  }
  EXPECT_EQ(queue.size(), model.size());
  EXPECT_LT(queue.push(Time(Duration(0)), Phase::observe, handler, kEvents).slot, kEvents);
  ASSERT_EQ(queue.pop().time, Time(Duration(model.begin()->first.first)));
  model.erase(model.begin());
  std::size_t found = 0;
  while (!queue.empty()) {
    const EventQueue::Event event = queue.pop();
    if (event.token == kEvents) continue;
    ASSERT_EQ(event.token, model.begin()->second);
    model.erase(model.begin());
    ++found;
  }
  EXPECT_GT(found, 0U);
  EXPECT_TRUE(model.empty());
}

// Posted events are behind those of their phase that were pushed for the same time before.
TEST(EventQueue, PostedEventsRunInTheirPhaseBehindWhatWasPushedForTheirTime) {
  EventQueue queue;
  NullHandler handler;
  const Time later(Duration(5));
  queue.push(later, Phase::complete, handler, 0);
  queue.push(later, Phase::issue, handler, 2);
  queue.push(later, Phase::solve, handler, 4);
  queue.push(Time(Duration(6)), Phase::complete, handler, 6);
  EXPECT_EQ(queue.pop().token, 0U);
  queue.post(Phase::solve, handler, 5);
  queue.post(Phase::issue, handler, 3);
  queue.post(Phase::complete, handler, 1);
  for (std::uint64_t token = 1; token <= 6; ++token) EXPECT_EQ(queue.pop().token, token);
  EXPECT_TRUE(queue.empty());
}

TEST(EventQueue, AnEmptyQueueHasNoNextEvent) {
  EventQueue queue;
  NullHandler handler;
  EXPECT_THROW(queue.pop(), InternalError);
  queue.cancel(queue.push(Time(Duration(1)), Phase::issue, handler, 0));
  EXPECT_THROW(queue.pop(), InternalError);
}

}  // namespace
}  // namespace orrery
