// Links that fail, lose capacity and come back while messages are on them, against closed forms.
#include "models/faults.hpp"

#include <gtest/gtest.h>

#include "tests/models/faults_fixture.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;

const LinkSpec kShort = wire(10_GBps, 1_us);
const LinkSpec kLong = wire(5_GBps, 3_us);

/// Two devices: over switch a in two hops of kShort, over b and c in three of kLong.
ClusterSpec two_ways() {
  ClusterSpec cluster = crossbar_of(2, kShort);
  const auto between = [](JsonValue a, JsonValue b, const LinkSpec& link) {
    return json_object(
        {{"between", json_array({std::move(a), std::move(b)})}, {"link", to_json(link)}});
  };
  cluster.node.fabric =
      json_object({{"kind", json_string("graph")},
                   {"switches", json_array({json_string("a"), json_string("b"), json_string("c")})},
                   {"links", json_array({between(json_integer(0), json_string("a"), kShort),
                                         between(json_string("a"), json_integer(1), kShort),
                                         between(json_integer(0), json_string("b"), kLong),
                                         between(json_string("b"), json_string("c"), kLong),
                                         between(json_string("c"), json_integer(1), kLong)})}});
  return cluster;
}

/// Nodes of two devices behind a switch, a NIC for each, and a switch between the nodes.
ClusterSpec two_nodes() {
  ClusterSpec cluster = crossbar_of(2, wire(100_GBps, 1_us));
  cluster.node.nics = 2;
  cluster.node.nic_link = kShort;
  cluster.node.host_link = wire(20_GBps, 1_us);
  cluster.nodes = 2;
  cluster.fabric = json_object({{"kind", json_string("crossbar")}});
  return cluster;
}

constexpr Bytes kSize = 10_MB;
const Duration kFirstHalf = 500_us;  // kSize takes 1 ms over kShort

