// Rings over the adapters of several nodes, and over the links of a mesh, against closed forms.
#include "models/collective/builtin.hpp"
#include "tests/theory/predicted.hpp"
#include "tests/theory/small_cluster.hpp"
#include "tests/theory/transport_cluster.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;

/// Nodes of devices behind a crossbar, an adapter for each, and one leaf that joins all nodes.
ClusterSpec nodes_of(int nodes, int devices, const LinkSpec& inside, const LinkSpec& between) {
  ClusterSpec cluster = crossbar_of(devices, inside);
  cluster.node.nics = devices;
  cluster.node.nic_link = between;
  cluster.node.host_link = wire(10 * between.bandwidth, Duration(0));
  cluster.nodes = nodes;
  cluster.fabric = json_object({{"kind", json_string("fat_tree")},
                                {"nodes_per_leaf", json_integer(nodes)},
                                {"oversubscription", json_real(1)},
                                {"link", to_json(between)}});
  return cluster;
}

ClusterSpec mesh_of(int devices, const LinkSpec& link) {
  ClusterSpec cluster = crossbar_of(devices, link);
  cluster.node.fabric = json_object({{"kind", json_string("full_mesh")},
                                     {"link", to_json(link)},
                                     {"links_per_pair", json_integer(1)}});
  return cluster;
}

Duration time_of(const ClusterSpec& cluster, CollectiveKind kind, Bytes size, int members) {
  GraphOf graph(members);
  graph.collective(kind, size, members);
  return run(cluster, graph).end.since_start();
}

// In each step a member sends one message over its adapter, or d-1 over its port, of the d rings:
// (n-1) steps of S/n/d over the adapters, where these are what is slow.
TEST(CollectivesOverNodes, UseAllAdaptersAtOnce) {
  const Duration away = 3_us;
  const Bandwidth adapter = 10_GBps;
  for (const int nodes : {2, 4}) {
    for (const int devices : {1, 2, 4, 8}) {
      const int n = nodes * devices;
      const Bytes message = 20_KB;
      const Bytes size = n * devices * message;
      const LinkSpec inside = wire(10 * devices * adapter, Duration(0));
      const ClusterSpec cluster = nodes_of(nodes, devices, inside, wire(adapter, away / 2));
      const Duration step = transfer_time(message, adapter) + away;
      for (const auto kind : {CollectiveKind::all_gather, CollectiveKind::reduce_scatter}) {
        EXPECT_EQ(time_of(cluster, kind, size, n), (n - 1) * step) << nodes << " x " << devices;
      }
      EXPECT_EQ(time_of(cluster, CollectiveKind::all_reduce, size, n), 2 * (n - 1) * step);
    }
  }
}

// Of two nodes one is below the other: along the chain of a node to its head, over, and back. Each
// of the channels, two for each adapter, carries its slice; a hop of the chain moves two slices
// over a port, a hop between the nodes one over an adapter either way.
TEST(CollectivesOverNodes, ATreeGoesAlongChainsAndOnceAcross) {
  const Duration hop = 200_ns;
  const Duration away = 1_us;
  const Bandwidth inside = 100_GBps;
  const Bandwidth adapter = 10_GBps;
  for (const int devices : {1, 2, 4, 8}) {
    const Bytes slice = 10_KB;
    const ClusterSpec cluster =
        nodes_of(2, devices, wire(inside, hop / 2), wire(adapter, away / 2));
    CollectiveChoice choice;
    choice.algorithm[static_cast<std::size_t>(CollectiveKind::all_reduce)] = "double_binary_tree";
    GraphOf graph(2 * devices);
    graph.collective(CollectiveKind::all_reduce, 2 * devices * slice, 2 * devices);
    const Duration chain = (devices - 1) * (transfer_time(2 * slice, inside) + hop);
    const Duration across = transfer_time(slice, adapter) + away;
    EXPECT_EQ(run(cluster, graph, choice).end.since_start(), 2 * (chain + across)) << devices;
  }
}

