#include "models/fabric.hpp"

#include <gtest/gtest.h>

#include <set>

#include "hw/catalog.hpp"
#include "tests/hw/json_text.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;

/// Builds the cluster of cluster_text() with one value changed: 3 nodes of 4 devices and 2 NICs, a
/// crossbar of 2 links in each node, leaves of 2 nodes, all links 10 GB/s, 1 us and 0.5 efficient.
std::unique_ptr<Fabric> build(const std::string& pointer, const std::string& value,
                              std::string* mistakes = nullptr) {
  const JsonValue document = changed(cluster_text(), pointer, value);
  Diagnostics diagnostics;
  const ClusterSpec cluster = read_cluster(JsonCursor(document, diagnostics));
  auto fabric = Fabric::build(cluster, builtin_topologies(), diagnostics);
  if (mistakes != nullptr) {
    *mistakes = all_text(diagnostics);
  } else {
    EXPECT_EQ(all_text(diagnostics), "");
  }
  return fabric;
}

std::vector<std::string> names(Fabric& fabric, int from, int to) {
  std::vector<std::string> result;
  for (const int link : fabric.route(from, to).links) {
    result.push_back(fabric.links()[static_cast<std::size_t>(link)].name);
  }
  return result;
}

TEST(Fabric, DevicesOfANodeMeetInItsSwitch) {
  const auto fabric = build("", "");
  EXPECT_EQ(fabric->devices(), 12);
  EXPECT_EQ(names(*fabric, 4, 7),
            (std::vector<std::string>{"node 1, device 0 -> switch", "node 1, switch -> device 3"}));
  EXPECT_EQ(fabric->route(4, 7).latency, 2 * 1_us);
}

TEST(Fabric, DevicesOfTwoNodesMeetThroughTheirNics) {
  const auto fabric = build("", "");
  // Devices 0, 1 of a node use NIC 0, devices 2, 3 use NIC 1.
  EXPECT_EQ(names(*fabric, 3, 5),
            (std::vector<std::string>{"node 0, device 3 -> NIC 1", "node 0, NIC 1 -> leaf 0",
                                      "leaf 0 -> node 1, NIC 0", "node 1, NIC 0 -> device 1"}));
  EXPECT_EQ(fabric->route(3, 5).latency, 4 * 1_us);
  EXPECT_EQ(names(*fabric, 0, 11),
            (std::vector<std::string>{"node 0, device 0 -> NIC 0", "node 0, NIC 0 -> leaf 0",
                                      "leaf 0 -> spine", "spine -> leaf 1",
                                      "leaf 1 -> node 2, NIC 1", "node 2, NIC 1 -> device 3"}));
}

TEST(Fabric, CapacityIsBandwidthTimesBundleTimesEfficiency) {
  const auto fabric = build("", "");
  for (const Fabric::Link& link : fabric->links()) {
    EXPECT_DOUBLE_EQ(link.capacity, link.raw_capacity * 0.5) << link.name;
    EXPECT_EQ(link.kind, "l");
    EXPECT_EQ(link.latency, 1_us);
  }
  const auto raw = [&](int from, int to, std::size_t hop) {
    return fabric->links()[static_cast<std::size_t>(fabric->route(from, to).links[hop])]
        .raw_capacity;
  };
  EXPECT_DOUBLE_EQ(raw(0, 1, 0), 2 * 10e9) << "two links a device";
  EXPECT_DOUBLE_EQ(raw(0, 4, 0), 10e9) << "host link";
  EXPECT_DOUBLE_EQ(raw(0, 4, 1), 10e9) << "NIC port";
  EXPECT_DOUBLE_EQ(raw(0, 8, 2), 2 * 2 * 10e9 / 2) << "uplink: 2 nodes of 2 NICs, 2:1";
  EXPECT_DOUBLE_EQ(raw(0, 8, 3), 1 * 2 * 10e9 / 2) << "the last leaf has one node";
}

TEST(Fabric, DevicesShareNicsInContiguousGroups) {
  for (const int nics : {1, 2, 3, 4}) {
    const auto fabric = build("/node/nics", std::to_string(nics));
    for (int device = 0; device < 4; ++device) {
      const std::string nic = std::to_string(device * nics / 4);
      EXPECT_EQ(names(*fabric, device, 4).at(1).rfind("node 0, NIC " + nic + " -> ", 0), 0U)
          << nics << " NICs, device " << device;
    }
  }
}

TEST(Fabric, EveryRouteIsWithinTheLinksAndKept) {
  const auto fabric = build("", "");
  std::vector<std::vector<int>> first;
  std::set<std::vector<int>> different;
  for (int round = 0; round < 2; ++round) {
    std::size_t index = 0;
    for (int from = 0; from < fabric->devices(); ++from) {
      for (int to = 0; to < fabric->devices(); ++to) {
        if (from == to) continue;
        const Fabric::Route route = fabric->route(from, to);
        const std::vector<int> links(route.links.begin(), route.links.end());
        if (round == 0) {
          first.push_back(links);
          different.insert(links);
          for (const int link : links) {
            ASSERT_LT(static_cast<std::size_t>(link), fabric->links().size());
          }
          std::vector<int> appended;
          fabric->append_route(from, to, appended);
          EXPECT_EQ(appended, links);
        } else {
          EXPECT_EQ(first[index++], links);
        }
      }
    }
  }
  EXPECT_EQ(different.size(), first.size()) << "every pair has a route of its own";
  EXPECT_THROW(fabric->route(1, 1), InternalError);
  EXPECT_THROW(fabric->route(0, 12), InternalError);
}

