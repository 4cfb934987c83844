#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "sim/base/errors.hpp"
#include "sim/graph/analysis.hpp"
#include "tests/sim/graph/graph_fixture.hpp"
#include "tests/sim/graph/random_graph.hpp"

namespace orrery {
namespace {

using namespace literals;

Duration sum(const RankBreakdown& rank) {
  return std::accumulate(rank.exposed.begin(), rank.exposed.end(),
                         rank.compute + rank.bubble + rank.idle);
}

/// Spans by hand on rank 0; the ops only say of what kind and category they are.
class BreakDown : public GraphFixture {
 protected:
  /// Runs from `start` to `end`; ready at the start.
  void runs(OpId op, Duration start, Duration end) { waits_and_runs(op, start, start, end); }
  void waits_and_runs(OpId op, Duration ready, Duration start, Duration end) {
    spans.push_back(Span{{op, 0}, 0, 0, stream, Time(ready), Time(start), Time(end)});
  }
  RankBreakdown result(Duration total, bool pipelined) const {
    const std::vector<RankBreakdown> all = break_down(graph, spans, Time(total), pipelined);
    EXPECT_EQ(all.size(), static_cast<std::size_t>(kWorldSize));
    EXPECT_EQ(sum(all[0]), total);
    return all[0];
  }
  OpId host_delay() {
    Op op;
    op.kind = OpKind::delay;
    op.stream = graph.stream("host");
    op.ranks = graph.rank_set({0});
    op.label = op.category = graph.label("host");
    return graph.add(op);
  }
  RankBreakdown pipelined(Duration total) const { return result(total, true); }
  RankBreakdown plain(Duration total) const { return result(total, false); }
  Duration exposed(const RankBreakdown& rank, OpId op) const {
    return rank.exposed[graph.op(op).category.index()];
  }

  const StreamId stream = graph.stream("compute");
  const OpId work = compute("compute", {0}, 1_us);
  const OpId tensor = collective("compute", {0, 1}, 2, 1_us, "tensor");
  const OpId data = collective("compute", {0, 1}, 2, 1_us, "data");
  const OpId pipeline = transfer("compute", "receive", {{0}, {1}}, 1_us, "pipeline");
  const OpId pause = delay("compute", {0}, 1_us);
  std::vector<Span> spans;
};

TEST_F(BreakDown, ComputeHidesCommunication) {
  runs(tensor, 0_us, 10_us);
  runs(work, 2_us, 6_us);
  const RankBreakdown rank = plain(10_us);
  EXPECT_EQ(rank.compute, 6_us - 2_us);
  EXPECT_EQ(exposed(rank, tensor), 2_us + (10_us - 6_us));
  EXPECT_EQ(rank.idle + rank.bubble, Duration(0));
}

TEST_F(BreakDown, ComputeOnTwoStreamsCountsOnce) {
  runs(work, 0_us, 6_us);
  runs(work, 4_us, 9_us);
  EXPECT_EQ(plain(9_us).compute, 9_us);
}

TEST_F(BreakDown, ADelayCountsAsCompute) {
  runs(pause, 0_us, 3_us);
  runs(tensor, 0_us, 5_us);
  const RankBreakdown rank = plain(5_us);
  EXPECT_EQ(rank.compute, 3_us);
  EXPECT_EQ(exposed(rank, tensor), 5_us - 3_us);
}

TEST_F(BreakDown, TimeOfTheHostIsExposedWhereNothingIsComputed) {
  const OpId host = host_delay();
  runs(host, 0_us, 5_us);
  runs(work, 1_us, 3_us);
  const RankBreakdown rank = plain(5_us);
  EXPECT_EQ(rank.compute, 3_us - 1_us);
  EXPECT_EQ(exposed(rank, host), 5_us - (3_us - 1_us));
}

TEST_F(BreakDown, AHostBesideTheDeviceCountsWhereWhatComesNextWaitedForIt) {
  const OpId host = host_delay();
  spans.push_back(Span{{host, 0}, 0, 0, graph.stream("host"), Time(), Time(), Time(9_us)});
  runs(tensor, 1_us, 3_us);
  runs(work, 5_us, 6_us);
  const RankBreakdown rank = plain(10_us);
  EXPECT_EQ(exposed(rank, tensor), 3_us - 1_us) << "whoever started first";
  EXPECT_EQ(exposed(rank, host), 9_us - 6_us);
  EXPECT_EQ(rank.compute, 6_us - 5_us);
  EXPECT_EQ(rank.idle, 1_us + (5_us - 3_us) + (10_us - 9_us)) << "nothing waited for the host";
}

TEST_F(BreakDown, OfSeveralCommunicationsTheOneThatStartedFirstCounts) {
  runs(data, 3_us, 9_us);
  runs(tensor, 1_us, 5_us);
  runs(pipeline, 4_us, 12_us);
  const RankBreakdown rank = plain(12_us);
  EXPECT_EQ(exposed(rank, tensor), 5_us - 1_us);
  EXPECT_EQ(exposed(rank, data), 9_us - 5_us);
  EXPECT_EQ(exposed(rank, pipeline), 12_us - 9_us);
  EXPECT_EQ(rank.idle, 1_us);
}

TEST_F(BreakDown, InAPipelineWaitingForTheNextOpAndForTheEndIsBubble) {
  runs(work, 2_us, 5_us);
  runs(pipeline, 6_us, 8_us);
  const RankBreakdown rank = pipelined(11_us);
  EXPECT_EQ(rank.bubble, 2_us + (6_us - 5_us) + (11_us - 8_us));
  EXPECT_EQ(rank.idle, Duration(0));
}

TEST_F(BreakDown, WithoutAPipelineTheSameWaitingIsIdle) {
  runs(work, 2_us, 5_us);
  runs(pipeline, 6_us, 8_us);
  const RankBreakdown rank = plain(11_us);
  EXPECT_EQ(rank.idle, 2_us + (6_us - 5_us) + (11_us - 8_us));
  EXPECT_EQ(rank.bubble, Duration(0));
}

TEST_F(BreakDown, WaitingForTheOthersOfACollectiveIsIdleInAPipelineToo) {
  runs(work, 0_us, 2_us);
  waits_and_runs(tensor, 2_us, 5_us, 6_us);
  const RankBreakdown rank = pipelined(6_us);
  EXPECT_EQ(rank.idle, 5_us - 2_us);
  EXPECT_EQ(rank.bubble, Duration(0));
}

TEST_F(BreakDown, WhatComesBeforeTheRankIsReadyForACollectiveIsBubble) {
  waits_and_runs(tensor, 2_us, 5_us, 6_us);
  const RankBreakdown rank = pipelined(6_us);
  EXPECT_EQ(rank.bubble, 2_us);
  EXPECT_EQ(rank.idle, 5_us - 2_us);
}

TEST_F(BreakDown, ACollectiveThatStartsWhenThisRankIsReadyEndsABubble) {
  runs(work, 0_us, 2_us);
  runs(tensor, 5_us, 6_us);
  EXPECT_EQ(pipelined(6_us).bubble, 5_us - 2_us);
}

TEST_F(BreakDown, WaitingForThePartnerOfATransferIsBubbleInAPipeline) {
  waits_and_runs(pipeline, 0_us, 5_us, 6_us);
  EXPECT_EQ(pipelined(6_us).bubble, 5_us);
}

TEST_F(BreakDown, WhatAOneSidedTransferBringsInIsIgnored) {
  spans.push_back(Span{{pipeline, 0}, 1, 0, StreamId(), Time(), Time(), Time(4_us)});
  const RankBreakdown rank = plain(4_us);
  EXPECT_EQ(rank.idle, 4_us);
  EXPECT_EQ(exposed(rank, pipeline), Duration(0));
}

TEST_F(BreakDown, ARankWithoutSpansOnlyWaits) {
  runs(work, 0_us, 4_us);
  const std::vector<RankBreakdown> all = break_down(graph, spans, Time(4_us), true);
  EXPECT_EQ(all[0].compute, 4_us);
  EXPECT_EQ(all[1].bubble, 4_us);
}

TEST_F(BreakDown, ACommunicationWithoutACategoryIsOurMistake) {
  Op op = graph.op(tensor);
  op.category = LabelId();
  runs(graph.add(op), 0_us, 1_us);
  EXPECT_THROW(break_down(graph, spans, Time(1_us), false), InternalError);
}

/// The rules once more, one picosecond after another.
class PerPicosecond {
 public:
  PerPicosecond(const TaskGraph& graph, const std::vector<Span>& spans, Rank rank)
      : graph_(&graph) {
    for (const Span& span : spans) {
      if (span.rank == rank && span.stream.valid()) spans_.push_back(span);
    }
  }