// Rings of w inside the nodes carry the blocks of all h nodes, 2(w-1) h b in all, those across them
// 2(h-1) b over an adapter: one after the other, or of P pieces, which follow each other an eighth
// of all rounds apart, both at once but for filling. As it is predicted.
TEST(CollectivesOverNodes, PiecesOfAHierarchicalOneAreInsideAndBetweenNodesAtOnce) {
  const Bytes block = 12_MB;
  const Bandwidth adapter = 10_GBps;
  for (const auto& [h, w] : {std::pair(3, 4), std::pair(5, 6)}) {
    const int rounds = 2 * (w - 1 + h - 1);
    const int apart = std::max(1, rounds / 8);
    const double once = to_seconds(transfer_time(2 * (h - 1) * block, adapter));
    const Bandwidth inside = (w - 1) * h * adapter / (h - 1);  // takes as long
    const ClusterSpec cluster =
        nodes_of(h, w, wire(inside, Duration(0)), wire(adapter, Duration(0)));
    const auto expect = [&](Bytes chunk, double least, double most) {
      CollectiveChoice choice;
      choice.algorithm[static_cast<std::size_t>(CollectiveKind::all_reduce)] = "hierarchical";
      choice.chunk = chunk;
      GraphOf graph(h * w);
      graph.collective(CollectiveKind::all_reduce, h * w * block, h * w);
      const double took = to_seconds(run(cluster, graph, choice).end.since_start());
      EXPECT_GE(took, least * (1 - 1e-6)) << h << " x " << w;
      EXPECT_LE(took, most * (1 + 1e-6)) << h << " x " << w;
      const CollectiveCall call{.size = h * w * block, .chunk = chunk};
      EXPECT_NEAR(predicted(cluster, make_hierarchical_all_reduce, call), took, 0.01 * took);
    };
    const auto filled = [&](int pieces) {
      return once * (rounds + (pieces - 1) * apart) / (pieces * apart);
    };
    expect(h * block, 2 * once, 2 * once);
    expect(h * block / 100, once, filled(100));
    expect(Bytes(0), once, filled(32));
  }
}

// Its adapter is in each step of somebody else, who goes on and sends into it while others still
// do: messages of several steps share it, which is slower than one after the other.
TEST(CollectivesOverNodes, ArePredictedWhereOneMemberIsAloneInItsNode) {
  const int n = 9;
  const Bytes size = n * 1_MB;
  const Bandwidth adapter = 10_GBps;
  const LinkSpec inside = wire(20 * adapter, 1_us);
  const LinkSpec rdma =
      link_of(link_json("rdma", adapter, 2_us, R"(, "efficiency": 1, "incast_efficiency": 0.8)"));
  for (const LinkSpec& between : {wire(adapter, 2_us), rdma}) {
    const ClusterSpec cluster = nodes_of(2, n - 1, inside, between);
    const auto expect = [&](const std::string& algorithm, CollectiveFactory make) {
      CollectiveChoice choice;
      choice.algorithm[static_cast<std::size_t>(CollectiveKind::all_to_all)] = algorithm;
      choice.launch = Duration(0);
      GraphOf graph(n);
      graph.collective(CollectiveKind::all_to_all, size, n);
      const double took = to_seconds(run(cluster, graph, choice).end.since_start());
      EXPECT_GE(took, to_seconds(transfer_time((n - 1) * size / n, adapter)));
      EXPECT_NEAR(predicted(cluster, make, {.size = size, .chunk = Bytes(0)}, n), took, 0.01 * took)
          << algorithm;
    };
    expect("pairwise", make_pairwise_all_to_all);
    expect("bruck", make_bruck_all_to_all);
    expect("direct", make_direct_all_to_all);
  }
}

ClusterSpec torus_of(const std::vector<int>& sizes, const LinkSpec& link) {
  ClusterSpec cluster = crossbar_of(1, link);
  JsonValue dimensions = json_array({});
  for (const int size : sizes) {
    cluster.node.devices *= size;
    dimensions.items.push_back(json_integer(size));
  }
  cluster.node.fabric = json_object({{"kind", json_string("torus")},
                                     {"dimensions", dimensions},
                                     {"link", to_json(link)},
                                     {"links_per_pair", json_integer(1)}});
  return cluster;
}

// Along the i-th dimension of p places p-1 messages of a p^i-th of a part, of which there are two a
// dimension; all links carry one at a time, either way. Back the same; a half of it is half of
// that. It is what a prediction takes, and is predicted to take.
TEST(CollectivesInATorus, FillAllLinksOfEqualDimensionsBothWays) {
  const Bandwidth bandwidth = 10_GBps;
  const Duration away = 1_us;
  for (const auto& [p, dimensions] : {std::pair(4, 3), std::pair(3, 2), std::pair(5, 2)}) {
    const std::vector<int> sizes(static_cast<std::size_t>(dimensions), p);
    const ClusterSpec cluster = torus_of(sizes, wire(bandwidth, away));
    const int n = static_cast<int>(cluster.device_count());
    const Bytes part = n * 50_KB;
    const Bytes size = 2 * dimensions * part;
    Duration half;
    Bytes message = part;
    for (int i = 0; i < dimensions; ++i) {
      message = message / p;
      half += (p - 1) * (transfer_time(message, bandwidth) + away);
    }
    const auto expect = [&](CollectiveKind kind, CollectiveFactory make, Duration expected) {
      CollectiveChoice choice;
      choice.predicts = true;
      GraphOf graph(n);
      graph.collective(kind, size, n);
      const Finished finished = run(cluster, graph, choice);
      EXPECT_EQ(finished.records.front().algorithm, "torus");
      EXPECT_EQ(finished.end.since_start(), expected) << p << " ^ " << dimensions;
      const double seconds = to_seconds(expected);
      EXPECT_NEAR(predicted(cluster, make, {.kind = kind, .size = size, .chunk = Bytes(0)}),
                  seconds, 1e-6 * seconds);
    };
    expect(CollectiveKind::all_reduce, make_torus_all_reduce, 2 * half);
    expect(CollectiveKind::reduce_scatter, make_torus_reduce_scatter, half);
    expect(CollectiveKind::all_gather, make_torus_all_gather, half);
  }
}

