// What each kind builds: links, capacities and the mistakes it reports.
#include <gtest/gtest.h>

#include "tests/models/topology/topology_making.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;

constexpr int kNics = 4;

TopologySite nics_of(int nodes) {
  return {.endpoints = nodes * kNics,
          .endpoints_per_node = kNics,
          .endpoint_link = link_of("nic", 50_GBps)};
}
TopologySite devices(int count) {
  return {.endpoints = count, .endpoint_link = std::nullopt};
}

std::string fat_tree(int nodes_per_leaf, double oversubscription, const std::string& more = "") {
  return R"({"kind": "fat_tree", "nodes_per_leaf": )" + std::to_string(nodes_per_leaf) +
         R"(, "oversubscription": )" + std::to_string(oversubscription) + R"(, "link": )" +
         kLinkText + more + "}";
}
const std::string kRails = R"(, "rail_optimised": true)";

/// Raw bytes/s over all links from vertex `from` to vertex `to`.
double bandwidth_between(const Topology& topology, int from, int to) {
  double sum = 0;
  for (const TopologyLink& link : topology.links()) {
    if (link.from == from && link.to == to) sum += link.spec.bandwidth.as_double() * link.bundle;
  }
  return sum;
}

TEST(Crossbar, JoinsEveryDeviceToOneSwitchByItsBundle) {
  constexpr int kDevices = 8;
  const auto crossbar = make_topology(std::string(R"({"kind": "crossbar", "links_per_device": 18,
      "link": )") + kLinkText + "}",
                                      devices(kDevices));
  EXPECT_EQ(crossbar->vertices(), kDevices + 1);
  EXPECT_EQ(crossbar->links().size(), 2U * kDevices);
  for (int device = 0; device < kDevices; ++device) {
    EXPECT_EQ(bandwidth_between(*crossbar, device, kDevices), 18 * 10e9);
    EXPECT_EQ(bandwidth_between(*crossbar, kDevices, device), 18 * 10e9);
  }
  EXPECT_EQ(crossbar->links()[6].name, "device 3 -> switch");
}

TEST(Crossbar, BetweenNodesTakesTheNicPort) {
  const auto crossbar = make_topology(R"({"kind": "crossbar"})", nics_of(2));
  EXPECT_EQ(crossbar->links()[0].spec.name, "nic");
  EXPECT_EQ(crossbar->links()[0].bundle, 1);
  EXPECT_EQ(crossbar->links()[0].name, "node 0, NIC 0 -> switch");
}

TEST(Crossbar, InANodeItsKeysAreNeeded) {
  std::string mistakes;
  EXPECT_EQ(make_topology(R"({"kind": "crossbar"})", devices(4), &mistakes), nullptr);
  EXPECT_EQ(mistakes, "t.json#: missing key \"link\"\nt.json#: missing key \"links_per_device\"\n");
}

TEST(FullMesh, JoinsEveryPairByItsBundle) {
  constexpr int kDevices = 5;
  const std::string section =
      std::string(R"({"kind": "full_mesh", "links_per_pair": 3, "link": )") + kLinkText + "}";
  const auto mesh = make_topology(section, devices(kDevices));
  EXPECT_EQ(mesh->vertices(), kDevices);
  EXPECT_EQ(mesh->links().size(), static_cast<std::size_t>(kDevices * (kDevices - 1)));
  EXPECT_EQ(bandwidth_between(*mesh, 1, 4), 3 * 10e9);
  EXPECT_EQ(bandwidth_between(*mesh, 4, 1), 3 * 10e9);
  std::string mistakes;
  EXPECT_EQ(make_topology(section, devices(1025), &mistakes), nullptr);
  EXPECT_EQ(mistakes, "t.json#: a full mesh joins at most 1024 endpoints, here are 1025\n");
}

TEST(FatTree, UplinkIsDownBandwidthOverOversubscription) {
  constexpr int kNodes = 6;
  for (const int nodes_per_leaf : {1, 2, 3}) {
    for (const double ratio : {1.0, 2.0, 2.5, 8.0}) {
      const auto tree = make_topology(fat_tree(nodes_per_leaf, ratio), nics_of(kNodes));
      const int leaves = kNodes / nodes_per_leaf;
      const int spine = kNodes * kNics + leaves;
      ASSERT_EQ(tree->vertices(), spine + 1);
      const double down = nodes_per_leaf * kNics * 50e9;
      for (int leaf = kNodes * kNics; leaf < spine; ++leaf) {
        EXPECT_DOUBLE_EQ(bandwidth_between(*tree, leaf, spine), down / ratio);
        EXPECT_DOUBLE_EQ(bandwidth_between(*tree, spine, leaf), down / ratio);
      }
    }
  }
}

TEST(FatTree, BisectionIsHalfOfAllNicsOverOversubscription) {
  constexpr int kNodes = 8;
  constexpr double kRatio = 4;
  for (const std::string& rails : {std::string(), kRails}) {
    const auto tree = make_topology(fat_tree(2, kRatio, rails), nics_of(kNodes));
    const int spine = tree->vertices() - 1;
    double up = 0;  // of the leaves with the first half of the nodes
    const int leaves = tree->vertices() - 1 - kNodes * kNics;
    for (int leaf = 0; leaf < leaves / 2; ++leaf) {
      up += bandwidth_between(*tree, kNodes * kNics + leaf, spine);
    }
    EXPECT_DOUBLE_EQ(up, kNodes / 2 * kNics * 50e9 / kRatio);
  }
}

TEST(FatTree, OneLeafNeedsNoSpine) {
  const auto tree = make_topology(fat_tree(4, 1), nics_of(4));
  EXPECT_EQ(tree->vertices(), 4 * kNics + 1);
  EXPECT_EQ(tree->route(0, 4 * kNics - 1, 0).size(), 2U);
  const auto more = make_topology(fat_tree(4, 1), nics_of(5));
  EXPECT_EQ(more->vertices(), 5 * kNics + 2 + 1);
}