TEST(Fabric, EveryLinkHasANameOfItsOwn) {
  const auto fabric = build("", "");
  std::set<std::string> all;
  for (const Fabric::Link& link : fabric->links()) all.insert(link.name);
  // 12 devices on switches and hosts, 6 NICs on leaves, 2 leaves on the spine, both directions.
  EXPECT_EQ(fabric->links().size(), 2U * (12 + 12 + 6 + 2));
  EXPECT_EQ(all.size(), fabric->links().size());
}

TEST(Fabric, OneNodeHasNoAdapters) {
  const auto fabric = build("/nodes", "1");
  EXPECT_EQ(fabric->links().size(), 2U * 4);
  EXPECT_EQ(fabric->route(0, 1).links.size(), 2U);
}

TEST(Fabric, OneDeviceANodeNeedsNoSwitchInside) {
  JsonValue document = changed(cluster_text(), "/node/devices", "1");
  EXPECT_EQ(set_at(document, "/node/nics", parse_json("1", "t.json")), "");
  Diagnostics diagnostics;
  const ClusterSpec cluster = read_cluster(JsonCursor(document, diagnostics));
  const auto fabric = Fabric::build(cluster, builtin_topologies(), diagnostics);
  ASSERT_NE(fabric, nullptr) << all_text(diagnostics);
  EXPECT_EQ(names(*fabric, 0, 1).front(), "node 0, device 0 -> NIC 0");
}

TEST(Fabric, MistakesOfBothFabricsAreReportedTogether) {
  std::string mistakes;
  EXPECT_EQ(build("/fabric/kind", "\"fat_treee\"", &mistakes), nullptr);
  EXPECT_NE(mistakes.find("t.json#/fabric/kind: expected one of"), std::string::npos) << mistakes;
  EXPECT_NE(mistakes.find("did you mean \"fat_tree\"?"), std::string::npos);
  EXPECT_EQ(build("/node/fabric/links_per_device", "0", &mistakes), nullptr);
  EXPECT_NE(mistakes.find("t.json#/node/fabric/links_per_device: expected"), std::string::npos);
  EXPECT_EQ(build("/fabric", "7", &mistakes), nullptr);
  EXPECT_NE(mistakes.find("t.json#/fabric: expected an object"), std::string::npos) << mistakes;
  EXPECT_EQ(build("/nodes", "0", &mistakes), nullptr);
  EXPECT_NE(mistakes.find("t.json#/nodes"), std::string::npos);
}

TEST(Fabric, MistakesAreFoundInAClusterThatHasOthers) {
  std::string text = to_text(changed(cluster_text(), "/fabric/kind", "\"round\""), false);
  text = to_text(changed(text, "/node/fabric/kind", "\"round\""), false);
  for (const std::string pointer : {"/nodes", "/node/devices", "/node/nics", "/node/nic_link"}) {
    const JsonValue document = changed(text, pointer, "7.5");
    Diagnostics diagnostics;
    const ClusterSpec cluster = read_cluster(JsonCursor(document, diagnostics));
    EXPECT_EQ(Fabric::build(cluster, builtin_topologies(), diagnostics), nullptr);
    const std::string mistakes = all_text(diagnostics);
    EXPECT_NE(mistakes.find("t.json#" + pointer + ": "), std::string::npos) << mistakes;
    EXPECT_NE(mistakes.find("t.json#/fabric/kind: "), std::string::npos) << mistakes;
    EXPECT_NE(mistakes.find("t.json#/node/fabric/kind: "), std::string::npos) << mistakes;
  }
}

TEST(Fabric, TooManyLinksAreALimit) {
  const JsonValue document = changed(
      cluster_text(), "/node/fabric",
      std::string(R"({"kind": "full_mesh", "links_per_pair": 1, "link": )") + kLinkText + "}");
  Diagnostics diagnostics;
  ClusterSpec cluster = read_cluster(JsonCursor(document, diagnostics));
  cluster.node.devices = 512;
  cluster.nodes = 1'000;
  EXPECT_THROW(Fabric::build(cluster, builtin_topologies(), diagnostics), LimitError);
}

TEST(Fabric, EveryShippedClusterIsConnected) {
  const std::string root = ORRERY_SOURCE_DIR;
  const Catalog catalog({{"devices", root + "/hw/catalog/devices"},
                         {"links", root + "/hw/catalog/links"},
                         {"nodes", root + "/hw/catalog/nodes"},
                         {"clusters", root + "/hw/catalog/clusters"}});
  for (const std::string kind : {"nodes", "clusters"}) {
    for (const auto& entry : catalog.list(kind)) {
      JsonValue document = json_object({{"cluster", json_string(entry.name)}});
      Diagnostics diagnostics;
      catalog.resolve(document, diagnostics);
      JsonCursor cursor(document, diagnostics);
      const ClusterSpec cluster = read_cluster(cursor.at("cluster"));
      const auto fabric = Fabric::build(cluster, builtin_topologies(), diagnostics);
      ASSERT_NE(fabric, nullptr) << all_text(diagnostics);
      EXPECT_EQ(fabric->devices(), cluster.device_count());
      for (int device = 1; device < fabric->devices(); ++device) {
        EXPECT_FALSE(fabric->route(0, device).links.empty()) << entry.name;
        EXPECT_GT(fabric->route(device, 0).latency, Duration(0)) << entry.name;
      }
    }
  }
}

}  // namespace
}  // namespace orrery
