#include "sim/graph/waits.hpp"

#include <gtest/gtest.h>

#include "sim/graph/analysis.hpp"
#include "tests/sim/graph/graph_fixture.hpp"
#include "tests/sim/graph/random_graph.hpp"

namespace orrery {
namespace {

using namespace literals;

class WaitsTest : public GraphFixture {
 protected:
  void find() {
    end = run();
    waits = find_waits(graph, timeline.spans(), each_rank_alone(graph.world_size()));
  }
  const Waits::OfRank& of(Rank rank) const { return waits.ranks[static_cast<std::size_t>(rank)]; }

  const Duration fast = 2_us;
  const Duration slow = 7_us;
  const Duration reduction = 3_us;
  Time end;
  Waits waits;
};

TEST_F(WaitsTest, OfNothingAreNone) {
  find();
  EXPECT_TRUE(waits.pairs.empty());
  EXPECT_EQ(waits.total_s, 0);
  EXPECT_EQ(waits.ranks.size(), static_cast<std::size_t>(kWorldSize));
}

TEST_F(WaitsTest, InACollectiveArePutDownToTheLastThatCame) {
  const OpId work = compute("main", {0, 1, 2}, fast);
  runner.takes_on(work, 1, slow);
  const OpId reduce = collective("main", {0, 1, 2}, 3, reduction);
  find();
  ASSERT_EQ(waits.pairs.size(), 2U);
  const std::vector<Rank> waiting = {0, 2};
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    EXPECT_EQ(waits.pairs[i].waiting, waiting[i]);
    EXPECT_EQ(waits.pairs[i].waited_for, 1);
    EXPECT_EQ(waits.pairs[i].category, graph.op(reduce).category);
    EXPECT_EQ(waits.pairs[i].time, slow - fast);
    EXPECT_EQ(waits.pairs[i].times, 1U);
    EXPECT_EQ(of(waiting[i]).waited, slow - fast);
    EXPECT_EQ(of(waiting[i]).caused_s, 0);
  }
  EXPECT_EQ(of(1).waited, Duration(0));
  EXPECT_DOUBLE_EQ(of(1).caused_s, to_seconds(2 * (slow - fast)));
  EXPECT_DOUBLE_EQ(waits.total_s, of(1).caused_s);
}

TEST_F(WaitsTest, InEachGroupArePutDownToItsOwnLast) {
  const OpId work = compute("main", {0, 1, 2, 3}, fast);
  runner.takes_on(work, 1, slow);
  runner.takes_on(work, 2, slow);
  collective("main", {0, 1, 2, 3}, 2, reduction);
  find();
  ASSERT_EQ(waits.pairs.size(), 2U);
  EXPECT_EQ(waits.pairs[0].waiting, 0);
  EXPECT_EQ(waits.pairs[0].waited_for, 1);
  EXPECT_EQ(waits.pairs[1].waiting, 3);
  EXPECT_EQ(waits.pairs[1].waited_for, 2);
}

TEST_F(WaitsTest, OfAReceiverArePutDownToTheSenderAndAddUp) {
  constexpr std::uint64_t kTimes = 3;
  for (std::uint64_t i = 0; i < kTimes; ++i) {
    compute("main", {0}, slow);
    transfer("main", "main", {{0}, {1}}, fast);
  }
  find();
  ASSERT_EQ(waits.pairs.size(), 1U);
  EXPECT_EQ(waits.pairs[0].waiting, 1);
  EXPECT_EQ(waits.pairs[0].waited_for, 0);
  EXPECT_EQ(waits.pairs[0].times, kTimes);
  EXPECT_EQ(waits.pairs[0].time, static_cast<std::int64_t>(kTimes) * slow);
}

TEST_F(WaitsTest, OfARankThatWorksMeanwhileAreOnlyWhatIsLeft) {
  const OpId work = compute("main", {0, 1}, fast);
  runner.takes_on(work, 1, slow);
  collective("network", {0, 1}, 2, reduction);  // rank 0 works beside it, rank 1 comes to it late
  compute("other", {1}, slow);
  collective("other", {0, 1}, 2, reduction);
  find();
  // Rank 0 works or communicates until max(fast, reduction); it is ready for the second collective
  // from 0 on, and idle before it from then.
  const Duration busy = std::max(fast, reduction);
  ASSERT_EQ(waits.pairs.size(), 1U);
  EXPECT_EQ(waits.pairs[0].time, slow - busy);
  EXPECT_EQ(waits.pairs[0].waited_for, 1);
}

TEST_F(WaitsTest, ForAOneSidedTransferAreNoneOfItsDestination) {
  compute("main", {0}, slow);
  put("main", {{0}, {1}}, fast);
  find();
  EXPECT_TRUE(waits.pairs.empty());
}

TEST(WaitsOfRandomGraphs, AreAPartOfBubbleAndIdle) {
  for (int seed = 0; seed < RandomGraph::kGraphs; ++seed) {
    const RandomGraph random(seed);
    const RandomGraph::Outcome done = random.run();
    const Waits found =
        find_waits(random.graph(), done.spans, each_rank_alone(random.graph().world_size()));
    const auto parts = break_down(random.graph(), done.spans, done.makespan, false);
    double caused_s = 0;
    for (std::size_t rank = 0; rank < parts.size(); ++rank) {
      EXPECT_LE(found.ranks[rank].waited, parts[rank].bubble + parts[rank].idle) << seed;
      caused_s += found.ranks[rank].caused_s;
    }
    EXPECT_NEAR(caused_s, found.total_s, 1e-12 * found.total_s) << seed;
  }
}

}  // namespace
}  // namespace orrery
