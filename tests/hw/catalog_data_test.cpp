// The shipped catalogue: every file parses, resolves, reads, and says where its numbers come from.
#include <gtest/gtest.h>

#include <functional>

#include "hw/catalog.hpp"
#include "hw/spec.hpp"
#include "tests/hw/json_text.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;

const std::string kCatalog = std::string(ORRERY_SOURCE_DIR) + "/hw/catalog/";
const std::string kNetworks = std::string(ORRERY_SOURCE_DIR) + "/workloads/networks";

Catalog shipped() {
  return Catalog({{"devices", kCatalog + "devices"},
                  {"links", kCatalog + "links"},
                  {"nodes", kCatalog + "nodes"},
                  {"clusters", kCatalog + "clusters"},
                  {"networks", kNetworks}});
}

/// The entry `name`, named by the key that stands for its kind.
JsonValue resolved(const std::string& key, const std::string& name) {
  JsonValue document = json_object({{key, json_string(name)}});
  Diagnostics diagnostics;
  shipped().resolve(document, diagnostics);
  EXPECT_EQ(all_text(diagnostics), "") << name;
  return *document.find(key);
}

template <class Spec>
Spec read(Spec (*reader)(JsonCursor), const std::string& key, const std::string& name) {
  const JsonValue value = resolved(key, name);
  Diagnostics diagnostics;
  Spec spec = reader(JsonCursor(value, diagnostics));
  EXPECT_EQ(all_text(diagnostics), "") << name;
  EXPECT_EQ(spec.name, name);
  return spec;
}

/// Every number, and every string that is a quantity, is the "value" of a fact with a source.
void expect_sources(const JsonValue& value, const std::string& where) {
  if (value.find("value") != nullptr) {
    const JsonValue* source = value.find("source");
    ASSERT_NE(source, nullptr) << where;
    EXPECT_GT(source->string.size(), 5U) << where;
    return;
  }
  const bool is_number =
      value.kind == JsonValue::Kind::integer || value.kind == JsonValue::Kind::real;
  const bool is_quantity = value.kind == JsonValue::Kind::string && !value.string.empty() &&
                           value.string.front() >= '0' && value.string.front() <= '9';
  EXPECT_FALSE(is_number || is_quantity) << where;
  for (const auto& member : value.members) {
    if (member.key != "description") expect_sources(member.value, where + "/" + member.key);
  }
}

TEST(CatalogData, EveryEntryReadsAndIsDescribed) {
  const Catalog catalog = shipped();
  for (const std::string& kind : catalog.kinds()) {
    EXPECT_FALSE(catalog.list(kind).empty()) << kind;
    for (const auto& entry : catalog.list(kind)) {
      EXPECT_FALSE(entry.description.empty()) << kind << "/" << entry.name;
    }
  }
  for (const auto& entry : catalog.list("devices")) read(read_device, "device", entry.name);
  for (const auto& entry : catalog.list("links")) read(read_link, "link", entry.name);
  for (const auto& entry : catalog.list("nodes")) {
    read(read_node, "node", entry.name);
    EXPECT_EQ(read(read_cluster, "cluster", entry.name).nodes, 1);
  }
  for (const auto& entry : catalog.list("clusters")) read(read_cluster, "cluster", entry.name);
  for (const auto& entry : catalog.list("networks")) {
    EXPECT_EQ(resolved("network", entry.name).find("name")->string, entry.name);
  }
}

TEST(CatalogData, EveryNumberHasASource) {
  const Catalog catalog = shipped();
  for (const std::string kind : {"devices", "links", "nodes", "clusters"}) {
    for (const auto& entry : catalog.list(kind)) {
      const std::string path = kCatalog + kind + "/" + entry.name + ".json";
      expect_sources(load_json(path, path), kind + "/" + entry.name);
    }
  }
  for (const auto& entry : catalog.list("networks")) {
    const std::string path = kNetworks + "/" + entry.name + ".json";
    const JsonValue network = load_json(path, path);
    ASSERT_NE(network.find("source"), nullptr) << entry.name;
    EXPECT_FALSE(network.find("source")->string.empty()) << entry.name;
  }
}

TEST(CatalogData, TheDgxGenerationsExistAsNodesAndClusters) {
  for (const std::string generation : {"a100", "h100", "b200"}) {
    const NodeSpec node = read(read_node, "node", "dgx_" + generation);
    EXPECT_EQ(node.devices, 8);
    EXPECT_EQ(node.nics, 8);
    const ClusterSpec pod = read(read_cluster, "cluster", "dgx_" + generation + "_superpod");
    EXPECT_EQ(pod.node.name, node.name);
    EXPECT_TRUE(pod.fabric->find("rail_optimised")->find("value")->boolean);
  }
}

TEST(CatalogData, NvlinkTotalsAreThoseOfTheDatasheets) {
  // Datasheets give both directions together: 600 GB/s, 900 GB/s and 1.8 TB/s.
  const std::vector<std::pair<std::string, Bandwidth>> totals = {{"dgx_a100", 300_GBps},
                                                                 {"dgx_h100", 450_GBps},
                                                                 {"hgx_h200", 450_GBps},
                                                                 {"gb200_nvl72", 900_GBps},
                                                                 {"dgx_b200", 900_GBps}};
  for (const auto& [name, total] : totals) {
    const NodeSpec node = read(read_node, "node", name);
    Diagnostics diagnostics;
    JsonCursor fabric(node.fabric, diagnostics);
    const LinkSpec link = read_link(fabric.at("link"));
    EXPECT_EQ(link.bandwidth * fabric.at("links_per_device").as_count(), total) << name;
  }
}

TEST(CatalogData, AStepBetweenDevicesOfANodeTakesTheMeasuredTime) {
  // A crossbar route has two links; the steps are those that the files' sources state.
  EXPECT_EQ(2 * read(read_link, "link", "nvlink3").latency, 1040_ns);
  EXPECT_EQ(2 * read(read_link, "link", "nvlink4").latency, 758_ns);
  EXPECT_EQ(2 * read(read_link, "link", "nvlink5").latency, 758_ns);
  EXPECT_EQ(read(read_link, "link", "hccs").latency, 1040_ns) << "one link in a full mesh";
}

TEST(CatalogData, DevicesAreWithinReason) {
  for (const auto& entry : shipped().list("devices")) {
    const DeviceSpec device = read(read_device, "device", entry.name);
    // Bytes of memory bandwidth per bf16 operation: a slipped prefix would be off by 1000, a
    // mixed-up row of a datasheet by 4 or more; the catalogue spans 0.002 to 0.009.
    // Some have no bf16 (V100), some no fp16 (TPU).
    const std::optional<FlopRate> bf16 = device.peak_of(Precision::bf16);
    const std::optional<FlopRate> fp16 = device.peak_of(Precision::fp16);
    ASSERT_TRUE(bf16 || fp16) << entry.name;
    const FlopRate peak = bf16 ? *bf16 : *fp16;
    const double balance = device.memory_bandwidth.as_double() / peak.as_double();
    EXPECT_GT(balance, 0.001) << entry.name;
    EXPECT_LT(balance, 0.02) << entry.name;
    EXPECT_EQ(bf16.value_or(peak), fp16.value_or(peak)) << entry.name;
    EXPECT_LE(*device.peak_of(Precision::fp32), peak) << entry.name;
    EXPECT_LT(device.l2, device.memory_capacity) << entry.name;
    EXPECT_GT(device.kernel_launch, 500_ns) << entry.name;
    EXPECT_LT(device.kernel_launch, 20_us) << entry.name;
  }
}

}  // namespace
}  // namespace orrery
