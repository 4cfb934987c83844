#include <gtest/gtest.h>

#include "sim/base/errors.hpp"
#include "sim/graph/analysis.hpp"
#include "tests/sim/graph/graph_fixture.hpp"

namespace orrery {
namespace {

using namespace literals;

class ExecutorStream : public GraphFixture {
 protected:
  const Duration short_time = 2_us;
  const Duration long_time = 7_us;
};

TEST_F(ExecutorStream, AGraphWithoutOpsEndsAtTimeZero) {
  EXPECT_EQ(run(), Time());
  EXPECT_TRUE(timeline.spans().empty());
}

TEST_F(ExecutorStream, OpsOfAStreamRunOneAfterAnotherInTheOrderOfAdding) {
  const OpId first = compute("compute", {0}, long_time);
  const OpId second = compute("compute", {0}, short_time);
  EXPECT_EQ(run(), Time(long_time + short_time));
  EXPECT_EQ(span(first, 0).start, Time());
  EXPECT_EQ(span(first, 0).end, Time(long_time));
  EXPECT_EQ(span(second, 0).ready, Time(long_time));
  EXPECT_EQ(span(second, 0).start, Time(long_time));
}

TEST_F(ExecutorStream, AnOpThatWaitsHoldsUpThoseBehindIt) {
  const OpId slow = compute("other", {0}, long_time);
  const OpId waits = compute("compute", {0}, short_time);
  const OpId behind = compute("compute", {0}, short_time);
  graph.depend(waits, slow);
  run();
  EXPECT_EQ(span(waits, 0).start, Time(long_time));
  EXPECT_EQ(span(behind, 0).ready, Time(long_time + short_time));
  EXPECT_EQ(span(behind, 0).start, Time(long_time + short_time));
}

TEST_F(ExecutorStream, WhereWhatIsReadyRunsFirstAnOpThatWaitsHoldsUpNobody) {
  graph.stream("processor", StreamOrder::first_ready);
  const OpId slow = compute("other", {0}, long_time);
  const OpId waits = compute("processor", {0}, short_time);
  const OpId behind = compute("processor", {0}, long_time);
  const OpId last = compute("processor", {0}, short_time);
  graph.depend(waits, slow);
  EXPECT_EQ(run(), Time(long_time + 2 * short_time)) << "one at a time";
  EXPECT_EQ(span(behind, 0).start, Time());
  EXPECT_EQ(span(waits, 0).start, Time(long_time)) << "of those that are ready, the first added";
  EXPECT_EQ(span(last, 0).ready, Time(long_time + short_time)) << "when the stream is free";
  const std::vector<CriticalStep> path = critical_path(graph, timeline.spans());
  ASSERT_EQ(path.size(), 3U);
  EXPECT_EQ(path[1].span.instance.op, waits) << "who had the stream before";
  Duration sum;
  for (const CriticalStep& step : path) sum += step.span.end - step.span.start + step.wait;
  EXPECT_EQ(sum, long_time + 2 * short_time);
}

TEST_F(ExecutorStream, ATransferTakesItsStreamWhenItsPartnerHasCome) {
  graph.stream("queue", StreamOrder::first_ready);
  const OpId slow = compute("compute", {1}, long_time);
  const OpId first = transfer("queue", "in 0", {{0}, {1}}, short_time);
  const OpId second = transfer("queue", "in 1", {{0}, {1}}, short_time);
  graph.depend(first, slow, Side::destination);
  EXPECT_EQ(run(), Time(long_time + short_time));
  EXPECT_EQ(source(second, 0).start, Time());
  EXPECT_EQ(source(first, 0).start, Time(long_time));
}

TEST_F(ExecutorStream, StreamsOfOneRankOverlap) {
  const OpId a = compute("compute", {0}, long_time);
  const OpId b = compute("other", {0}, short_time);
  EXPECT_EQ(run(), Time(long_time));
  EXPECT_EQ(span(a, 0).start, Time());
  EXPECT_EQ(span(b, 0).start, Time());
  EXPECT_EQ(span(b, 0).end, Time(short_time));
}

TEST_F(ExecutorStream, RanksHaveStreamsOfTheirOwn) {
  const OpId a = compute("compute", {0, 1}, short_time);
  runner.takes_on(a, 1, long_time);
  const OpId b = compute("compute", {0, 1}, short_time);
  EXPECT_EQ(run(), Time(long_time + short_time));
  EXPECT_EQ(span(b, 0).start, Time(short_time));
  EXPECT_EQ(span(b, 1).start, Time(long_time));
}

TEST_F(ExecutorStream, ADelayOccupiesItsStreamForItsTimeOnEveryRank) {
  const OpId wait = delay("compute", {0, 1}, long_time);
  const OpId after = compute("compute", {1}, short_time);
  EXPECT_EQ(run(), Time(long_time + short_time));
  for (const Rank rank : {0, 1}) {
    EXPECT_EQ(span(wait, rank).start, Time());
    EXPECT_EQ(span(wait, rank).end, Time(long_time));
  }
  EXPECT_EQ(span(after, 1).start, Time(long_time));
}

TEST_F(ExecutorStream, ADelayOfNothingEndsWhereItStarts) {
  const OpId nothing = delay("compute", {0}, Duration(0));
  const OpId after = compute("compute", {0}, short_time);
  EXPECT_EQ(run(), Time(short_time));
  EXPECT_EQ(span(nothing, 0).end, Time());
  EXPECT_EQ(span(after, 0).start, Time());
}

TEST_F(ExecutorStream, SpansAreReportedInOrderOfEndWithTheirStream) {
  const OpId late = compute("compute", {0}, long_time);
  const OpId early = compute("other", {1}, short_time);
  run();
  ASSERT_EQ(timeline.spans().size(), 2U);
  EXPECT_EQ(timeline.spans()[0].instance.op, early);
  EXPECT_EQ(timeline.spans()[0].rank, 1);
  EXPECT_EQ(timeline.spans()[0].stream, graph.stream("other"));
  EXPECT_EQ(timeline.spans()[1].instance.op, late);
}

TEST_F(ExecutorStream, EndingTwiceIsOurMistake) {
  const OpId work = compute("compute", {0}, short_time);
  Executor executor(engine, graph, runner, observers);
  runner.report_to(executor.listener());
  executor.run();
  EXPECT_THROW(executor.listener().computed({work, 0}), InternalError);
}

}  // namespace
}  // namespace orrery