TEST(FatTree, RailsKeepEqualNicIndicesOnOneLeaf) {
  constexpr int kNodes = 4;
  const auto tree = make_topology(fat_tree(kNodes, 1, kRails), nics_of(kNodes));
  EXPECT_EQ(tree->vertices(), kNodes * kNics + kNics + 1) << "a leaf a rail, and a spine";
  for (int from = 0; from < kNodes * kNics; ++from) {
    for (int to = 0; to < kNodes * kNics; ++to) {
      const std::size_t hops = from == to ? 0 : from % kNics == to % kNics ? 2 : 4;
      EXPECT_EQ(tree->route(from, to, 0).size(), hops) << from << " -> " << to;
    }
  }
}

TEST(FatTree, APartlyFilledLeafKeepsTheRatio) {
  const auto tree = make_topology(fat_tree(2, 2), nics_of(3));
  const int last_leaf = 3 * kNics + 1;
  EXPECT_DOUBLE_EQ(bandwidth_between(*tree, last_leaf, last_leaf + 1), kNics * 50e9 / 2);
}

TEST(FatTree, KAryHasTheCountsOfItsDefinition) {
  // Al-Fares et al. 2008, §2.2: k³/4 hosts, k²/2 edge and k²/2 aggregation switches, (k/2)² cores.
  for (const int k : {4, 6, 8}) {
    const int half = k / 2;
    const std::string keys = R"(, "spines": )" + std::to_string(half) + R"(, "leaves_per_pod": )" +
                             std::to_string(half) + R"(, "cores": )" + std::to_string(half * half);
    const auto tree = make_topology(fat_tree(half, 1, keys), devices(k * k * k / 4));
    EXPECT_EQ(tree->vertices() - tree->endpoints(), k * k + k * k / 4);
    EXPECT_EQ(tree->links().size(), static_cast<std::size_t>(2 * 3 * k * k * k / 4));
    for (const TopologyLink& link : tree->links()) EXPECT_DOUBLE_EQ(link.bundle, 1) << link.name;
  }
}

TEST(FatTree, SixteenThousandEndpointsInThreeLevels) {
  // 2048 nodes of 8 rails: 64 groups of 32 nodes, pods of 64 leaves with 32 spines, 512 cores.
  TopologySite site = nics_of(2048);
  site.endpoints_per_node = 8;
  site.endpoints = 2048 * 8;
  const std::string levels = R"(, "spines": 32, "leaves_per_pod": 64, "cores": 512)";
  const auto tree = make_topology(fat_tree(32, 1, kRails + levels), site);
  constexpr int kLeaves = 64 * 8;
  constexpr int kPods = kLeaves / 64;
  EXPECT_EQ(tree->vertices(), site.endpoints + kLeaves + kPods * 32 + 512);
  EXPECT_EQ(tree->links().size(), 2U * (16'384 + kLeaves * 32 + kPods * 512));
  for (int from = 0; from < site.endpoints; ++from) {
    EXPECT_EQ(tree->route(from, (from + site.endpoints / 2) % site.endpoints, 0).size(), 6U);
  }
}

TEST(FatTree, MistakesOfLevelsAreReported) {
  std::string mistakes;
  make_topology(fat_tree(2, 1, R"(, "leaves_per_pod": 2)"), nics_of(4), &mistakes);
  EXPECT_EQ(mistakes, "t.json#: missing key \"spines\"\nt.json#: missing key \"cores\"\n");
  make_topology(fat_tree(2, 1, R"(, "leaves_per_pod": 2, "spines": 2, "cores": 3)"), nics_of(4),
                &mistakes);
  EXPECT_EQ(mistakes, "t.json#/cores: expected a multiple of the 2 spines of a pod, got 3\n");
}

TEST(FatTree, MistakesAreReported) {
  std::string mistakes;
  EXPECT_EQ(make_topology(fat_tree(2, 0.5), nics_of(4), &mistakes), nullptr);
  EXPECT_EQ(mistakes.rfind("t.json#/oversubscription: expected", 0), 0U) << mistakes;
  EXPECT_EQ(make_topology(fat_tree(0, 1), nics_of(4), &mistakes), nullptr);
  EXPECT_EQ(mistakes.rfind("t.json#/nodes_per_leaf: expected", 0), 0U) << mistakes;
  EXPECT_EQ(make_topology(fat_tree(1, 1, R"(, "rail_optimized": true)"), nics_of(4), &mistakes),
            nullptr);
  EXPECT_EQ(mistakes, "t.json#/rail_optimized: no such key; did you mean \"rail_optimised\"?\n");
}

TEST(FatTree, SixteenThousandEndpointsStaySmall) {
  // 2048 nodes of 8 in 64 groups and 8 rails: distances are kept for the 512 leaves only, so that
  // this takes well under a second; a table of all pairs would be 16384² entries.
  constexpr int kNodes = 2048;
  TopologySite site = nics_of(kNodes);
  site.endpoints_per_node = 8;
  site.endpoints = kNodes * 8;
  const auto tree = make_topology(fat_tree(32, 1, kRails), site);
  EXPECT_EQ(tree->vertices(), site.endpoints + 512 + 1);
  for (int from = 0; from < site.endpoints; ++from) {
    EXPECT_EQ(tree->route(from, (from + 8 * 32) % site.endpoints, 0).size(), 4U);
    EXPECT_EQ(tree->route(from, (from + 1) % site.endpoints, 0).size(), 4U);
  }
}

}  // namespace
}  // namespace orrery
