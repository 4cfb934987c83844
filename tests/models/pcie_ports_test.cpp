// NICs and the host's memory in a PCIe tree: what shares which link.
#include <gtest/gtest.h>

#include "tests/models/faults_fixture.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;

const LinkSpec kSlot = wire(10_GBps, 1_us);
const LinkSpec kUplink = wire(10_GBps, 2_us);

/// Four devices, two a switch, a switch a bridge, below two processors.
ClusterSpec tree(int nodes, int nics) {
  ClusterSpec cluster = crossbar_of(4, kSlot);
  cluster.node.fabric = json_object({{"kind", json_string("pcie_tree")},
                                     {"link", to_json(kSlot)},
                                     {"devices_per_switch", json_integer(2)},
                                     {"uplink", to_json(kUplink)},
                                     {"switches_per_bridge", json_integer(1)},
                                     {"processor_link", to_json(kUplink)}});
  cluster.node.nics = nics;
  cluster.node.nic_link = wire(100_GBps, 3_us);
  cluster.node.host_link = wire(20_GBps, 4_us);
  cluster.node.host_memory = HostMemorySpec{Bytes(1'000'000'000'000), 1000_GBps, 1};
  cluster.nodes = nodes;
  if (nodes > 1) cluster.fabric = json_object({{"kind", json_string("crossbar")}});
  return cluster;
}

std::vector<std::string> names(const ClusterSpec& cluster, int from, int to) {
  Diagnostics diagnostics;
  const auto fabric = Fabric::build(cluster, builtin_topologies(), diagnostics);
  std::vector<std::string> result;
  for (const int link : fabric->route(from, to).links) {
    result.push_back(fabric->links()[static_cast<std::size_t>(link)].name);
  }
  return result;
}

TEST(PciePorts, AMessageToANicAtItsOwnSwitchDoesNotPassTheBridge) {
  EXPECT_EQ(names(tree(2, 2), 1, 6),
            (std::vector<std::string>{"node 0, device 1 -> PCIe switch 0",
                                      "node 0, PCIe switch 0 -> NIC 0", "node 0, NIC 0 -> switch",
                                      "switch -> node 1, NIC 1", "node 1, NIC 1 -> PCIe switch 1",
                                      "node 1, PCIe switch 1 -> device 2"}));
}

TEST(PciePorts, AMessageToANicAtAnotherSwitchDoes) {
  const std::vector<std::string> way = names(tree(2, 1), 2, 4);
  ASSERT_EQ(way.size(), 5U + 4);
  EXPECT_EQ(std::vector<std::string>(way.begin(), way.begin() + 5),
            (std::vector<std::string>{
                "node 0, device 2 -> PCIe switch 1", "node 0, PCIe switch 1 -> host bridge 1",
                "node 0, host bridge 1 -> host bridge 0", "node 0, host bridge 0 -> PCIe switch 0",
                "node 0, PCIe switch 0 -> NIC 0"}));
}

OpId copy(GraphOf& graph, std::vector<Rank> ranks) {
  Op op;
  op.kind = OpKind::transfer;
  op.copy = CopyKind::device_to_host;
  op.stream = graph.stream("store");
  op.ranks = op.peers = graph.rank_set(std::move(ranks));
  op.bytes = 10_MB;
  return graph.add(op);
}

TEST(PciePorts, CopiesToTheHostShareTheUplinkOfTheirSwitch) {
  const auto time = [](std::vector<Rank> ranks) {
    GraphOf graph(4);
    copy(graph, std::move(ranks));
    return run(tree(1, 0), graph).end.since_start();
  };
  const Duration latency = kSlot.latency + kUplink.latency;
  EXPECT_EQ(time({0}), 1_ms + latency);
  EXPECT_EQ(time({0, 1}), 2_ms + latency) << "one switch";
  EXPECT_EQ(time({0, 2}), 1_ms + latency) << "two switches";
}

TEST(PciePorts, ACopyMeetsWhatGoesToAnotherSwitch) {
  GraphOf graph(4);
  copy(graph, {0});
  graph.transfer(1, 2, 10_MB);
  EXPECT_GE(run(tree(1, 0), graph).end.since_start(), 2_ms);
  GraphOf apart(4);
  copy(apart, {0});
  apart.transfer(2, 3, 10_MB);
  EXPECT_LT(run(tree(1, 0), apart).end.since_start(), 1_ms + 10_us);
}

