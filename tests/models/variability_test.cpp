#include "models/variability.hpp"

#include <gtest/gtest.h>

#include "models/symmetry.hpp"
#include "tests/theory/transport_cluster.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;

constexpr int kRanks = 8;

std::unique_ptr<Fabric> crossbar() {
  Diagnostics diagnostics;
  return Fabric::build(crossbar_of(kRanks, wire(100_GBps, 1_us)), builtin_topologies(),
                       diagnostics);
}

/// The section as JSON text.
Variability read(const std::string& text, const Fabric& fabric) {
  const JsonValue section = parse_json(text, "test");
  Diagnostics diagnostics;
  const Variability variability = read_variability(JsonCursor(section, diagnostics), &fabric, 7);
  diagnostics.throw_if_any();
  return variability;
}

TEST(Variability, WithoutContentIsNone) {
  const Variability variability;
  EXPECT_TRUE(variability.none());
  EXPECT_TRUE(variability.uniform());
  EXPECT_EQ(variability.speed(3).math, 1);
}

TEST(Variability, ReadsRanksOneByOneAndInARow) {
  const auto fabric = crossbar();
  const Variability variability = read(
      R"({"devices": [{"ranks": [0, 7], "speed": 0.5},
                      {"ranks": {"from": 2, "to": 3}, "memory_speed": 0.25}]})",
      *fabric);
  const std::vector<double> math = {0.5, 1, 1, 1, 1, 1, 1, 0.5};
  const std::vector<double> memory = {1, 1, 0.25, 0.25, 1, 1, 1, 1};
  for (Rank rank = 0; rank < kRanks; ++rank) {
    EXPECT_EQ(variability.speed(rank).math, math[static_cast<std::size_t>(rank)]);
    EXPECT_EQ(variability.speed(rank).memory, memory[static_cast<std::size_t>(rank)]);
  }
  EXPECT_FALSE(variability.uniform());
}

TEST(Variability, JitterIsNotUniform) {
  const auto fabric = crossbar();
  for (const char* which : {"kernel_jitter", "launch_jitter"}) {
    const std::string law = R"(": {"kind": "normal", "coefficient_of_variation": 0.1}})";
    EXPECT_FALSE(read(std::string("{\"") + which + law, *fabric).uniform());
  }
}

TEST(Variability, ADegradedLinkIsSeenByTheSymmetryOfTheFabric) {
  GraphOf graph(kRanks);
  graph.collective(CollectiveKind::all_reduce, 8_MB, kRanks);
  const auto collectives = builtin_collectives();
  const auto classes = [&](const std::string& section) {
    const auto fabric = crossbar();
    const Variability variability = read(section, *fabric);
    EXPECT_TRUE(variability.uniform()) << "the ranks themselves are alike";
    degrade_links(variability, *fabric);
    CollectiveCalls calls(collectives, {}, *fabric);
    const auto symmetry = find_symmetry(graph, *fabric, calls);
    return symmetry ? symmetry->ranks_in.size() : kRanks;
  };
  EXPECT_EQ(classes("{}"), 1U);
  // In a ring every rank has its own distance from the link.
  EXPECT_EQ(classes(R"({"links": [{"name": "node 0, device 3 -> switch", "capacity": 0.5}]})"),
            static_cast<std::size_t>(kRanks));
}

// What both directions share is a part of what the two of them carry.
TEST(Variability, WhatBothDirectionsShareIsDegradedWithThem) {
  const double duplex = 0.75;
  const auto shared = [&](const std::string& section, const char* which) {
    ClusterSpec cluster = crossbar_of(2, wire(10_GBps, 1_us));
    *cluster.node.fabric.find("link") =
        link_json("pcie", 10_GBps, 1_us, R"(, "efficiency": 1, "duplex": 0.75)");
    cluster.node.nics = 2;
    cluster.node.nic_link =
        link_of(link_json("rdma", 10_GBps, 1_us, R"(, "efficiency": 1, "duplex": 0.75)"));
    cluster.node.host_link = *cluster.node.nic_link;
    cluster.nodes = 2;
    cluster.fabric = json_object({{"kind", json_string("crossbar")}});
    Diagnostics diagnostics;
    const auto fabric = Fabric::build(cluster, builtin_topologies(), diagnostics);
    diagnostics.throw_if_any();
    degrade_links(read(section, *fabric), *fabric);
    for (const Fabric::Link& link : fabric->links()) {
      if (link.is_part && link.name.find(which) != std::string::npos) return link.capacity;
    }
    ADD_FAILURE() << which;
    return 0.0;
  };
  const double both = 2 * duplex * 10e9;
  const std::string one = R"({"links": [{"name": "node 0, device 0 -> switch", "capacity": 0.5}]})";
  EXPECT_DOUBLE_EQ(shared("{}", "node 0, switch"), both);
  EXPECT_DOUBLE_EQ(shared(one, "node 0, switch"), both * 3 / 4);
  EXPECT_DOUBLE_EQ(shared(R"({"links": [{"name": "node 0, device 0 -> switch", "capacity": 0.5},
                           {"name": "node 0, switch -> device 0", "capacity": 0.5}]})",
                          "node 0, switch"),
                   both / 2);
  EXPECT_DOUBLE_EQ(shared("{}", "node 1, NIC 0, both"), both);
  EXPECT_DOUBLE_EQ(shared(R"({"links": [{"name": "node 1, NIC 0 -> switch", "capacity": 0.2}]})",
                          "node 1, NIC 0, both"),
                   both * 0.6);
}

TEST(Variability, DegradingChangesOneLinkAlone) {
  const auto nominal = crossbar();
  const auto fabric = crossbar();
  const double capacity = 0.25;
  const double latency = 3;
  degrade_links(read(R"({"links": [{"name": "node 0, device 3 -> switch", "capacity": 0.25,
                                    "latency": 3}]})",
                     *fabric),
                *fabric);
  int changed = 0;
  for (std::size_t link = 0; link < fabric->links().size(); ++link) {
    const Fabric::Link& before = nominal->links()[link];
    const Fabric::Link& after = fabric->links()[link];
    if (before.name != "node 0, device 3 -> switch") {
      EXPECT_EQ(after.capacity, before.capacity);
      EXPECT_EQ(after.latency, before.latency);
      continue;
    }
    ++changed;
    EXPECT_EQ(after.capacity, before.capacity * capacity);
    EXPECT_EQ(after.raw_capacity, before.raw_capacity * capacity);
    EXPECT_EQ(after.latency, static_cast<std::int64_t>(latency) * before.latency);
  }
  EXPECT_EQ(changed, 1);
}

}  // namespace
}  // namespace orrery
