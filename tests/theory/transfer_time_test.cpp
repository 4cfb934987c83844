// What one transfer takes, and what several that meet take, by the fluid model: each of k flows on
// a link gets a k-th of it (max-min fairness), and latency follows the last byte.
#include "tests/theory/small_cluster.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;

constexpr Bandwidth kBandwidth = 100_GBps;
constexpr Duration kHop = 700_ns;        // of one link
constexpr Duration kLatency = 2 * kHop;  // a crossbar's route has two
constexpr Bytes kSize = 1_MB;
const LinkSpec kWire = wire(kBandwidth, kHop);

TEST(TransferTime, IsSizeOverBandwidthPlusLatency) {
  for (const Bytes size : {0_B, 1_B, 4'096_B, kSize, Bytes(123'456'789)}) {
    GraphOf graph(2);
    graph.transfer(0, 1, size);
    EXPECT_EQ(run(crossbar_of(2, kWire), graph).end,
              Time(transfer_time(size, kBandwidth) + kLatency));
  }
}

TEST(TransferTime, TheSourceIsFreeWhenTheLastByteHasLeft) {
  GraphOf graph(2);
  const OpId first = graph.transfer(0, 1, kSize);
  const OpId second = graph.transfer(0, 1, kSize);
  const Finished done = run(crossbar_of(2, kWire), graph);
  const Duration each = transfer_time(kSize, kBandwidth);
  EXPECT_EQ(done.end_of(first), each + kLatency);
  EXPECT_EQ(done.end_of(second), 2 * each + kLatency);
}

TEST(TransferTime, UsesTheEfficientShareOfABundle) {
  const double efficiency = 0.8;
  GraphOf graph(2);
  graph.transfer(0, 1, kSize);
  const Bandwidth achievable(static_cast<std::int64_t>(kBandwidth.as_double() * efficiency));
  EXPECT_EQ(run(crossbar_of(2, wire(kBandwidth, kHop, efficiency)), graph).end,
            Time(transfer_time(kSize, achievable) + kLatency));
}

TEST(TransferTime, TheMemoryBoundsWhereItIsSlowerThanTheLink) {
  // Every byte occupies 1/efficiency bytes of the full bandwidth of both memories.
  const DeviceNumbers slow{.memory = 100_GBps, .memory_efficiency = 0.25};
  GraphOf graph(2);
  graph.transfer(0, 1, kSize);
  EXPECT_EQ(run(crossbar_of(2, kWire, slow), graph).end,
            Time(transfer_time(kSize, slow.memory / 4) + kLatency));
}

TEST(TransferTime, TwoOnOneLinkShareItUntilTheShorterEnds) {
  const Bytes small = kSize;
  const Bytes large = 3 * kSize;
  GraphOf graph(3);
  const OpId a = graph.transfer(0, 1, small, "first");
  const OpId b = graph.transfer(0, 2, large, "second");  // the link out of device 0 is common
  const Finished done = run(crossbar_of(3, kWire), graph);
  EXPECT_EQ(done.end_of(a), transfer_time(2 * small, kBandwidth) + kLatency);
  EXPECT_EQ(done.end_of(b), transfer_time(small + large, kBandwidth) + kLatency);
}

TEST(TransferTime, OppositeDirectionsDoNotMeet) {
  GraphOf graph(2);
  graph.transfer(0, 1, kSize);
  graph.transfer(1, 0, kSize);
  EXPECT_EQ(run(crossbar_of(2, kWire), graph).end,
            Time(transfer_time(kSize, kBandwidth) + kLatency));
}

TEST(TransferTime, AHigherPriorityGoesFirst) {
  GraphOf graph(3);
  const OpId low = graph.transfer(0, 1, kSize, "first");
  Op urgent = graph.op(low);
  urgent.stream = graph.stream("second");
  urgent.peers = graph.rank_set({2});
  urgent.priority = 1;
  const OpId high = graph.add(urgent);
  const Finished done = run(crossbar_of(3, kWire), graph);
  EXPECT_EQ(done.end_of(high), transfer_time(kSize, kBandwidth) + kLatency);
  EXPECT_EQ(done.end_of(low), transfer_time(2 * kSize, kBandwidth) + kLatency);
}

// nodes_per_leaf flows leave a leaf through an uplink of nodes_per_leaf · B / oversubscription. A
// route has six links: host, NIC, up, down, NIC, host.
TEST(TransferTime, AnOversubscribedFatTreeDividesTheThroughputBetweenLeaves) {
  for (const int oversubscription : {1, 2, 4}) {
    const Tree tree{
        .nodes = 8, .nodes_per_leaf = 4, .oversubscription = static_cast<double>(oversubscription)};
    GraphOf graph(tree.nodes);
    for (Rank node = 0; node < tree.nodes_per_leaf; ++node) {
      graph.transfer(node, node + tree.nodes_per_leaf, kSize);
    }
    EXPECT_EQ(run(fat_tree_of(tree, kWire), graph).end,
              Time(transfer_time(oversubscription * kSize, kBandwidth) + 6 * kHop));
  }
}

TEST(TransferTime, OversubscriptionDoesNotTouchFlowsBelowOneLeafOrAloneOnTheUplink) {
  const Tree tree{.nodes = 8, .nodes_per_leaf = 4, .oversubscription = 4};
  GraphOf below(tree.nodes);
  for (Rank node = 0; node < tree.nodes_per_leaf; ++node) {
    below.transfer(node, (node + 1) % tree.nodes_per_leaf, kSize);
  }
  EXPECT_EQ(run(fat_tree_of(tree, kWire), below).end,
            Time(transfer_time(kSize, kBandwidth) + 4 * kHop));
  GraphOf alone(tree.nodes);
  alone.transfer(0, tree.nodes_per_leaf, kSize);
  EXPECT_EQ(run(fat_tree_of(tree, kWire), alone).end,
            Time(transfer_time(kSize, kBandwidth) + 6 * kHop));
}

}  // namespace
}  // namespace orrery
