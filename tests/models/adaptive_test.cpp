// Routings that adapt: what they take by what is loaded, and what that does to times.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/models/topology/topology_making.hpp"
#include "tests/theory/small_cluster.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;

constexpr int kPerLeaf = 4;

/// Two leaves of four nodes, four spines: an uplink carries as much as a node's port.
ClusterSpec leaves_of_four(const std::string& routing) {
  ClusterSpec cluster =
      fat_tree_of({.nodes = 2 * kPerLeaf, .nodes_per_leaf = kPerLeaf}, wire(10_GBps, 1_us));
  cluster.fabric->members.push_back({"spines", json_integer(4)});
  cluster.fabric->members.push_back({"routing", json_string(routing)});
  return cluster;
}

/// Two flows from leaf to leaf, of different nodes, that ECMP sends over one uplink.
std::array<std::pair<Rank, Rank>, 2> colliding_flows() {
  Diagnostics diagnostics;
  const auto fabric = Fabric::build(leaves_of_four("ecmp"), builtin_topologies(), diagnostics);
  std::map<int, std::pair<Rank, Rank>> by_uplink;
  for (Rank from = 0; from < kPerLeaf; ++from) {
    for (Rank to = kPerLeaf; to < 2 * kPerLeaf; ++to) {
      const auto links = fabric->route(from, to).links;
      const auto [entry, is_new] = by_uplink.try_emplace(links[2], from, to);
      const auto [other, end] = entry->second;
      if (!is_new && other != from && end != to) return {{{from, to}, {other, end}}};
    }
  }
  ADD_FAILURE() << "no two flows collide";
  return {};
}

TEST(Adaptive, FlowsThatHashingSendsOverOneSpineTakeTwo) {
  const auto flows = colliding_flows();
  const auto time = [&](const std::string& routing) {
    GraphOf graph(2 * kPerLeaf);
    for (const auto& [from, to] : flows) graph.transfer(from, to, 10_MB);
    return run(leaves_of_four(routing), graph).end.since_start();
  };
  const Duration latency = 6 * 1_us;
  EXPECT_EQ(time("ecmp"), 2 * 1_ms + latency) << "they share an uplink";
  EXPECT_EQ(time("adaptive"), 1_ms + latency) << "each has one";
}

TEST(Adaptive, ManyFlowsFillAllSpines) {
  GraphOf graph(2 * kPerLeaf);
  for (Rank from = 0; from < kPerLeaf; ++from) {
    graph.transfer(from, kPerLeaf + from, 10_MB);
  }
  EXPECT_EQ(run(leaves_of_four("adaptive"), graph).end.since_start(), 1_ms + 6 * 1_us);
}

TEST(Adaptive, IsNotFolded) {
  GraphOf graph(2 * kPerLeaf);
  graph.collective(CollectiveKind::all_reduce, 8_MB, 2 * kPerLeaf);
  const auto collectives = builtin_collectives();
  const auto folds = [&](const std::string& routing) {
    Diagnostics diagnostics;
    const auto fabric = Fabric::build(leaves_of_four(routing), builtin_topologies(), diagnostics);
    CollectiveCalls calls(collectives, {}, *fabric);
    return find_symmetry(graph, *fabric, calls).has_value();
  };
  EXPECT_TRUE(folds("spray"));
  EXPECT_FALSE(folds("adaptive"));
  EXPECT_FALSE(folds("ugal"));
}

/// A dragonfly of nine groups of four routers with two global links each, two endpoints a router.
std::unique_ptr<Topology> dragonfly(const std::string& routing) {
  return make_topology(R"({"kind": "dragonfly", "routing": ")" + routing + R"(", "link": )" +
                           kLinkText + R"(, "global_link": )" + kLinkText +
                           R"(, "endpoints_per_router": 2, "routers_per_group": 4,
                               "global_links_per_router": 2})",
                       {.endpoints = 72, .endpoint_link = std::nullopt});
}

TEST(Ugal, TakesTheWayAroundWhenQueueTimesHopsIsSmallerThere) {
  const auto ugal = dragonfly("ugal");
  const auto minimal = dragonfly("ecmp");
  const auto valiant = dragonfly("valiant");
  int tried = 0;
  for (int from = 0; from < 8; ++from) {
    for (int to = 32; to < 72; to += 5) {
      const std::uint64_t hash = static_cast<std::uint64_t>(from * 72 + to);
      const std::vector<int> direct = minimal->route(from, to, hash);
      const std::vector<int> around = valiant->route(from, to, hash);
      // The one link that only the direct way takes, and that leads between groups.
      std::vector<int> own;
      for (const int link : direct) {
        if (std::find(around.begin(), around.end(), link) == around.end()) own.push_back(link);
      }
      if (own.empty() || around.size() <= direct.size()) continue;
      ++tried;
      const auto route = [&](double load) {
        std::vector<int> found;
        const LinkLoads loads = [&](int link) { return link == own.front() ? load : 1.0; };
        ugal->append_adapted_route(from, to, hash, loads, *ugal, found);
        return found.size();
      };
      const double tie = static_cast<double>(around.size()) / static_cast<double>(direct.size());
      // Where other shortest ways avoid the loaded link, these are taken first.
      const bool is_only_way = route(1e9) != direct.size();
      EXPECT_EQ(route(1), direct.size());
      EXPECT_EQ(route(tie), direct.size()) << "a tie goes to the minimal way";
      if (is_only_way) {
        EXPECT_EQ(route(tie * 1.001), around.size());
      }
    }
  }
  EXPECT_GT(tried, 10);
}

}  // namespace
}  // namespace orrery
