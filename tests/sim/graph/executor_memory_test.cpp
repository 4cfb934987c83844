#include <gtest/gtest.h>

#include <vector>

#include "tests/sim/graph/graph_fixture.hpp"

namespace orrery {
namespace {

using namespace literals;

struct Change {
  Time time;
  LabelId category;
  std::int64_t delta;
  friend bool operator==(const Change&, const Change&) = default;
};

/// Keeps what happens to the memory of each rank.
struct MemoryLog final : Observer {
  void on_span(const Span&) override {}
  void on_memory(Time time, Rank rank, LabelId category, std::int64_t delta) override {
    of_rank[static_cast<std::size_t>(rank)].push_back(Change{time, category, delta});
  }
  std::vector<std::vector<Change>> of_rank{static_cast<std::size_t>(GraphFixture::kWorldSize)};
};

class ExecutorMemory : public GraphFixture {
 protected:
  ExecutorMemory() { observers.push_back(&log); }
  using Changes = std::vector<Change>;
  const Changes& changes(Rank rank) const { return log.of_rank[static_cast<std::size_t>(rank)]; }

  const Duration first_time = 2_us;
  const Duration second_time = 3_us;
  const Bytes large = 5_MiB;
  const Bytes small = 1_MiB;
  MemoryLog log;
  const LabelId activations = graph.label("activations");
  const LabelId buffers = graph.label("buffers");
};

TEST_F(ExecutorMemory, IsTakenAtTheStartAndFreedAtTheEnd) {
  compute("compute", {0}, first_time);
  const OpId op = compute("compute", {0}, second_time);
  graph.take_memory(op, activations, large);
  graph.free_memory(op, activations, small);
  run();
  const Time start = Time(first_time);
  EXPECT_EQ(changes(0), (Changes{{start, activations, large.count()},
                                 {start + second_time, activations, -small.count()}}));
}

TEST_F(ExecutorMemory, WhatOneOpTakesAnotherMayFree) {
  const OpId forward = compute("compute", {0}, first_time);
  const OpId backward = compute("compute", {0}, second_time);
  graph.take_memory(forward, activations, large);
  graph.free_memory(backward, activations, large);
  run();
  EXPECT_EQ(changes(0), (Changes{{Time(), activations, large.count()},
                                 {Time(first_time + second_time), activations, -large.count()}}));
}

TEST_F(ExecutorMemory, WhatEndsFreesBeforeWhatFollowsTakes) {
  const OpId before = compute("compute", {0}, first_time);
  const OpId after = compute("compute", {0}, second_time);
  graph.free_memory(before, activations, small);
  graph.take_memory(after, buffers, large);
  run();
  EXPECT_EQ(changes(0), (Changes{{Time(first_time), activations, -small.count()},
                                 {Time(first_time), buffers, large.count()}}));
}

TEST_F(ExecutorMemory, EffectsOfOneOpComeInTheOrderOfAdding) {
  const OpId op = compute("compute", {0}, first_time);
  graph.take_memory(op, buffers, small);
  graph.take_memory(op, activations, large);
  graph.take_memory(op, buffers, large);
  run();
  EXPECT_EQ(changes(0), (Changes{{Time(), buffers, small.count()},
                                 {Time(), activations, large.count()},
                                 {Time(), buffers, large.count()}}));
}

TEST_F(ExecutorMemory, EveryRankTakesItInItsOwnTime) {
  const OpId before = compute("compute", {0, 1}, first_time);
  runner.takes_on(before, 1, second_time);
  const OpId op = compute("compute", {0, 1}, first_time);
  graph.take_memory(op, activations, large);
  run();
  EXPECT_EQ(changes(0), (Changes{{Time(first_time), activations, large.count()}}));
  EXPECT_EQ(changes(1), (Changes{{Time(second_time), activations, large.count()}}));
  EXPECT_EQ(changes(2), Changes{});
}

TEST_F(ExecutorMemory, ATransferTakesItAtBothEndsAndFreesItWhenEachEnds) {
  const OpId move = transfer("send", "receive", {{0}, {1}}, first_time);
  runner.transfers(move, first_time, second_time);
  graph.take_memory(move, buffers, large);
  graph.free_memory(move, buffers, large);
  run();
  EXPECT_EQ(changes(0), (Changes{{Time(), buffers, large.count()},
                                 {Time(first_time), buffers, -large.count()}}));
  EXPECT_EQ(changes(1), (Changes{{Time(), buffers, large.count()},
                                 {Time(second_time), buffers, -large.count()}}));
}

TEST_F(ExecutorMemory, CollectivesAndDelaysTakeItToo) {
  const OpId reduce = collective("compute", {0, 1}, 2, first_time);
  const OpId pause = delay("compute", {1}, second_time);
  graph.take_memory(reduce, buffers, small);
  graph.take_memory(pause, activations, large);
  run();
  EXPECT_EQ(changes(0), (Changes{{Time(), buffers, small.count()}}));
  EXPECT_EQ(changes(1), (Changes{{Time(), buffers, small.count()},
                                 {Time(first_time), activations, large.count()}}));
}

TEST_F(ExecutorMemory, StaticMemoryIsThereBeforeTheFirstOp) {
  const LabelId weights = graph.label("weights");
  const OpId op = compute("compute", {0}, first_time);
  graph.take_memory(op, activations, small);
  graph.add_static_memory(graph.rank_set({0, 1}), weights, large);
  run();
  EXPECT_EQ(changes(0),
            (Changes{{Time(), weights, large.count()}, {Time(), activations, small.count()}}));
  EXPECT_EQ(changes(1), (Changes{{Time(), weights, large.count()}}));
}

TEST_F(ExecutorMemory, EveryObserverHearsTheSame) {
  MemoryLog second;
  observers.push_back(&second);
  const OpId op = compute("compute", {0}, first_time);
  graph.take_memory(op, activations, large);
  run();
  EXPECT_EQ(changes(0).size(), 1U);
  EXPECT_EQ(second.of_rank, log.of_rank);
}

}  // namespace
}  // namespace orrery
