// NCCL between nodes: what it takes, against what the alternatives take.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "models/collective/collective_site.hpp"
#include "models/collective/ring_orders.hpp"
#include "tests/models/nccl_node.hpp"
#include "tests/theory/transport_cluster.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;

/// Four nodes of eight, over one adapter that costs 10 us a message or over one for each device.
ClusterSpec nodes_over(bool tcp) {
  if (tcp) {
    return four_nodes_over(1, link_of(link_json("wire", 10_GBps, 15_us,
                                                R"(, "efficiency": 1, "per_message": "10 us")")));
  }
  return four_nodes_over(kDevices,
                         link_of(link_json("rdma", 50_GBps, 1500_ns, R"(, "efficiency": 1)")));
}

// The prediction knows what a transport adds to each message, of which a ring has more; within a
// quarter, as it knows little of what meets on the way.
TEST(Nccl, TakesBetweenNodesWhatIsSoonest) {
  constexpr double kNear = 1.4;
  for (const bool tcp : {false, true}) {
    const ClusterSpec cluster = nodes_over(tcp);
    const auto fabric = nccl_fabric_of(cluster);
    CollectiveChoice choice;
    choice.library = make_nccl(nccl_fits_from(shipped_nccl()), cluster, *fabric);
    const int members = static_cast<int>(cluster.device_count());
    std::set<std::string> taken;
    for (Bytes size = 4_KiB; size <= 256_MiB; size = 4 * size) {
      GraphOf graph(members);
      graph.collective(CollectiveKind::all_reduce, size, members);
      const auto time = [&](const std::string& algorithm) {
        choice.algorithm[static_cast<std::size_t>(CollectiveKind::all_reduce)] = algorithm;
        const Finished done = run(cluster, graph, choice);
        if (algorithm == "auto") {
          taken.insert(done.records.at(0).algorithm);
          EXPECT_TRUE(done.records.at(0).reason.starts_with("NCCL's own estimates"));
        }
        return to_seconds(done.end.since_start());
      };
      const double least = std::min(time("ring"), time("double_binary_tree"));
      EXPECT_LE(time("auto"), kNear * least) << size.count() << " B, tcp " << tcp;
    }
    EXPECT_EQ(taken, (std::set<std::string>{"double_binary_tree", "ring"}));
  }
}

/// nccl_older.json on top of nccl.json.
NcclFits older_fits() {
  JsonValue document = shipped_nccl();
  const std::string older = ORRERY_SOURCE_DIR "/hw/calibration/nccl_older.json";
  merge_patch(document, load_json(older, older));
  return nccl_fits_from(document);
}

/// Two nodes of so many devices, each with an adapter, and an older NCCL on them.
CollectivePlan older_plan(int devices, Bytes size, const NcclGraphs& graphs, int bonded = 1) {
  LinkSpec nvlink3 = kNvlink4;
  const NcclFits fits = older_fits();
  nvlink3.name = "nvlink3";
  nvlink3.efficiency = fits.links.at(nvlink3.name).catalogue.efficiency;  // as where it was fitted
  ClusterSpec cluster = nccl_node_of(nvlink3);
  cluster.node.devices = devices;
  cluster.node.nics = devices * bonded;
  cluster.node.nic_bonding = bonded;
  cluster.node.nic_link = link_of(link_json("rdma", 25_GBps, 1500_ns, R"(, "efficiency": 1)"));
  cluster.node.host_link = wire(60_GBps, 500_ns);
  cluster.nodes = 2;
  cluster.fabric = json_object({{"kind", json_string("crossbar")}});
  const auto fabric = nccl_fabric_of(cluster);
  std::vector<Rank> group;
  for (int rank = 0; rank < 2 * devices; ++rank) group.push_back(static_cast<Rank>(rank));
  CollectiveCall call;
  call.members = 2 * devices;
  call.size = size;
  call.site = site_of(*fabric, group);
  return make_nccl(fits, cluster, *fabric, {.graphs = graphs})->plan(call, nullptr);
}