  RankBreakdown result(Time total, bool pipelined) const {
    RankBreakdown rank;
    rank.exposed.resize(graph_->label_count());
    for (Time now; now < total; now = now + Duration(1)) part(now, pipelined, rank) += Duration(1);
    return rank;
  }

 private:
  OpKind kind(const Span& span) const { return graph_->op(span.instance.op).kind; }

  Duration& part(Time now, bool pipelined, RankBreakdown& rank) const {
    const Span* communication = nullptr;
    const Span* next = nullptr;
    for (const Span& span : spans_) {
      if (span.start <= now && now < span.end) {
        if (kind(span) == OpKind::compute || kind(span) == OpKind::delay) return rank.compute;
        if (communication == nullptr || span.start < communication->start) communication = &span;
      }
      if (now < span.start && (next == nullptr || span.start < next->start)) next = &span;
    }
    if (communication != nullptr) {
      return rank.exposed[graph_->op(communication->instance.op).category.index()];
    }
    const bool late_partners =
        next != nullptr && kind(*next) == OpKind::collective && next->ready <= now;
    return pipelined && !late_partners ? rank.bubble : rank.idle;
  }

  const TaskGraph* graph_;
  std::vector<Span> spans_;
};

void expect_every_picosecond_in_its_part(const RandomGraph& random, bool pipelined) {
  const RandomGraph::Outcome outcome = random.run();
  const std::vector<RankBreakdown> all =
      break_down(random.graph(), outcome.spans, outcome.makespan, pipelined);
  ASSERT_EQ(all.size(), static_cast<std::size_t>(random.graph().world_size()));
  for (std::size_t i = 0; i < all.size(); ++i) {
    const PerPicosecond rules(random.graph(), outcome.spans, static_cast<Rank>(i));
    const RankBreakdown expected = rules.result(outcome.makespan, pipelined);
    EXPECT_EQ(sum(all[i]), outcome.makespan.since_start());
    EXPECT_EQ(all[i].compute, expected.compute);
    EXPECT_EQ(all[i].exposed, expected.exposed);
    EXPECT_EQ(all[i].bubble, expected.bubble);
    EXPECT_EQ(all[i].idle, expected.idle);
  }
}

TEST(BreakDownOfRandomGraphs, EveryPicosecondIsCountedUnderTheRightPart) {
  for (int seed = 0; seed < RandomGraph::kGraphs; ++seed) {
    SCOPED_TRACE(seed);
    expect_every_picosecond_in_its_part(RandomGraph(seed), false);
    expect_every_picosecond_in_its_part(RandomGraph(seed), true);
  }
}

}  // namespace
}  // namespace orrery
