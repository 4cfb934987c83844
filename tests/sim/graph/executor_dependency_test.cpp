#include <gtest/gtest.h>

#include "tests/sim/graph/graph_fixture.hpp"

namespace orrery {
namespace {

using namespace literals;

class ExecutorDependency : public GraphFixture {
 protected:
  const Duration fast = 2_us;
  const Duration slow = 7_us;
};

TEST_F(ExecutorDependency, ASlowRankDoesNotHoldUpTheOthers) {
  const OpId before = compute("compute", {0, 1}, fast);
  runner.takes_on(before, 1, slow);
  const OpId after = compute("other", {0, 1}, fast);
  graph.depend(after, before);
  run();
  EXPECT_EQ(span(after, 0).start, Time(fast));
  EXPECT_EQ(span(after, 1).start, Time(slow));
}

TEST_F(ExecutorDependency, OpsWithoutACommonRankWaitForAllOfTheOther) {
  const OpId before = compute("compute", {0, 1}, fast);
  runner.takes_on(before, 1, slow);
  const OpId after = compute("compute", {2, 3}, fast);
  graph.depend(after, before);
  run();
  EXPECT_EQ(span(after, 2).start, Time(slow));
  EXPECT_EQ(span(after, 3).start, Time(slow));
}

TEST_F(ExecutorDependency, WithSomeCommonRanksTheOthersWaitForNothing) {
  const OpId before = compute("compute", {0, 1}, fast);
  runner.takes_on(before, 1, slow);
  const OpId after = compute("other", {1, 2}, fast);
  graph.depend(after, before);
  run();
  EXPECT_EQ(span(after, 1).start, Time(slow));
  EXPECT_EQ(span(after, 2).start, Time());
}

TEST_F(ExecutorDependency, TheLastOfSeveralDecides) {
  const OpId quick = compute("a", {0}, fast);
  const OpId tardy = compute("b", {0}, slow);
  const OpId after = compute("c", {0}, fast);
  graph.depend(after, quick);
  graph.depend(after, tardy);
  run();
  EXPECT_EQ(span(after, 0).ready, Time(slow));
}

TEST_F(ExecutorDependency, SayingItTwiceChangesNothing) {
  const OpId before = compute("compute", {0, 1}, slow);
  const OpId after = compute("other", {0, 1}, fast);
  const OpId elsewhere = compute("other", {2}, fast);
  for (int times = 0; times < 2; ++times) {
    graph.depend(after, before);
    graph.depend(elsewhere, before);
  }
  EXPECT_EQ(run(), Time(slow + fast));
  EXPECT_EQ(span(after, 1).start, Time(slow));
  EXPECT_EQ(span(elsewhere, 2).start, Time(slow));
}

TEST_F(ExecutorDependency, MayPointToAnOpAddedLater) {
  const OpId after = compute("compute", {0}, fast);
  const OpId before = compute("other", {0}, slow);
  graph.depend(after, before);
  EXPECT_EQ(run(), Time(slow + fast));
  EXPECT_EQ(span(after, 0).start, Time(slow));
}

TEST_F(ExecutorDependency, OnATransferMeansSentAtTheSourceAndArrivedAtTheDestination) {
  const OpId move = transfer("send", "receive", {{0}, {1}}, fast);
  runner.transfers(move, fast, slow);
  const OpId after = compute("compute", {0, 1}, fast);
  graph.depend(after, move);
  run();
  EXPECT_EQ(span(after, 0).start, Time(fast));
  EXPECT_EQ(span(after, 1).start, Time(slow));
}

TEST_F(ExecutorDependency, OnATransferFromOtherRanksMeansAllOfIt) {
  const OpId move = transfer("send", "receive", {{0}, {1}}, fast);
  runner.transfers(move, fast, slow);
  const OpId after = compute("compute", {2}, fast);
  graph.depend(after, move);
  run();
  EXPECT_EQ(span(after, 2).start, Time(slow));
}

TEST_F(ExecutorDependency, BothSidesOfATransferWaitUnlessOneIsNamed) {
  const OpId before = compute("compute", {0, 1}, fast);
  runner.takes_on(before, 1, slow);
  const OpId both = transfer("send", "receive", {{0}, {1}}, fast);
  const OpId source_only = transfer("send_2", "receive_2", {{0}, {1}}, fast);
  const OpId destination_only = transfer("send_3", "receive_3", {{0}, {1}}, fast);
  graph.depend(both, before);
  graph.depend(source_only, before, Side::source);
  graph.depend(destination_only, before, Side::destination);
  run();
  EXPECT_EQ(source(both, 0).ready, Time(fast));
  EXPECT_EQ(destination(both, 1).ready, Time(slow));
  EXPECT_EQ(source(both, 0).start, Time(slow));

  EXPECT_EQ(source(source_only, 0).ready, Time(fast));
  EXPECT_EQ(destination(source_only, 1).ready, Time());
  EXPECT_EQ(source(source_only, 0).start, Time(fast));

  EXPECT_EQ(source(destination_only, 0).ready, Time());
  EXPECT_EQ(destination(destination_only, 1).ready, Time(slow));
  EXPECT_EQ(source(destination_only, 0).start, Time(slow));
}

TEST_F(ExecutorDependency, TheSideHoldsForOpsWithoutACommonRankToo) {
  const OpId before = compute("compute", {2}, slow);
  const OpId move = transfer("send", "receive", {{0}, {1}}, fast);
  graph.depend(move, before, Side::destination);
  run();
  EXPECT_EQ(source(move, 0).ready, Time());
  EXPECT_EQ(destination(move, 1).ready, Time(slow));
  EXPECT_EQ(source(move, 0).start, Time(slow));
}

}  // namespace
}  // namespace orrery
