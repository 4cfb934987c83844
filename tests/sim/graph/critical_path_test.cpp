#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "sim/base/errors.hpp"
#include "sim/graph/analysis.hpp"
#include "tests/sim/graph/graph_fixture.hpp"
#include "tests/sim/graph/random_graph.hpp"

namespace orrery {
namespace {

using namespace literals;

Duration sum(const std::vector<CriticalStep>& path) {
  Duration total;
  for (const CriticalStep& step : path) total += step.wait + (step.span.end - step.span.start);
  return total;
}

class CriticalPath : public GraphFixture {
 protected:
  struct Step {
    OpId op;
    Rank rank;
    friend bool operator==(const Step&, const Step&) = default;
  };
  using Steps = std::vector<Step>;

  Steps steps() {
    run();
    path = critical_path(graph, timeline.spans());
    Steps result;
    for (const CriticalStep& step : path) result.push_back({step.span.instance.op, step.span.rank});
    return result;
  }

  const Duration fast = 2_us;
  const Duration slow = 7_us;
  std::vector<CriticalStep> path;
};

TEST_F(CriticalPath, OfNothingIsEmpty) {
  EXPECT_EQ(steps(), Steps{});
}

TEST_F(CriticalPath, OfAChainIsTheChain) {
  const OpId first = compute("compute", {0}, fast);
  const OpId second = compute("compute", {0}, slow);
  const OpId third = compute("other", {0}, fast);
  graph.depend(third, second);
  EXPECT_EQ(steps(), (Steps{{first, 0}, {second, 0}, {third, 0}}));
  for (const CriticalStep& step : path) EXPECT_EQ(step.wait, Duration(0));
  EXPECT_EQ(sum(path), fast + slow + fast);
}

TEST_F(CriticalPath, GoesThroughTheSlowerBranchOfAFork) {
  const OpId fork = compute("a", {0}, fast);
  const OpId quick = compute("b", {0}, fast);
  const OpId tardy = compute("c", {0}, slow);
  const OpId join = compute("d", {0}, fast);
  for (const OpId branch : {quick, tardy}) {
    graph.depend(branch, fork);
    graph.depend(join, branch);
  }
  EXPECT_EQ(steps(), (Steps{{fork, 0}, {tardy, 0}, {join, 0}}));
}

TEST_F(CriticalPath, GoesThroughATransferToTheOtherRank) {
  const OpId produce = compute("compute", {0}, slow);
  const OpId move = transfer("send", "receive", {{0}, {1}}, fast);
  const OpId use = compute("compute", {1}, fast);
  graph.depend(move, produce, Side::source);
  graph.depend(use, move);
  EXPECT_EQ(steps(), (Steps{{produce, 0}, {move, 1}, {use, 1}}));
  EXPECT_EQ(sum(path), slow + fast + fast);
}

TEST_F(CriticalPath, BlamesTheReceiverThatWasLate) {
  compute("compute", {0}, fast);
  const OpId late = compute("receive", {1}, slow);
  const OpId move = transfer("compute", "receive", {{0}, {1}}, fast);
  const OpId after = compute("compute", {0}, fast);
  EXPECT_EQ(steps(), (Steps{{late, 1}, {move, 0}, {after, 0}}));
}

TEST_F(CriticalPath, DoesNotBlameWhatHoldsOnlyTheOtherSide) {
  // Rank 0 is still at `long_work` when the transfer has started: only rank 1 waits for it.
  const OpId producer = compute("producer", {0}, fast);
  const OpId long_work = compute("long", {0, 1}, slow);
  runner.takes_on(long_work, 1, 1_us);
  const OpId move = transfer("send", "receive", {{0}, {1}}, slow);
  graph.depend(move, producer, Side::source);
  graph.depend(move, long_work, Side::destination);
  EXPECT_EQ(steps(), (Steps{{producer, 0}, {move, 0}}));
}

TEST_F(CriticalPath, GoesThroughTheSlowestMemberOfACollective) {
  const OpId work = compute("compute", {0, 1, 2}, fast);
  runner.takes_on(work, 1, slow);
  const OpId reduce = collective("compute", {0, 1, 2}, 3, fast);
  runner.takes_on(reduce, 2, slow);
  EXPECT_EQ(steps(), (Steps{{work, 1}, {reduce, 2}}));
  EXPECT_EQ(sum(path), slow + slow);
}

TEST_F(CriticalPath, AMemberThatEndsEarlyIsFollowedByItsOwnEnd) {
  const OpId reduce = collective("compute", {0, 1}, 2, fast);
  runner.takes_on(reduce, 1, slow);
  const OpId after = compute("compute", {0}, 2 * slow);
  EXPECT_EQ(steps(), (Steps{{reduce, 0}, {after, 0}}));
  EXPECT_EQ(sum(path), fast + 2 * slow);
}

TEST_F(CriticalPath, WaitIsTheTimeBetweenTheEndBeforeAndTheStart) {
  const OpId first = compute("compute", {0}, fast);
  const OpId second = compute("compute", {0}, fast);
  const Duration gap = 3_us;
  const auto at = [](OpId op, Duration start, Duration end) {
    return Span{{op, 0}, 0, 0, StreamId(0), Time(start), Time(start), Time(end)};
  };
  const std::vector<Span> spans = {at(first, gap, gap + fast),
                                   at(second, gap + fast + gap, 2 * (gap + fast))};
  const std::vector<CriticalStep> found = critical_path(graph, spans);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].wait, gap);
  EXPECT_EQ(found[1].wait, gap);
}

TEST_F(CriticalPath, AMissingSpanIsOurMistake) {
  compute("compute", {0}, fast);
  compute("compute", {0}, fast);
  run();
  const std::vector<Span> last = {timeline.spans().back()};
  EXPECT_THROW(critical_path(graph, last), InternalError);
}

TEST(CriticalPathOfRandomGraphs, DurationsAndWaitsSumToTheMakespanInOrderOfTime) {
  for (int seed = 0; seed < RandomGraph::kGraphs; ++seed) {
    SCOPED_TRACE(seed);
    const RandomGraph random(seed);
    const RandomGraph::Outcome outcome = random.run();
    const std::vector<CriticalStep> path = critical_path(random.graph(), outcome.spans);
    ASSERT_FALSE(path.empty());
    EXPECT_EQ(Time(sum(path)), outcome.makespan);
    EXPECT_EQ(path.back().span.end, outcome.makespan);
    for (std::size_t i = 0; i < path.size(); ++i) {
      // The fake machine starts things at once, so nothing but the ops themselves takes time.
      EXPECT_EQ(path[i].wait, Duration(0));
      if (i > 0) {
        EXPECT_EQ(path[i].span.start, path[i - 1].span.end);
      }
    }
  }
}

}  // namespace
}  // namespace orrery