TEST_F(FaultsTest, ALinkThatLosesCapacityCarriesTheRestMoreSlowly) {
  build(two_ways());
  GraphOf graph(2);
  graph.transfer(0, 1, kSize);
  const FaultOutcome outcome =
      run_with(graph, R"([{"at": "500 us", "link": "node 0, device 0 -> a", "capacity": 0.25}])");
  const Duration rest = transfer_time(5_MB, Bandwidth(10'000'000'000 / 4));
  EXPECT_EQ(outcome.end.since_start(), kFirstHalf + rest + 2 * kShort.latency);
  EXPECT_EQ(outcome.rerouted, std::vector<std::uint64_t>{0});
}

TEST_F(FaultsTest, AMessageOnALinkThatFailsGoesOnWithWhatIsLeftOfIt) {
  build(two_ways());
  GraphOf graph(2);
  graph.transfer(0, 1, kSize);
  for (const char* link : {"node 0, device 0 -> a", "node 0, a -> device 1"}) {
    const FaultOutcome outcome = run_with(
        graph, std::string(R"([{"at": "500 us", "link": ")") + link + R"(", "down": true}])");
    EXPECT_EQ(outcome.end.since_start(),
              kFirstHalf + transfer_time(5_MB, kLong.bandwidth) + 3 * kLong.latency);
    EXPECT_EQ(outcome.rerouted, std::vector<std::uint64_t>{1});
  }
  EXPECT_EQ(fabric_->route(0, 1).links.size(), 2U) << "the fabric is whole after the run";
}

TEST_F(FaultsTest, TheOtherDirectionOfALinkStaysUnlessBothAreNamed) {
  build(two_ways());
  GraphOf graph(2);
  graph.transfer(1, 0, kSize);
  const std::string fault = R"([{"at": "500 us", "link": "node 0, device 0 -> a", "down": true)";
  EXPECT_EQ(run_with(graph, fault + "}]").end.since_start(), 1_ms + 2 * kShort.latency);
  EXPECT_EQ(run_with(graph, fault + R"(, "both_directions": true}])").end.since_start(),
            kFirstHalf + transfer_time(5_MB, kLong.bandwidth) + 3 * kLong.latency);
}

TEST_F(FaultsTest, WhatHasLeftArrives) {
  build(two_ways());
  GraphOf graph(2);
  graph.transfer(0, 1, kSize);
  const FaultOutcome outcome =
      run_with(graph, R"([{"at": "1.001 ms", "link": "node 0, a -> device 1", "down": true}])");
  EXPECT_EQ(outcome.end.since_start(), 1_ms + 2 * kShort.latency);
  EXPECT_EQ(outcome.rerouted, std::vector<std::uint64_t>{0});
}

TEST_F(FaultsTest, AfterItIsUpMessagesTakeTheShortWayAgain) {
  build(two_ways());
  GraphOf graph(2);
  graph.transfer(0, 1, kSize);
  graph.transfer(0, 1, kSize);
  // The first goes the long way whole, in 2 ms; the second begins when its last byte has left.
  const FaultOutcome outcome =
      run_with(graph, R"([{"at": "0 s", "switch": "node 0, a", "down": true},
                                              {"at": "1 ms", "switch": "node 0, a", "up": true}])");
  EXPECT_EQ(outcome.end.since_start(),
            transfer_time(kSize, kLong.bandwidth) + 1_ms + 2 * kShort.latency);
}

TEST_F(FaultsTest, WithoutAWayTheErrorNamesTheTimeTheSidesAndWhatIsDown) {
  build(two_ways());
  GraphOf graph(2);
  graph.transfer(0, 1, kSize);
  try {
    run_with(graph, R"([{"at": "100 us", "link": "node 0, device 0 -> b", "down": true},
                        {"at": "200 us", "link": "node 0, a -> device 1", "down": true}])");
    FAIL() << "nothing is left";
  } catch (const ScenarioError& error) {
    EXPECT_EQ(error.exit_code(), 2);
    EXPECT_STREQ(error.what(),
                 "s.json#/1: at 200 us no way is left from device 0 to device 1: from device 0 "
                 "messages reach device 0 but not device 1; down are \"node 0, a -> device 1\", "
                 "\"node 0, device 0 -> b\"");
  }
}

TEST_F(FaultsTest, AFaultAtTheEndOfTheWorldChangesNothing) {
  build(two_ways());
  GraphOf graph(2);
  graph.transfer(0, 1, kSize);
  const FaultOutcome outcome = run_with(graph, R"([{"at": "1 h", "node": 0, "down": true}])");
  EXPECT_EQ(outcome.end.since_start(), 1_ms + 2 * kShort.latency);
}

TEST_F(FaultsTest, ADeviceWhoseAdapterFailsLeavesByAnotherOfItsNode) {
  build(two_nodes());
  EXPECT_EQ(names(0, 2).at(1), "node 0, NIC 0 -> switch");
  set("node 0, NIC 0 -> switch", false);
  EXPECT_EQ(names(0, 2),
            (std::vector<std::string>{"node 0, device 0 -> NIC 0", "node 0, NIC 1 -> switch",
                                      "switch -> node 1, NIC 0", "node 1, NIC 0 -> device 0"}));
  EXPECT_EQ(names(2, 0).at(2), "switch -> node 0, NIC 0") << "the other direction is up";
  set("node 0, NIC 1 -> switch", false);
  EXPECT_FALSE(fabric_->joins(0, 2));
  EXPECT_FALSE(fabric_->joins(1, 3));
  EXPECT_TRUE(fabric_->joins(0, 1)) << "inside the node";
  EXPECT_TRUE(fabric_->joins(2, 0));
  set("node 0, NIC 0 -> switch", true);
  EXPECT_TRUE(fabric_->joins(0, 2));
}

TEST_F(FaultsTest, DevicesThatTheirNodeNoLongerJoinsMeetOverTheirAdapters) {
  build(two_nodes());
  set("node 1, switch -> device 1", false);
  EXPECT_EQ(names(2, 3),
            (std::vector<std::string>{"node 1, device 0 -> NIC 0", "node 1, NIC 0 -> switch",
                                      "switch -> node 1, NIC 1", "node 1, NIC 1 -> device 1"}));
  EXPECT_EQ(names(0, 1).size(), 2U) << "another node, which is the same topology";
  set("node 1, NIC 1 -> device 1", false);
  EXPECT_FALSE(fabric_->joins(2, 3));
  EXPECT_TRUE(fabric_->joins(3, 2));
}

TEST_F(FaultsTest, ANodeStandsForItsLinksAndThoseOfItsAdapters) {
  build(two_nodes());
  const Faults faults = read(R"([{"at": "1 ms", "node": 1, "down": true}])");
  std::size_t touched = 0;
  for (const Fabric::Link& link : fabric_->links()) {
    touched += link.name.find("node 1") != std::string::npos ? 1 : 0;
  }
  EXPECT_EQ(faults.at(0).links.size(), touched);
}

TEST_F(FaultsTest, ASwitchOrAnAdapterStandsForItsLinks) {
  build(two_nodes());
  // Both directions of the port; and of a device the links to its switch and its adapter.
  EXPECT_EQ(read(R"([{"at": "0 s", "switch": "node 1, NIC 0", "down": true}])").at(0).links.size(),
            2U);
  EXPECT_EQ(
      read(R"([{"at": "0 s", "switch": "node 1, device 0", "down": true}])").at(0).links.size(),
      4U);
  EXPECT_EQ(read(R"([{"at": "0 s", "switch": "switch", "down": true}])").at(0).links.size(),
            2U * 4);
}

TEST_F(FaultsTest, ACollectiveOutlivesALinkThatFailsAndGivesTheSameTwice) {
  build(two_nodes());
  GraphOf graph(4);
  graph.collective(CollectiveKind::all_reduce, 64_MB, 4);
  const std::string fault = R"([{"at": "1 ms", "switch": "node 0, NIC 0", "down": true}])";
  const FaultOutcome whole = run_with(graph, "[]");
  const FaultOutcome first = run_with(graph, fault);
  const FaultOutcome second = run_with(graph, fault);
  EXPECT_EQ(first.end, second.end);
  EXPECT_EQ(first.rerouted, second.rerouted);
  EXPECT_GT(first.end, whole.end);
}

TEST_F(FaultsTest, NumbersInARowAreWrittenAsRanges) {
  EXPECT_EQ(range_text("device", {3}), "device 3");
  EXPECT_EQ(range_text("device", {0, 1, 2, 5, 7, 8}), "devices 0-2, 5, 7-8");
}

/// As two_nodes(), with this link for the adapters.
ClusterSpec two_nodes_by(const LinkSpec& nic) {
  ClusterSpec cluster = two_nodes();
  cluster.node.nic_link = nic;
  return cluster;
}

// The rendezvous was paid, and the port still counts the message.
TEST_F(FaultsTest, AMessageOverRdmaGoesOnByAnotherAdapterAtItsMessageRate) {
  build(two_nodes_by(link_of(link_json("rdma", 10_GBps, 1_us,
                                       R"(, "efficiency": 1, "rendezvous_threshold": "1 KiB")"
                                       R"(, "message_rate": 1000)"))));
  GraphOf graph(4);
  graph.transfer(0, 2, 1_MB);
  const Duration route = 4_us;
  const Duration moving = 1_ms;  // one of 1000 messages a second
  EXPECT_EQ(run_with(graph, "[]").end.since_start(), 2 * route + moving + route);
  const FaultOutcome outcome =
      run_with(graph, R"([{"at": "500 us", "link": "node 0, NIC 0 -> switch", "down": true}])");
  EXPECT_EQ(outcome.rerouted, std::vector<std::uint64_t>{1});
  EXPECT_EQ(outcome.end.since_start(), 2 * route + moving + route);
}

TEST_F(FaultsTest, AMessageOverTcpHasTheWindowOfItsNewWay) {
  build(two_nodes_by(link_of(link_json(
      "tcp", 10_GBps, 1_us, R"(, "mss": "1448 B", "efficiency": 1, "window": "8000 B")"))));
  const Duration route = 4_us;
  const Duration added = 4_us;  // by the other adapter
  for (std::size_t link = 0; link < fabric_->links().size(); ++link) {
    if (fabric_->links()[link].name != "node 0, NIC 1 -> switch") continue;
    fabric_->degrade(static_cast<int>(link), 1, 5);
  }
  GraphOf graph(4);
  graph.transfer(0, 2, 2_MB);
  const FaultOutcome outcome =
      run_with(graph, R"([{"at": "1 ms", "link": "node 0, NIC 0 -> switch", "down": true}])");
  // 8000 B in a round trip of 8 us, then of 16 us: half of the bytes at 1 GB/s, half at 0.5 GB/s.
  EXPECT_EQ(outcome.rerouted, std::vector<std::uint64_t>{1});
  EXPECT_EQ(outcome.end.since_start(), 3_ms + route + added);
}

}  // namespace
}  // namespace orrery