// Of a part that goes along dimensions of s, t, … places first, second, … the links along these
// carry (s-1)/s, (t-1)/(s t), … one way and as much on the way back. Those that carry most wait
// little.
TEST(CollectivesInATorus, KeepTheBusiestLinksBusyWhereDimensionsDiffer) {
  const Bandwidth bandwidth = 10_GBps;
  for (const std::vector<int>& sizes :
       {std::vector{4, 4, 8}, std::vector{3, 12}, std::vector{4, 8, 8}}) {
    const ClusterSpec cluster = torus_of(sizes, wire(bandwidth, Duration(0)));
    const int n = static_cast<int>(cluster.device_count());
    const std::size_t dimensions = sizes.size();
    std::vector<double> load(dimensions, 0.0);  // by dimension, of a part in both directions
    for (std::size_t first = 0; first < dimensions; ++first) {
      double left = 1;
      for (std::size_t i = 0; i < dimensions; ++i) {
        const std::size_t d = (first + i) % dimensions;
        left /= sizes[d];
        load[d] += 2 * (sizes[d] - 1) * left * (sizes[d] == 2 ? 2 : 1);  // both ways are one
      }
    }
    const Bytes part = n * 1_MB;
    CollectiveChoice choice;
    choice.algorithm[static_cast<std::size_t>(CollectiveKind::all_reduce)] = "torus";
    GraphOf graph(n);
    graph.collective(CollectiveKind::all_reduce, 2 * static_cast<int>(dimensions) * part, n);
    const double took = to_seconds(run(cluster, graph, choice).end.since_start());
    const double busiest = *std::max_element(load.begin(), load.end());
    const double bound = busiest * part.as_double() / bandwidth.as_double();
    EXPECT_GE(took, bound * (1 - 1e-6)) << n;
    EXPECT_LE(took, bound / 0.85) << n;
  }
}

// A box of a torus is one, in whatever order its members are; others are none.
TEST(CollectivesInATorus, KnowWhereTheirMembersStand) {
  ClusterSpec cluster = torus_of({3, 4, 5}, wire(10_GBps, 1_us));
  const auto site = [&](const std::vector<Rank>& group) {
    Diagnostics mistakes;
    const auto fabric = Fabric::build(cluster, builtin_topologies(), mistakes);
    mistakes.throw_if_any();
    return site_of(*fabric, group);
  };
  const auto at = [](int x, int y, int z) { return static_cast<Rank>(x + 3 * y + 12 * z); };
  const auto expect = [&] {
    const std::vector<Rank> plane = {at(2, 1, 4), at(0, 1, 4), at(0, 1, 2),
                                     at(1, 1, 2), at(2, 1, 2), at(1, 1, 4)};
    EXPECT_EQ(site(plane).torus, (std::vector<int>{3, 2}));
    EXPECT_EQ(site(plane).torus_members, (std::vector<int>{2, 3, 4, 1, 5, 0}));
    EXPECT_TRUE(site({at(0, 0, 0), at(1, 0, 0), at(0, 1, 0)}).torus.empty());
    EXPECT_TRUE(site({at(0, 0, 0), at(1, 0, 0), at(0, 1, 0), at(0, 0, 1)}).torus.empty());
    EXPECT_TRUE(site({at(0, 0, 0), at(0, 1, 0), at(0, 2, 0), at(0, 3, 0)}).torus.empty());
  };
  expect();
  cluster.fabric = std::exchange(cluster.node.fabric, JsonValue{});  // the same between nodes
  cluster.nodes = std::exchange(cluster.node.devices, 1);
  cluster.node.nics = 1;
  cluster.node.nic_link = wire(10_GBps, 1_us);
  cluster.node.host_link = wire(10_GBps, 1_us);
  expect();
}

// n-1 steps of S/n over all links but the one of each member that even numbers leave.
TEST(CollectivesInAMesh, UseAllLinksOrAllButOne) {
  const Bandwidth link = 10_GBps;
  for (const int n : {3, 4, 5, 8, 9}) {
    const int rings = n % 2 == 1 ? n - 1 : n - 2;
    const Bytes message = 20_KB;
    const Duration step = transfer_time(message, link) + 1_us;
    EXPECT_EQ(
        time_of(mesh_of(n, wire(link, 1_us)), CollectiveKind::all_gather, n * rings * message, n),
        (n - 1) * step)
        << n;
  }
}

}  // namespace
}  // namespace orrery
