#include "sim/graph/task_graph.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "sim/base/errors.hpp"

namespace orrery {
namespace {

using namespace literals;

class TaskGraphTest : public ::testing::Test {
 protected:
  Op valid(OpKind kind) {
    Op op;
    op.kind = kind;
    op.stream = stream;
    op.ranks = sources;
    op.peers = destinations;
    op.group_size = 2;
    op.kernel = kernel;
    return op;
  }

  const Rank world_size = 4;
  TaskGraph graph{world_size};
  const StreamId stream = graph.stream("compute");
  const StreamId other_stream = graph.stream("receive");
  const RankSetId sources = graph.rank_set({0, 1});
  const RankSetId destinations = graph.rank_set({2, 3});
  const KernelId kernel = graph.kernel(Kernel{});
};

TEST_F(TaskGraphTest, EqualNamesGetTheSameIdAndOthersDoNot) {
  EXPECT_EQ(graph.stream("compute"), stream);
  EXPECT_NE(graph.stream("receive"), stream);
  EXPECT_EQ(graph.stream_name(other_stream), "receive");
  EXPECT_EQ(graph.stream_count(), 2U);

  const LabelId label = graph.label("attention.qkv");
  EXPECT_EQ(graph.label("attention.qkv"), label);
  EXPECT_NE(graph.label("attention"), label);
  EXPECT_EQ(graph.text(label), "attention.qkv");
  EXPECT_EQ(graph.label_count(), 2U);
}

TEST_F(TaskGraphTest, RankSetKeepsItsOrder) {
  const std::vector<Rank> shifted = {3, 0, 1, 2};
  const RankSetId id = graph.rank_set(shifted);
  EXPECT_EQ(std::vector<Rank>(graph.ranks(id).begin(), graph.ranks(id).end()), shifted);
}

TEST_F(TaskGraphTest, EqualRankListsGetTheSameIdAndAnotherOrderDoesNot) {
  const std::size_t before = graph.rank_set_count();
  EXPECT_EQ(graph.rank_set({0, 1}), sources);
  EXPECT_EQ(graph.rank_set({2, 3}), destinations);
  EXPECT_EQ(graph.rank_set_count(), before);
  EXPECT_NE(graph.rank_set({1, 0}), sources);
  EXPECT_EQ(graph.rank_set_count(), before + 1);
}

TEST_F(TaskGraphTest, ManyRankSetsAreAllFoundAgain) {
  const Rank many = 200;
  TaskGraph wide(many);
  std::vector<RankSetId> ids;
  ids.reserve(static_cast<std::size_t>(many));
  for (Rank rank = 0; rank < many; ++rank) ids.push_back(wide.rank_set({rank}));
  for (Rank rank = 0; rank < many; ++rank) {
    EXPECT_EQ(wide.rank_set({rank}), ids[static_cast<std::size_t>(rank)]);
    EXPECT_EQ(wide.ranks(ids[static_cast<std::size_t>(rank)]).front(), rank);
  }
  EXPECT_EQ(wide.rank_set_count(), static_cast<std::size_t>(many));
}

TEST_F(TaskGraphTest, RankSetsOutsideTheWorldEmptyOrWithRepetitionAreOurMistake) {
  EXPECT_NO_THROW(graph.rank_set({world_size - 1, 0}));
  EXPECT_THROW(graph.rank_set({0, world_size}), InternalError);
  EXPECT_THROW(graph.rank_set({-1, 0}), InternalError);
  EXPECT_THROW(graph.rank_set({0, 2, 0}), InternalError);
  EXPECT_THROW(graph.rank_set({}), InternalError);
}

TEST_F(TaskGraphTest, OpsAreNumberedInTheOrderOfAdding) {
  const OpId first = graph.add(valid(OpKind::compute));
  const OpId second = graph.add(valid(OpKind::transfer));
  EXPECT_LT(first, second);
  EXPECT_EQ(graph.ops().size(), 2U);
  EXPECT_EQ(graph.op(second).kind, OpKind::transfer);
}

TEST_F(TaskGraphTest, EveryKindNeedsAStreamAndARankSetThatExist) {
  for (const OpKind kind : {OpKind::compute, OpKind::transfer, OpKind::collective, OpKind::delay}) {
    EXPECT_NO_THROW(graph.add(valid(kind))) << to_string(kind);
    Op op = valid(kind);
    op.stream = StreamId();
    EXPECT_THROW(graph.add(op), InternalError) << to_string(kind);
    op.stream = StreamId(graph.stream_count());
    EXPECT_THROW(graph.add(op), InternalError) << to_string(kind);
    op = valid(kind);
    op.ranks = RankSetId();
    EXPECT_THROW(graph.add(op), InternalError) << to_string(kind);
  }
}

TEST_F(TaskGraphTest, ComputeNeedsAKernel) {
  Op op = valid(OpKind::compute);
  op.kernel = KernelId();
  EXPECT_THROW(graph.add(op), InternalError);
  op.kernel = KernelId(graph.kernels().size());
  EXPECT_THROW(graph.add(op), InternalError);
}

TEST_F(TaskGraphTest, TransferNeedsADestinationForEverySource) {
  Op op = valid(OpKind::transfer);
  op.peers = RankSetId();
  EXPECT_THROW(graph.add(op), InternalError);
  op.peers = graph.rank_set({2});
  EXPECT_THROW(graph.add(op), InternalError);
  op.peers = graph.rank_set({1, 2, 3});
  EXPECT_THROW(graph.add(op), InternalError);
}

TEST_F(TaskGraphTest, TransferDestinationStreamMustExist) {
  Op op = valid(OpKind::transfer);
  op.peer_stream = other_stream;
  EXPECT_NO_THROW(graph.add(op));
  op.peer_stream = StreamId(graph.stream_count());
  EXPECT_THROW(graph.add(op), InternalError);
}

TEST_F(TaskGraphTest, RankMaySendToItselfOnlyThroughTwoStreamsOrOneSided) {
  Op op = valid(OpKind::transfer);
  op.peers = graph.rank_set({2, 1});  // 1 sends to 1
  op.peer_stream = stream;
  EXPECT_THROW(graph.add(op), InternalError);
  op.peer_stream = other_stream;
  EXPECT_NO_THROW(graph.add(op));
  op.peer_stream = StreamId();
  EXPECT_NO_THROW(graph.add(op));
  op.peers = graph.rank_set({1, 0});  // an exchange: nobody sends to itself
  op.peer_stream = stream;
  EXPECT_NO_THROW(graph.add(op));
}

TEST_F(TaskGraphTest, CollectiveNeedsWholeGroups) {
  Op op = valid(OpKind::collective);
  op.ranks = graph.rank_set({0, 1, 2, 3});
  for (const std::uint32_t whole : {1U, 2U, 4U}) {
    op.group_size = whole;
    EXPECT_NO_THROW(graph.add(op)) << whole;
  }
  for (const std::uint32_t broken : {0U, 3U, 5U, 8U}) {
    op.group_size = broken;
    EXPECT_THROW(graph.add(op), InternalError) << broken;
  }
}

TEST_F(TaskGraphTest, NegativeAmountsAreOurMistake) {
  Op op = valid(OpKind::delay);
  op.delay = Duration(-1);
  EXPECT_THROW(graph.add(op), InternalError);
  op.delay = Duration(0);
  EXPECT_NO_THROW(graph.add(op));
  op = valid(OpKind::collective);
  op.bytes = Bytes(-1);
  EXPECT_THROW(graph.add(op), InternalError);
}

TEST_F(TaskGraphTest, DependenciesNameOpsThatExist) {
  const OpId op = graph.add(valid(OpKind::compute));
  const OpId next(graph.ops().size());
  EXPECT_THROW(graph.depend(op, next), InternalError);
  EXPECT_THROW(graph.depend(next, op), InternalError);
  EXPECT_EQ(graph.add(valid(OpKind::transfer)), next);
  graph.depend(next, op, Side::source);
  ASSERT_EQ(graph.dependencies().size(), 1U);
  EXPECT_EQ(graph.dependencies()[0].op, next);
  EXPECT_EQ(graph.dependencies()[0].on, op);
  EXPECT_EQ(graph.dependencies()[0].side, Side::source);
}

TEST_F(TaskGraphTest, MemoryNamesAnOpAndACategoryThatExistAndIsNotNegative) {
  const OpId op = graph.add(valid(OpKind::compute));
  const OpId no_op(graph.ops().size());
  const LabelId category = graph.label("activations");
  const LabelId no_category(graph.label_count());
  EXPECT_THROW(graph.take_memory(no_op, category, 1_B), InternalError);
  EXPECT_THROW(graph.free_memory(no_op, category, 1_B), InternalError);
  EXPECT_THROW(graph.take_memory(op, no_category, 1_B), InternalError);
  EXPECT_THROW(graph.free_memory(op, no_category, 1_B), InternalError);
  EXPECT_THROW(graph.take_memory(op, category, Bytes(-1)), InternalError);
  EXPECT_THROW(graph.free_memory(op, category, Bytes(-1)), InternalError);
  EXPECT_THROW(graph.add_static_memory(RankSetId(), category, 1_B), InternalError);
  EXPECT_THROW(graph.add_static_memory(sources, no_category, 1_B), InternalError);
  EXPECT_THROW(graph.add_static_memory(sources, category, Bytes(-1)), InternalError);
}

TEST_F(TaskGraphTest, AMemoryEffectOfNoBytesIsNoEffect) {
  const OpId op = graph.add(valid(OpKind::compute));
  const LabelId category = graph.label("activations");
  graph.take_memory(op, category, 0_B);
  graph.free_memory(op, category, 0_B);
  EXPECT_TRUE(graph.memory_effects().empty());
  graph.take_memory(op, category, 1_B);
  EXPECT_EQ(graph.memory_effects().size(), 1U);
}

}  // namespace
}  // namespace orrery
