// Several collectives at once, on the same ranks, on some of the same, and on others: what they
// share is shared, what they do not is not. One in the network takes what its definition says.
#include <gtest/gtest.h>

#include "models/collective/builtin.hpp"
#include "tests/theory/predicted.hpp"
#include "tests/theory/small_cluster.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;

constexpr Bandwidth kLink = 100_GBps;
constexpr Duration kLatency = 500_ns;  // of a link; a route inside a node has two

/// Of `ranks`, each collective on a stream of its own.
OpId add_collective(GraphOf& graph, CollectiveKind kind, Bytes size, std::vector<Rank> ranks,
                    const std::string& stream) {
  Op op;
  op.kind = OpKind::collective;
  op.collective = kind;
  op.group_size = static_cast<std::uint32_t>(ranks.size());
  op.ranks = graph.rank_set(std::move(ranks));
  op.stream = graph.stream(stream);
  op.bytes = size;
  return graph.add(op);
}

Duration end_of(const ClusterSpec& cluster, const GraphOf& graph,
                const CollectiveChoice& choice = {}) {
  return run(cluster, graph, choice).end.since_start();
}

CollectiveChoice at_once(const std::string& all_reduce = "auto") {
  CollectiveChoice choice;
  choice.algorithm[static_cast<std::size_t>(CollectiveKind::all_reduce)] = all_reduce;
  choice.launch = Duration(0);
  return choice;
}

TEST(CollectivesAtOnce, DisjointGroupsDoNotKnowOfEachOther) {
  GraphOf alone(8);
  add_collective(alone, CollectiveKind::all_reduce, 8_MB, {0, 1, 2, 3}, "first");
  GraphOf both(8);
  add_collective(both, CollectiveKind::all_reduce, 8_MB, {0, 1, 2, 3}, "first");
  add_collective(both, CollectiveKind::all_reduce, 8_MB, {4, 5, 6, 7}, "first");
  const ClusterSpec cluster = crossbar_of(8, wire(kLink, kLatency));
  EXPECT_EQ(end_of(cluster, both, at_once()), end_of(cluster, alone, at_once()));
  const Duration step = transfer_time(8_MB / 4, kLink) + 2 * kLatency;
  EXPECT_EQ(end_of(cluster, both, at_once()), 2 * 3 * step);
}

TEST(CollectivesAtOnce, OnTheSameRanksEachGetsItsPartOfEveryLink) {
  for (const int count : {2, 3, 4}) {
    GraphOf graph(4);
    for (int stream = 0; stream < count; ++stream) {
      add_collective(graph, CollectiveKind::all_reduce, 8_MB, {0, 1, 2, 3}, std::to_string(stream));
    }
    const Duration step = transfer_time(count * 8_MB / 4, kLink) + 2 * kLatency;
    EXPECT_EQ(end_of(crossbar_of(4, wire(kLink, kLatency)), graph, at_once()), 2 * 3 * step);
  }
}

/// Rank 1 sends to both others and gets from both: its links are halved, and with them the whole.
TEST(CollectivesAtOnce, GroupsThatOverlapShareTheLinksOfWhoIsInBoth) {
  GraphOf graph(3);
  add_collective(graph, CollectiveKind::all_gather, 8_MB, {0, 1}, "first");
  add_collective(graph, CollectiveKind::all_gather, 8_MB, {1, 2}, "second");
  EXPECT_EQ(end_of(crossbar_of(3, wire(kLink, kLatency)), graph, at_once()),
            transfer_time(2 * 8_MB / 2, kLink) + 2 * kLatency);
}

/// Of nodes with as many adapters as devices, on one switch that adds.
ClusterSpec rails_of(int nodes, int devices, Bandwidth inside = kLink) {
  ClusterSpec cluster = crossbar_of(devices, wire(inside, kLatency));
  cluster.nodes = nodes;
  cluster.node.nics = devices;
  cluster.node.nic_link = wire(25_GBps, 700_ns);
  cluster.node.host_link = wire(50_GBps, 300_ns);
  cluster.fabric = json_object({{"kind", json_string("crossbar")}});
  return cluster;
}

/// S/w inside to each of w-1 others, S/w once over the adapter, and S/w to each of w-1 others.
TEST(CollectivesAtOnce, SharpSendsEachRailsPartOnceThroughItsAdapter) {
  for (const int nodes : {2, 3, 5}) {
    for (const int devices : {1, 2, 4}) {
      const int n = nodes * devices;
      const Bytes size = devices * 1_MB;
      GraphOf graph(n);
      graph.collective(CollectiveKind::all_reduce, size, n);
      CollectiveChoice choice = at_once("sharp");
      choice.chunk = size;  // one piece
      const Duration inside = transfer_time((devices - 1) * size / devices, kLink) + 2 * kLatency;
      const Duration across = transfer_time(size / devices, 25_GBps) + 2 * 300_ns + 2 * 700_ns;
      EXPECT_EQ(end_of(rails_of(nodes, devices), graph, choice),
                (devices > 1 ? 2 * inside : Duration(0)) + across)
          << nodes << " nodes of " << devices;
    }
  }
}

/// 2(w-1) S/w over a port inside a node and S/w over an adapter, where both take as long: one after
/// the other, or of P pieces both at once but for filling, for which a piece of the second round
/// begins four after the first, and one of the third as many later. As it is predicted.
TEST(CollectivesAtOnce, PiecesOfSharpAreInsideAndBetweenNodesAtOnce) {
  const int nodes = 3;
  const int devices = 4;
  const int pieces = 100;
  const Bytes block = pieces * 1_MB;
  const ClusterSpec cluster = rails_of(nodes, devices, 2 * (devices - 1) * 25_GBps);
  GraphOf graph(nodes * devices);
  graph.collective(CollectiveKind::all_reduce, devices * block, nodes * devices);
  const double once = to_seconds(transfer_time(block, 25_GBps));
  for (const Bytes chunk : {block, block / pieces, Bytes(0)}) {
    CollectiveChoice choice = at_once("sharp");
    choice.chunk = chunk;
    const double took = to_seconds(end_of(cluster, graph, choice));
    if (chunk == block) {
      EXPECT_GE(took, 2 * once);
    } else {
      EXPECT_GE(took, once);
      EXPECT_LE(took, once * (pieces + 2 * 4) / pieces + 20 * to_seconds(kLatency));
    }
    const CollectiveCall call{.size = devices * block, .chunk = chunk};
    EXPECT_NEAR(predicted(cluster, make_sharp_all_reduce, call), took, 0.01 * took);
  }
}

/// The one that comes last holds up all, in one step.
TEST(CollectivesAtOnce, InTheSwitchNobodyIsDoneBeforeAllHaveSent) {
  const int n = 4;
  ClusterSpec cluster = crossbar_of(n, wire(kLink, kLatency));
  GraphOf graph(n);
  graph.collective(CollectiveKind::all_reduce, n * 1_MB, n);
  const Duration step = transfer_time((n + 1) * 1_MB, kLink) + 2 * kLatency;
  EXPECT_EQ(end_of(cluster, graph, at_once("nvls")), step);
  graph.transfer(0, 2, 1_MB, "beside");  // half of rank 0's link up while it lasts
  const auto both = run(cluster, graph, at_once("nvls"));
  const Duration later = transfer_time((n + 2) * 1_MB, kLink) + 2 * kLatency;
  for (const Span& span : both.spans) {
    if (span.instance.op == OpId(0)) {
      EXPECT_EQ(span.end, Time(later)) << span.rank;
    }
  }
}

}  // namespace
}  // namespace orrery
