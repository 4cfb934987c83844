#include <gtest/gtest.h>

#include <string>

#include "sim/base/errors.hpp"
#include "tests/sim/graph/graph_fixture.hpp"

namespace orrery {
namespace {

using namespace literals;

class ExecutorDeadlock : public GraphFixture {
 protected:
  /// What the run says when it cannot go on.
  std::string message() {
    try {
      run();
    } catch (const DeadlockError& error) {
      return error.what();
    }
    ADD_FAILURE() << "the run came to an end";
    return "";
  }
  std::string on(OpId op, Rank rank) const {
    return graph.text(graph.op(op).label) + " (op " + std::to_string(op.index()) + ") on rank " +
           std::to_string(rank);
  }
  static bool says(const std::string& message, const std::string& part) {
    return message.find(part) != std::string::npos;
  }

  const Duration time = 5_us;
};

TEST_F(ExecutorDeadlock, ACycleNamesItsOpsAndWhatEachWaitsFor) {
  const OpId done = compute("first", {0}, time, "fine");
  const OpId hen = compute("a", {0}, time, "hen");
  const OpId egg = compute("b", {0}, time, "egg");
  graph.depend(hen, done);
  graph.depend(hen, egg);
  graph.depend(egg, hen);
  const std::string said = message();
  EXPECT_TRUE(says(said, on(hen, 0) + " waits for " + on(egg, 0))) << said;
  EXPECT_TRUE(says(said, on(egg, 0) + " waits for " + on(hen, 0))) << said;
  EXPECT_FALSE(says(said, "fine")) << said;
  EXPECT_TRUE(says(said, "deadlock at " + std::to_string(time.count()) + " ps: 2 ops")) << said;
  EXPECT_EQ(span(done, 0).end, Time(time));
}

TEST_F(ExecutorDeadlock, AnOpThatWaitsForItselfIsNamed) {
  const OpId op = compute("a", {3}, time, "narcissus");
  graph.depend(op, op);
  const std::string said = message();
  EXPECT_TRUE(says(said, on(op, 3) + " waits for " + on(op, 3))) << said;
}

// Rank 0 sends first and then receives; rank 1 wants to have sent before it receives.
TEST_F(ExecutorDeadlock, CrossedOrdersOfSendingAndReceivingAreNamedOnBothRanks) {
  const OpId there = transfer("pipeline", "receive", {{0}, {1}}, time, "there");
  const OpId back = transfer("send", "pipeline", {{1}, {0}}, time, "back");
  graph.depend(there, back, Side::destination);
  const std::string said = message();
  EXPECT_TRUE(says(said, on(there, 0) + " waits for its partner rank 1")) << said;
  EXPECT_TRUE(says(said, on(there, 1) + " waits for " + on(back, 1))) << said;
  EXPECT_TRUE(says(said, on(back, 1) + " waits for its partner rank 0")) << said;
  EXPECT_TRUE(
      says(said, on(back, 0) + " waits for " + on(there, 0) + ", ahead of it on stream pipeline"))
      << said;
}

TEST_F(ExecutorDeadlock, AnOpWithoutALabelIsNamedByItsKind) {
  const OpId pause = delay("a", {0}, time);
  Op nameless = graph.op(pause);
  nameless.label = LabelId();
  const OpId op = graph.add(nameless);
  graph.depend(pause, op);
  const std::string expected = "delay (op " + std::to_string(op.index()) + ") on rank 0 waits for ";
  const std::string said = message();
  EXPECT_TRUE(says(said, expected + on(pause, 0))) << said;
}

TEST_F(ExecutorDeadlock, AMemberOfACollectiveWaitsForThePartnerThatCannotCome) {
  const OpId stuck = compute("compute", {2}, time, "stuck");
  graph.depend(stuck, stuck);
  const OpId reduce = collective("compute", {0, 2}, 2, time);
  const std::string said = message();
  EXPECT_TRUE(says(said, on(reduce, 0) + " waits for its partner rank 2")) << said;
  EXPECT_TRUE(says(said, on(reduce, 2) + " waits for " + on(stuck, 2))) << said;
}

TEST_F(ExecutorDeadlock, AcrossRanksTheOpOfTheOtherRankIsNamed) {
  const OpId stuck = compute("compute", {2}, time, "stuck");
  graph.depend(stuck, stuck);
  const OpId waits = compute("compute", {0}, time, "waits");
  graph.depend(waits, stuck);
  const std::string said = message();
  EXPECT_TRUE(says(said, on(waits, 0) + " waits for " + on(stuck, 2))) << said;
}

TEST_F(ExecutorDeadlock, ASideIsNotSaidToWaitForWhatHoldsTheOther) {
  const OpId stuck = compute("compute", {0, 1}, time, "stuck");
  graph.depend(stuck, stuck);
  const OpId ahead = compute("send", {0}, time, "ahead");
  graph.depend(ahead, ahead);
  const OpId move = transfer("send", "receive", {{0}, {1}}, time, "move");
  graph.depend(move, stuck, Side::destination);
  const std::string said = message();
  EXPECT_TRUE(says(said, on(move, 0) + " waits for " + on(ahead, 0) + ", ahead of it")) << said;
  EXPECT_TRUE(says(said, on(move, 1) + " waits for " + on(stuck, 1))) << said;
}

TEST_F(ExecutorDeadlock, AMachineThatNeverCallsBackIsNamedAsSuch) {
  const OpId op = compute("compute", {0}, time, "lost");
  runner.fall_silent();
  const std::string said = message();
  EXPECT_TRUE(says(said, on(op, 0) + " waits for its own completion")) << said;
}

TEST_F(ExecutorDeadlock, OnlyTheFirstEightAreNamedAndTheOthersCounted) {
  const std::size_t named = 8;
  for (const std::size_t stuck_count : {named, named + 1}) {
    TaskGraph stuck_graph(1);
    Op op;
    op.stream = stuck_graph.stream("a");
    op.ranks = stuck_graph.rank_set({0});
    const OpId first = stuck_graph.add(op);
    for (std::size_t i = 1; i < stuck_count; ++i) stuck_graph.add(op);
    stuck_graph.depend(first, first);
    graph = stuck_graph;
    const std::string said = message();
    const auto last = "(op " + std::to_string(named - 1) + ") on rank 0 waits";
    EXPECT_TRUE(says(said, last)) << said;
    EXPECT_EQ(says(said, "and 1 more"), stuck_count > named) << said;
    EXPECT_FALSE(says(said, "(op " + std::to_string(named) + ") on rank 0 waits")) << said;
  }
}

}  // namespace
}  // namespace orrery
