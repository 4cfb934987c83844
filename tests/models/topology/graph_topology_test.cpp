#include "models/topology/graph_topology.hpp"

#include <gtest/gtest.h>

#include <array>
#include <set>

#include "tests/models/topology/topology_making.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;

const std::string kName = "v";

void join(GraphTopology& graph, int a, int b) {
  graph.add_both_ways({a, kName}, {b, kName}, link_of("l", 1_GBps), 1);
}

TEST(GraphTopology, TakesTheShortestPath) {
  // 0 - 1 - 2 - 3 - 0: a ring of endpoints that forward, with a long way round and a short one.
  GraphTopology ring(5);
  for (int vertex = 0; vertex < 5; ++vertex) join(ring, vertex, (vertex + 1) % 5);
  EXPECT_EQ(ring.route(0, 1, 0).size(), 1U);
  EXPECT_EQ(ring.route(0, 4, 0).size(), 1U);
  EXPECT_EQ(ring.route(0, 2, 0).size(), 2U);
  EXPECT_EQ(ring.route(0, 3, 0).size(), 2U);
  EXPECT_TRUE(ring.route(2, 2, 0).empty());
}

TEST(GraphTopology, SpreadsFlowsOverEqualPathsAndKeepsEachOnItsOwn) {
  // Two endpoints on two switches, which four others join.
  GraphTopology graph(2);
  const int left = graph.add_vertex();
  const int right = graph.add_vertex();
  join(graph, 0, left);
  join(graph, 1, right);
  constexpr int kMiddles = 4;
  for (int middle = 0; middle < kMiddles; ++middle) {
    const int vertex = graph.add_vertex();
    join(graph, left, vertex);
    join(graph, vertex, right);
  }
  std::set<std::vector<int>> routes;
  for (std::uint64_t hash = 0; hash < 200; ++hash) {
    const std::vector<int> route = graph.route(0, 1, hash);
    EXPECT_EQ(route.size(), 4U);
    EXPECT_EQ(route, graph.route(0, 1, hash));
    routes.insert(route);
  }
  EXPECT_EQ(routes.size(), static_cast<std::size_t>(kMiddles));
}

TEST(GraphTopology, ParallelLinksAreChoices) {
  GraphTopology graph(2);
  join(graph, 0, 1);
  join(graph, 0, 1);
  std::set<std::vector<int>> routes;
  for (std::uint64_t hash = 0; hash < 100; ++hash) routes.insert(graph.route(0, 1, hash));
  EXPECT_EQ(routes.size(), 2U);
}

TEST(GraphTopology, LinksMayBeAddedAfterARoute) {
  GraphTopology graph(3);
  join(graph, 0, 1);
  join(graph, 1, 2);
  EXPECT_EQ(graph.route(0, 2, 0).size(), 2U);
  join(graph, 0, 2);
  EXPECT_EQ(graph.route(0, 2, 0).size(), 1U);
}

TEST(GraphTopology, TwoEndpointsOnOneWireAreNoLeaves) {
  GraphTopology graph(2);
  join(graph, 0, 1);
  EXPECT_EQ(graph.route(0, 1, 0), (std::vector<int>{0}));
  EXPECT_EQ(graph.route(1, 0, 0), (std::vector<int>{1}));
}

TEST(GraphTopology, OwnMistakesStop) {
  GraphTopology graph(2);
  EXPECT_THROW(graph.route(0, 2, 0), InternalError);
  EXPECT_THROW(graph.route(0, 1, 0), InternalError) << "not connected";
  EXPECT_THROW(graph.add_link({.from = 0, .to = 0, .spec = {}, .name = ""}), InternalError);
}

TEST(GraphTopology, NamesEndpointsByWhereTheyAre) {
  EXPECT_EQ(endpoint_name({.endpoints = 4, .endpoint_link = std::nullopt}, 3), "device 3");
  EXPECT_EQ(
      endpoint_name(
          {.endpoints = 8, .endpoints_per_node = 4, .endpoint_link = link_of("nic", 1_GBps)}, 6),
      "node 1, NIC 2");
}

}  // namespace
}  // namespace orrery
