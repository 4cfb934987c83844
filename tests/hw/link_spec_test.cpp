// What each kind of link may say, and what it may not.
#include <gtest/gtest.h>

#include "hw/spec.hpp"
#include "tests/hw/json_text.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;

JsonValue link(const std::string& kind, const std::string& more) {
  return parse_json(
      R"({"kind": ")" + kind + R"(", "bandwidth": "10 GB/s", "latency": "1 us")" + more + "}",
      "t.json");
}

LinkSpec sound(const JsonValue& value) {
  Diagnostics diagnostics;
  LinkSpec spec = read_link(JsonCursor(value, diagnostics));
  EXPECT_EQ(all_text(diagnostics), "");
  return spec;
}

std::string mistakes_of(const std::string& kind, const std::string& more) {
  const JsonValue value = link(kind, more);
  Diagnostics diagnostics;
  read_link(JsonCursor(value, diagnostics));
  return all_text(diagnostics);
}

TEST(LinkSpec, SaysNothingMoreUnlessItsKindDoes) {
  EXPECT_EQ(sound(link("wire", R"(, "efficiency": 0.5)")).facts, nullptr);
  EXPECT_EQ(sound(link("nvlink", R"(, "efficiency": 0.5)")).facts, nullptr);
  EXPECT_EQ(sound(link("pcie", R"(, "efficiency": 0.5)")).facts, nullptr);
  EXPECT_NE(sound(link("wire", R"(, "efficiency": 0.5, "per_message": "1 us")")).facts, nullptr);
}

