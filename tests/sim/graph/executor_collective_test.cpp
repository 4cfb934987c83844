#include <gtest/gtest.h>

#include <vector>

#include "tests/sim/graph/graph_fixture.hpp"

namespace orrery {
namespace {

using namespace literals;

class ExecutorCollective : public GraphFixture {
 protected:
  const Duration early = 2_us;
  const Duration late = 7_us;
  const Duration reduction = 4_us;
  const Duration longer_reduction = 6_us;
};

TEST_F(ExecutorCollective, WaitsForAllMembersAndSaysWhenEachWasReady) {
  const OpId work = compute("compute", {0, 1, 2}, early);
  runner.takes_on(work, 1, late);
  const OpId reduce = collective("compute", {0, 1, 2}, 3, reduction);
  EXPECT_EQ(run(), Time(late + reduction));
  for (const Rank rank : {0, 1, 2}) {
    EXPECT_EQ(span(reduce, rank).ready, Time(rank == 1 ? late : early));
    EXPECT_EQ(span(reduce, rank).start, Time(late));
    EXPECT_EQ(span(reduce, rank).end, Time(late + reduction));
  }
}

TEST_F(ExecutorCollective, MembersGoOnAsSoonAsEachHasEnded) {
  const OpId reduce = collective("compute", {0, 1}, 2, reduction);
  runner.takes_on(reduce, 1, longer_reduction);
  const OpId after = compute("compute", {0, 1}, early);
  run();
  EXPECT_EQ(span(reduce, 0).end, Time(reduction));
  EXPECT_EQ(span(reduce, 1).end, Time(longer_reduction));
  EXPECT_EQ(span(after, 0).start, Time(reduction));
  EXPECT_EQ(span(after, 1).start, Time(longer_reduction));
}

TEST_F(ExecutorCollective, GroupsAreConsecutiveRanksOfTheListAndDoNotWaitForEachOther) {
  const OpId work = compute("compute", {2}, late);
  const OpId reduce = collective("compute", {3, 0, 1, 2}, 2, reduction);
  run();
  const std::vector<std::vector<Rank>> in_order_of_start = {{3, 0}, {1, 2}};
  EXPECT_EQ(runner.groups(), in_order_of_start);
  EXPECT_EQ(span(reduce, 3).end, Time(reduction));
  EXPECT_EQ(span(reduce, 0).end, Time(reduction));
  EXPECT_EQ(span(reduce, 1).start, span(work, 2).end);
  EXPECT_EQ(span(reduce, 2, 1).instance.instance, 1U);
  EXPECT_EQ(span(reduce, 0, 1).instance.instance, 0U);
}

TEST_F(ExecutorCollective, AGroupOfOneWaitsForNobody) {
  const OpId work = compute("compute", {0}, late);
  const OpId reduce = collective("compute", {0, 1}, 1, reduction);
  run();
  EXPECT_EQ(span(reduce, 1).start, Time());
  EXPECT_EQ(span(reduce, 0).start, span(work, 0).end);
}

TEST_F(ExecutorCollective, ADependencyOfOneMemberHoldsItsGroupOnly) {
  const OpId slow = compute("other", {0}, late);
  const OpId reduce = collective("compute", {0, 1, 2, 3}, 2, reduction);
  graph.depend(reduce, slow);
  run();
  EXPECT_EQ(span(reduce, 1).ready, Time());
  EXPECT_EQ(span(reduce, 1).start, Time(late));
  EXPECT_EQ(span(reduce, 2).start, Time());
}

}  // namespace
}  // namespace orrery