TEST(PciePorts, DevicesOfASwitchShareItsNic) {
  const auto time = [](int other) {
    GraphOf graph(8);
    graph.transfer(0, 4, 20_MB);
    graph.transfer(other, 4 + other, 20_MB);
    return run(tree(2, 2), graph).end.since_start();
  };
  // NIC 0 and its slot of 20 GB/s serve both devices at 10 GB/s: their own links bound them.
  EXPECT_EQ(time(1), time(2));
  const ClusterSpec narrow = [] {
    ClusterSpec cluster = tree(2, 2);
    cluster.node.host_link = wire(10_GBps, 4_us);
    return cluster;
  }();
  GraphOf graph(8);
  graph.transfer(0, 4, 20_MB);
  graph.transfer(1, 5, 20_MB);
  EXPECT_EQ(run(narrow, graph).end.since_start(), time(1) + 2_ms);
}

// Both ways at once over a duplex of 0.5: 10 GB/s for the two of them, and while one way carries a
// half, 0.5 · (10 + 5) GB/s.
TEST_F(FaultsTest, WhatBothDirectionsShareLosesCapacityWithALink) {
  ClusterSpec cluster = crossbar_of(2, wire(10_GBps, 1_us));
  *cluster.node.fabric.find("link") =
      link_json("pcie", 10_GBps, 1_us, R"(, "efficiency": 1, "duplex": 0.5)");
  build(cluster);
  GraphOf graph(2);
  graph.transfer(0, 1, 10_MB);
  graph.transfer(1, 0, 10_MB);
  EXPECT_EQ(run_with(graph, "[]").end.since_start(), 2_ms + 2_us);
  const FaultOutcome outcome =
      run_with(graph, R"([{"at": "0 s", "link": "node 0, device 0 -> switch", "capacity": 0.5}])");
  EXPECT_EQ(outcome.end.since_start(), transfer_time(2 * 10_MB, Bandwidth(7'500'000'000)) + 2_us);
}

// A way over a switch drawn at random, as Valiant's, may go to it and back over one cable: then a
// message takes of what both directions share, 2 · 0.5 · 10 GB/s, twice.
TEST(PciePorts, AWayThereAndBackTakesWhatBothDirectionsShareTwice) {
  ClusterSpec cluster = crossbar_of(3, wire(10_GBps, 1_us));
  const JsonValue link = link_json("pcie", 10_GBps, 1_us, R"(, "efficiency": 1, "duplex": 0.5)");
  const auto between = [&](JsonValue a, JsonValue b) {
    return json_object({{"between", json_array({std::move(a), std::move(b)})}, {"link", link}});
  };
  cluster.node.fabric =
      json_object({{"kind", json_string("graph")},
                   {"routing", json_string("valiant")},
                   {"switches", json_array({json_string("a"), json_string("b")})},
                   {"links", json_array({between(json_integer(0), json_string("a")),
                                         between(json_integer(1), json_string("a")),
                                         between(json_string("a"), json_string("b")),
                                         between(json_string("b"), json_integer(2))})}});
  Diagnostics diagnostics;
  const auto fabric = Fabric::build(cluster, builtin_topologies(), diagnostics);
  diagnostics.throw_if_any();
  int there_and_back = 0;
  for (const auto& [from, to] : {std::pair(0, 1), std::pair(1, 0)}) {
    GraphOf graph(3);
    graph.transfer(from, to, 10_MB);
    const Fabric::Route route = fabric->route(from, to);
    const bool turns = route.latency == 4_us;  // over b
    there_and_back += turns ? 1 : 0;
    EXPECT_EQ(run(cluster, graph).end.since_start(), (turns ? 2_ms : 1_ms) + route.latency);
  }
  EXPECT_GE(there_and_back, 1);
}

// Slots of devices that carry no more in both directions than in one.
TEST(PciePorts, MessagesByRdmaMeetInTheDuplexOfASlot) {
  ClusterSpec cluster = tree(2, 2);
  *cluster.node.fabric.find("link") =
      link_json("pcie", 10_GBps, 1_us, R"(, "efficiency": 1, "duplex": 0.5)");
  cluster.node.nic_link = link_of(
      link_json("rdma", 100_GBps, 3_us, R"(, "efficiency": 1, "rendezvous_threshold": "1 MB")"));
  const Duration route = 2 * (1_us + 4_us + 3_us);
  const auto time = [&](bool both) {
    GraphOf graph(8);
    graph.transfer(0, 4, 10_MB);
    if (both) graph.transfer(4, 0, 10_MB);
    return run(cluster, graph).end.since_start();
  };
  EXPECT_EQ(time(false), 2 * route + 1_ms + route);
  EXPECT_EQ(time(true), 2 * route + 2_ms + route);
}

}  // namespace
}  // namespace orrery