TEST(LinkSpec, ReadsWhatRdmaSays) {
  const LinkSpec spec = sound(link("rdma", R"(, "mtu": "4096 B", "header": "26 B",
      "message_rate": 200000000, "rendezvous_threshold": "16 KiB", "queue_pair_setup": "1 ms",
      "incast_efficiency": 0.9, "registration": {"latency": "2 us", "bandwidth": "3 GB/s"})"));
  ASSERT_TRUE(spec.facts && spec.facts->rdma);
  const RdmaFacts& rdma = *spec.facts->rdma;
  EXPECT_EQ(rdma.message_rate, 2e8);
  EXPECT_EQ(rdma.rendezvous_threshold, 16_KiB);
  EXPECT_EQ(rdma.queue_pair_setup, Duration(1'000'000'000));
  EXPECT_EQ(rdma.incast_efficiency, 0.9);
  EXPECT_EQ(rdma.registration->latency, 2_us);
  EXPECT_EQ(rdma.registration->bandwidth, 3_GBps);
}

TEST(LinkSpec, ReadsWhatTcpSays) {
  const LinkSpec spec = sound(link("tcp", R"(, "mss": "1448 B", "header": "90 B", "sockets": 4,
      "window": "1 MiB", "loss": 0.001, "initial_window": 3, "slow_start": "first",
      "core_rate": "5 GB/s")"));
  ASSERT_TRUE(spec.facts && spec.facts->tcp);
  EXPECT_EQ(*spec.facts->tcp, (TcpFacts{.mss = 1'448_B,
                                        .sockets = 4,
                                        .window = 1_MiB,
                                        .loss = 0.001,
                                        .initial_window = 3,
                                        .slow_start = SlowStart::first,
                                        .core_rate = 5_GBps}));
}

TEST(LinkSpec, NeedsWhatItsEfficiencyFollowsFrom) {
  EXPECT_EQ(mistakes_of("wire", ""), "t.json#: missing key \"efficiency\"\n");
  EXPECT_EQ(mistakes_of("rdma", R"(, "mtu": "4096 B")"),
            "t.json#: expected \"efficiency\", or \"mtu\" and \"header\"\n");
  EXPECT_EQ(mistakes_of("tcp", R"(, "efficiency": 0.9)"), "t.json#: missing key \"mss\"\n");
  EXPECT_NE(mistakes_of("tcp", R"(, "mss": "0 B", "header": "90 B")").find("t.json#/mss: "),
            std::string::npos);
}

TEST(LinkSpec, KeysBelongToTheirKind) {
  EXPECT_NE(mistakes_of("rdma", R"(, "efficiency": 1, "window": "1 MiB")")
                .find("t.json#/window: no such key"),
            std::string::npos);
  EXPECT_NE(mistakes_of("wire", R"(, "efficiency": 1, "duplex": 0.8)")
                .find("t.json#/duplex: no such key"),
            std::string::npos);
  EXPECT_EQ(mistakes_of("rdmaa", R"(, "efficiency": 1, "message_rate": 5)"),
            "t.json#/kind: expected one of \"wire\", \"nvlink\", \"pcie\", \"rdma\", \"tcp\", got "
            "\"rdmaa\"; did you mean \"rdma\"?\n");
}

TEST(LinkSpec, SharesAndProbabilitiesHaveBounds) {
  EXPECT_EQ(mistakes_of("pcie", R"(, "efficiency": 1, "duplex": 0.5)"), "");
  EXPECT_NE(mistakes_of("pcie", R"(, "efficiency": 1, "duplex": 0.49)").find("at least 0.5"),
            std::string::npos);
  EXPECT_NE(mistakes_of("rdma", R"(, "efficiency": 1, "incast_efficiency": 0)"), "");
  const std::string tcp = R"(, "efficiency": 1, "mss": "1448 B", "loss": )";
  EXPECT_EQ(mistakes_of("tcp", tcp + "0.5"), "");
  EXPECT_NE(mistakes_of("tcp", tcp + "0.51"), "");
}

TEST(LinkSpec, PcieHasARateOrAGenerationWithLanes) {
  const auto mistakes_in = [](const std::string& keys) {
    const JsonValue value = parse_json(
        R"({"kind": "pcie", "latency": "1 us", "efficiency": 0.8)" + keys + "}", "t.json");
    Diagnostics diagnostics;
    read_link(JsonCursor(value, diagnostics));
    return all_text(diagnostics);
  };
  EXPECT_EQ(mistakes_in(R"(, "generation": 4, "lanes": 16)"), "");
  EXPECT_EQ(mistakes_in(""), "t.json#: expected \"bandwidth\", or \"generation\" and \"lanes\"\n");
  EXPECT_EQ(mistakes_in(R"(, "generation": 4)"), "t.json#: missing key \"lanes\"\n");
  EXPECT_NE(mistakes_in(R"(, "generation": 7, "lanes": 16)").find("between 1 and 6"),
            std::string::npos);
}

std::string node_mistakes(const std::string& key, const std::string& value) {
  const JsonValue node = changed(node_text(), "/" + key, value);
  Diagnostics diagnostics;
  read_node(JsonCursor(node, diagnostics));
  return all_text(diagnostics);
}

TEST(NodeSpec, SaysHowItsDevicesUseTheirAdapters) {  // the node has 4 devices and 2 NICs
  EXPECT_EQ(node_mistakes("nic_bonding", "2"), "");
  EXPECT_EQ(node_mistakes("nic_bonding", "3"),
            "t.json#/nic_bonding: expected a divisor of the 2 NICs, got 3\n");
  EXPECT_EQ(node_mistakes("nic_of_device", "[0, 1, 1, 0]"), "");
  EXPECT_EQ(node_mistakes("nic_of_device", "[0, 1]"),
            "t.json#/nic_of_device: expected a NIC for each of 4 devices, got 2\n");
  EXPECT_NE(node_mistakes("nic_of_device", "[0, 1, 2, 0]").find("t.json#/nic_of_device/2: "),
            std::string::npos);
  EXPECT_EQ(node_mistakes("gpu_direct", "true"), "");
  EXPECT_EQ(node_mistakes("gpu_direct", "false"),
            "t.json#: a node without \"gpu_direct\" needs \"host_memory\", through which its "
            "messages go\n");
  EXPECT_EQ(node_mistakes("peer_to_peer", "false"),
            "t.json#: a node without \"peer_to_peer\" needs \"host_memory\", through which its "
            "messages go\n");
  EXPECT_NE(node_mistakes("nic_link", R"({"kind": "tcp", "bandwidth": "10 GB/s", "latency": "1 us",
      "mss": "1448 B", "header": "90 B", "core_rate": "4 GB/s"})")
                .find("needs \"kernel_cores\""),
            std::string::npos);
}

}  // namespace
}  // namespace orrery
