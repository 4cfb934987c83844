#include "hw/spec.hpp"

#include <gtest/gtest.h>

#include "tests/hw/json_text.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;

template <class Spec>
std::string mistakes(Spec (*read)(JsonCursor), const JsonValue& value) {
  Diagnostics diagnostics;
  read(JsonCursor(value, diagnostics));
  return all_text(diagnostics);
}

std::string device_mistakes(const std::string& pointer, const std::string& value) {
  return mistakes(read_device, changed(kDeviceText, pointer, value));
}
std::string node_mistakes(const std::string& pointer, const std::string& value) {
  return mistakes(read_node, changed(node_text(), pointer, value));
}
std::string cluster_mistakes(const std::string& pointer, const std::string& value) {
  return mistakes(read_cluster, changed(cluster_text(), pointer, value));
}

TEST(Spec, ReadsEveryFieldOfADevice) {
  Diagnostics diagnostics;
  const JsonValue value = parse_json(kDeviceText, "t.json");
  const DeviceSpec device = read_device(JsonCursor(value, diagnostics));
  EXPECT_EQ(all_text(diagnostics), "");
  EXPECT_EQ(device.name, "d");
  EXPECT_EQ(device.vendor, "v");
  EXPECT_EQ(device.architecture, "a");
  EXPECT_EQ(device.peak_of(Precision::bf16), 100_TFLOPps);
  EXPECT_EQ(device.peak_of(Precision::fp32), 10_TFLOPps);
  EXPECT_FALSE(device.peak_of(Precision::fp8).has_value());
  EXPECT_EQ(device.math_efficiency_of(Precision::bf16), 0.5);
  EXPECT_EQ(device.math_efficiency_of(Precision::fp32), 1.0);
  EXPECT_EQ(device.memory_capacity, 8_GiB);
  EXPECT_EQ(device.memory_bandwidth, 1000_GBps);
  EXPECT_EQ(device.memory_efficiency, 0.8);
  EXPECT_EQ(device.cores, 10);
  EXPECT_EQ(device.l2, 1_MiB);
  EXPECT_EQ(device.clock, Frequency(1'000'000'000));
  EXPECT_EQ(device.tdp, Power(100'000));
  EXPECT_EQ(device.kernel_launch, 2_us);
}

TEST(Spec, AKindOfKernelHasTheShareOfMemoryOfItsOwnOrThatOfAll) {
  Diagnostics diagnostics;
  const JsonValue value = changed(kDeviceText, "/efficiency/activation", "0.25");
  const DeviceSpec device = read_device(JsonCursor(value, diagnostics));
  EXPECT_EQ(all_text(diagnostics), "");
  EXPECT_EQ(device.memory_efficiency_of("activation"), 0.25);
  for (const std::string_view kind : {"elementwise", "normalization", "softmax", "gemm"}) {
    EXPECT_EQ(device.memory_efficiency_of(kind), device.memory_efficiency) << kind;
  }
  EXPECT_NE(device_mistakes("/efficiency/normalization", "1.5"), "");
  EXPECT_NE(device_mistakes("/efficiency/elementwise", "0").find("above 0 and at most 1"),
            std::string::npos);
}

TEST(Spec, CollectivesTakeCoresWhereTheDeviceSaysWhatACoreMoves) {
  Diagnostics diagnostics;
  const JsonValue plain = parse_json(kDeviceText, "t.json");
  EXPECT_FALSE(read_device(JsonCursor(plain, diagnostics)).collective_core_rate.has_value());
  const JsonValue value = changed(kDeviceText, "/collective_core_rate", "\"8 GB/s\"");
  EXPECT_EQ(read_device(JsonCursor(value, diagnostics)).collective_core_rate, 8_GBps);
  EXPECT_EQ(all_text(diagnostics), "");
  EXPECT_NE(device_mistakes("/collective_core_rate", "8"), "");
}

TEST(Spec, ReadsNodesAndClusters) {
  Diagnostics diagnostics;
  const JsonValue value = parse_json(cluster_text(), "t.json");
  const ClusterSpec cluster = read_cluster(JsonCursor(value, diagnostics));
  EXPECT_EQ(all_text(diagnostics), "");
  EXPECT_EQ(cluster.nodes, 3);
  EXPECT_EQ(cluster.node.devices, 4);
  EXPECT_EQ(cluster.device_count(), 3 * 4);
  EXPECT_EQ(cluster.node.nics, 2);
  ASSERT_TRUE(cluster.node.nic_link && cluster.node.host_link && cluster.fabric);
  EXPECT_EQ(cluster.node.nic_link->bandwidth, 10_GBps);
  EXPECT_EQ(cluster.node.nic_link->latency, 1_us);
  EXPECT_EQ(cluster.node.nic_link->efficiency, 0.5);
  EXPECT_EQ(cluster.node.nic_link->kind, "wire");
  EXPECT_EQ(cluster.node.fabric.find("kind")->string, "crossbar");
  EXPECT_EQ(cluster.fabric->find("kind")->string, "fat_tree");
}

TEST(Spec, UnknownKeysAreMistakesEverywhere) {
  EXPECT_EQ(device_mistakes("/vendr", "1"),
            "t.json#/vendr: no such key; did you mean \"vendor\"?\n");
  EXPECT_NE(device_mistakes("/peak/fp99", "1").find("t.json#/peak/fp99: no such key"),
            std::string::npos);
  EXPECT_NE(device_mistakes("/hbm/size", "1").find("/hbm/size: no such key"), std::string::npos);
  EXPECT_NE(device_mistakes("/efficiency/net", "1").find("no such key"), std::string::npos);
  EXPECT_NE(node_mistakes("/nic", "1").find("t.json#/nic: no such key"), std::string::npos);
  EXPECT_NE(node_mistakes("/nic_link/lanes", "1").find("no such key"), std::string::npos);
  EXPECT_NE(cluster_mistakes("/node_count", "1").find("no such key"), std::string::npos);
}

TEST(Spec, SharesAreAboveZeroAndAtMostOne) {
  EXPECT_NE(device_mistakes("/efficiency/memory", "0").find("above 0 and at most 1"),
            std::string::npos);
  EXPECT_NE(device_mistakes("/efficiency/memory", R"({"value": 0.0, "source": "s"})")
                .find("above 0 and at most 1"),
            std::string::npos);
  EXPECT_NE(device_mistakes("/efficiency/math/bf16", "1.01"), "");
  EXPECT_NE(device_mistakes("/efficiency/math/bf16", "-0.1"), "");
  EXPECT_EQ(device_mistakes("/efficiency/math/bf16", "1"), "");
  EXPECT_EQ(device_mistakes("/efficiency/math/bf16", "0.001"), "");
}

TEST(Spec, PeaksAndEfficienciesGoTogether) {
  EXPECT_NE(device_mistakes("/peak", "{}").find("at least one precision"), std::string::npos);
  EXPECT_NE(device_mistakes("/efficiency/math/fp8", "0.5").find("no peak rate for fp8"),
            std::string::npos);
  EXPECT_NE(device_mistakes("/peak/fp8", "\"1 TFLOP/s\"").find("missing key \"fp8\""),
            std::string::npos);
}

TEST(Spec, MemoryIsAboveZero) {
  EXPECT_EQ(device_mistakes("/hbm/capacity", "\"0 B\""),
            "t.json#/hbm/capacity: expected a size > 0, got \"0 B\"\n");
  EXPECT_EQ(device_mistakes("/hbm/capacity", "\"1 B\""), "");
  EXPECT_EQ(device_mistakes("/hbm/capacity", "80"),
            "t.json#/hbm/capacity: expected a size with a unit such as \"80 GiB\", got 80\n")
      << "what cannot be read is not too small as well";
}

TEST(Spec, CountsHaveBothBounds) {
  EXPECT_NE(node_mistakes("/devices", "0"), "");
  EXPECT_NE(node_mistakes("/devices", "1025"), "");
  EXPECT_EQ(node_mistakes("/devices", "1024"), "");
  EXPECT_NE(cluster_mistakes("/nodes", "0"), "");
  EXPECT_NE(cluster_mistakes("/nodes", "1000001"), "");
}

TEST(Spec, AllDevicesTogetherHaveOneBound) {
  const std::int64_t most = 1'000'000 / 4;
  EXPECT_EQ(cluster_mistakes("/nodes", std::to_string(most)), "");
  EXPECT_EQ(cluster_mistakes("/nodes", std::to_string(most + 1)),
            "t.json#/nodes: 250001 nodes of 4 devices are 1000004 devices, at most 1000000 can be "
            "simulated\n");
}

TEST(Spec, NodesWithNicsNeedTheirLinks) {
  EXPECT_EQ(node_mistakes("/nic_link", "null"),
            "t.json#: a node with NICs (here \"nics\" is 2) needs \"nic_link\"\n");
  EXPECT_EQ(node_mistakes("/host_link", "null"),
            "t.json#: a node with NICs (here \"nics\" is 2) needs \"host_link\"\n");
  EXPECT_NE(node_mistakes("/nics", "5").find("no more NICs than devices"), std::string::npos);
  EXPECT_EQ(node_mistakes("/nics", "4"), "");
  EXPECT_EQ(node_mistakes("/nics", "0"), "");
  EXPECT_NE(node_mistakes("/nics", "null").find("missing key \"nics\""), std::string::npos);
}

TEST(Spec, HostMemoryIsReadStrictlyAndNeedsALink) {
  const std::string memory = R"({"capacity": "2 TB", "bandwidth": "600 GB/s", "efficiency": 0.8})";
  const JsonValue value = changed(node_text(), "/host_memory", memory);
  Diagnostics diagnostics;
  const NodeSpec node = read_node(JsonCursor(value, diagnostics));
  EXPECT_EQ(all_text(diagnostics), "");
  ASSERT_TRUE(node.host_memory);
  EXPECT_EQ(node.host_memory->capacity, Bytes(2'000'000'000'000));
  EXPECT_EQ(node.host_memory->bandwidth, 600_GBps);
  EXPECT_EQ(node.host_memory->efficiency, 0.8);
  const std::string alone = to_text(changed(to_text(value, false), "/nics", "0"), false);
  EXPECT_EQ(mistakes(read_node, parse_json(alone, "t.json")), "");
  EXPECT_EQ(mistakes(read_node, changed(alone, "/host_link", "null")),
            "t.json#: a node with \"host_memory\" needs \"host_link\"\n");
  EXPECT_NE(mistakes(read_node, changed(alone, "/host_memory/speed", "1"))
                .find("/host_memory/speed: no such key"),
            std::string::npos);
}

TEST(Spec, FabricsAreNeededWhereThereIsMoreThanOne) {
  EXPECT_EQ(node_mistakes("/fabric", "null"), "t.json#: a node of 4 devices needs a \"fabric\"\n");
  EXPECT_EQ(cluster_mistakes("/fabric", "null"),
            "t.json#: a cluster of 3 nodes needs a \"fabric\"\n");
  EXPECT_EQ(cluster_mistakes("/node/nics", "0"),
            "t.json#/node/nics: 3 nodes are joined through NICs, but \"nics\" is 0\n");
  const std::string one_node = R"({"node": )" + node_text() + R"(, "nodes": 1})";
  EXPECT_EQ(mistakes(read_cluster, parse_json(one_node, "t.json")), "");
}

TEST(Spec, ManyMistakesAreReportedAtOnce) {
  JsonValue value = changed(cluster_text(), "/nodes", "0");
  EXPECT_EQ(set_at(value, "/node/devices", parse_json("\"4\"", "t.json")), "");
  EXPECT_EQ(set_at(value, "/node/device/tdp", parse_json("700", "t.json")), "");
  Diagnostics diagnostics;
  read_cluster(JsonCursor(value, diagnostics));
  EXPECT_EQ(diagnostics.count(), 3U) << all_text(diagnostics);
}

TEST(Spec, AnUnresolvedReferenceIsNamedOnlyWhenNobodyDid) {
  const JsonValue value = changed(cluster_text(), "/node", "\"dgx\"");
  EXPECT_EQ(mistakes(read_cluster, value),
            "t.json#/node: this reference was not resolved by the catalogue\n");
  Diagnostics diagnostics;
  diagnostics.add({"t.json", "/node", "no node is named \"dgx\""});
  read_cluster(JsonCursor(value, diagnostics));
  EXPECT_EQ(diagnostics.count(), 1U) << all_text(diagnostics);
}

}  // namespace
}  // namespace orrery