// The oracle: where measured times step in Vidur's full table of two nodes, of which
// experiments/nccl/vidur_a100_dgx_*_a_node.csv hold each 16th size. Of two GPUs of each node twice
// the rate from 8 MiB to 16 and from 64 MiB on; of four from 4 MiB on; of eight from 12.4 MiB to 16
// and from 19.9 on. Steps of LL are at 0.44, 0.25 and 0.60, and 1.0 MiB.
TEST(Nccl, AnOlderOneChoosesAlgorithmsWhereMeasuredTimesStep) {
  struct Measured {
    NcclGraphs graphs;
    std::map<double, std::string> taken;  // from MiB
  };
  const auto graphs = [](int channels, double ring, double tree) {
    return NcclGraphs{.ring = {.channels = channels, .bandwidth = ring},
                      .tree = {.channels = 2, .bandwidth = tree}};
  };
  const std::string tree = "double_binary_tree Simple";
  const std::string ring = "ring Simple";
  const std::map<int, Measured> measured = {{2,
                                             {graphs(1, 25e9, 25e9),
                                              {{0.3, "ring LL"},
                                               {0.6, ring},
                                               {7.9, ring},
                                               {8, tree},
                                               {15.9, tree},
                                               {16, ring},
                                               {63.9, ring},
                                               {64, tree}}}},
                                            {4,
                                             {graphs(2, 12.5e9, 42.5e9),
                                              {{0.24, "double_binary_tree LL"},
                                               {0.26, "ring LL"},
                                               {0.55, "ring LL"},
                                               {0.65, ring},
                                               {3.99, ring},
                                               {4, tree},
                                               {64, tree}}}},
                                            {8,
                                             {graphs(1, 25e9, 25e9),
                                              {{0.8, "ring LL"},
                                               {1.2, ring},
                                               {12, ring},
                                               {12.5, tree},
                                               {15.9, tree},
                                               {16, ring},
                                               {19.4, ring},
                                               {20, tree},
                                               {64, tree}}}}};
  for (const auto& [devices, of] : measured) {
    for (const auto& [size, taken] : of.taken) {
      const CollectivePlan plan =
          older_plan(devices, Bytes(std::llround(size * 1048576)), of.graphs);
      EXPECT_EQ(plan.algorithm + " " + plan.protocol, taken) << devices << ", " << size << " MiB";
      EXPECT_EQ(plan.reason.find("LL128"), std::string::npos) << "not with adapters that are far";
      if (plan.protocol == "LL") continue;  // for little it may take fewer
      EXPECT_EQ(plan.adapters, taken == tree ? 2 : of.graphs.ring.channels);
    }
  }
}

// Inside a node the channels that leave it carry what each carries, up and down a tree's chain
// both; twice as many as the graph with fewer has.
TEST(Nccl, FewChannelsThatLeaveANodeCarryTheirPartInside) {
  constexpr int kBonded = 2;
  constexpr int kDoubled = 2;
  const double channel = older_fits().links.at("nvlink3").channel.value_or(0);
  ASSERT_GT(channel, 0);
  const auto plan = [&](int devices, Bytes size, int ring, int tree) {
    const NcclGraphs graphs{.ring = {.channels = ring, .bandwidth = 25e9 / ring, .adapters = 1},
                            .tree = {.channels = tree, .bandwidth = 50e9 / tree}};
    return older_plan(devices, size, graphs, kBonded);
  };
  const CollectivePlan ring = plan(8, 4_MiB, 1, 2);
  const CollectivePlan tree = plan(8, 64_MiB, 1, 2);
  const CollectivePlan pair = plan(2, 64_MiB, 1, 1);  // one way: a chain of two
  const CollectivePlan wide = plan(8, 4_MiB, 2, 2);
  ASSERT_EQ(ring.algorithm + tree.algorithm, "ringdouble_binary_tree");
  ASSERT_EQ(pair.algorithm + wide.algorithm, "double_binary_treering");
  EXPECT_NEAR(ring.terms->share, kDoubled * channel, 1e-12);
  EXPECT_NEAR(tree.terms->share, 2 * kDoubled * channel, 1e-12);
  EXPECT_NEAR(pair.terms->share, kDoubled * channel, 1e-12);
  EXPECT_NEAR(wide.terms->share, 2 * kDoubled * channel, 1e-12);
  // A message by one of two that carry together takes all of both for the time of its bytes.
  EXPECT_EQ(ring.terms->between, kBonded);
  EXPECT_EQ(tree.terms->between, 1);
}

TEST(Nccl, RingsAndTreesLeaveANodeByAsManyAdaptersAsAreTaken) {
  CollectiveCall call;
  call.members = 8;
  for (int member = 0; member < call.members; ++member) {
    call.site.node.push_back(member / 4);
    call.site.nic.push_back(member % 4);
  }
  const CollectiveSite all = call.site;
  for (const int adapters : {1, 2, 3, 4}) {
    call.site = over_adapters(all, adapters);
    EXPECT_EQ(adapters_of(call), adapters);
    const auto rings = ring_orders(call);
    EXPECT_EQ(rings.size(), static_cast<std::size_t>(adapters));
    std::set<int> entered;
    for (const std::vector<int>& ring : rings) {
      entered.insert(ring.front());
      EXPECT_EQ(std::set<int>(ring.begin(), ring.end()).size(), 8U);
      // Where the first node is left the second is entered, by adapters of one number.
      EXPECT_EQ(all.nic[static_cast<std::size_t>(ring[3])],
                all.nic[static_cast<std::size_t>(ring[4])]);
    }
    EXPECT_EQ(entered.size(), static_cast<std::size_t>(adapters));
  }
  EXPECT_EQ(over_adapters(all, 0), all);
}

TEST(Nccl, TakesPatWhereEachMemberIsANode) {
  ClusterSpec cluster = nodes_over(false);
  cluster.node.devices = cluster.node.nics = 1;
  const auto fabric = nccl_fabric_of(cluster);
  CollectiveChoice choice;
  choice.library = make_nccl(nccl_fits_from(shipped_nccl()), cluster, *fabric);
  for (const auto kind : {CollectiveKind::all_gather, CollectiveKind::reduce_scatter}) {
    GraphOf graph(4);
    graph.collective(kind, 4_KiB, 4);
    const CollectiveRecord record = run(cluster, graph, choice).records.at(0);
    EXPECT_EQ(record.protocol == "Simple", record.algorithm == "pat");
    EXPECT_NE(record.reason.find("pat"), std::string::npos) << record.reason;
  }
}

}  // namespace
}  // namespace orrery
