// Mistakes in the parameters of each kind, and what its wiring is where the suite cannot say it.
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "hw/catalog.hpp"
#include "tests/models/topology/topology_making.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;

TopologySite devices(int count) {
  return {.endpoints = count, .endpoint_link = std::nullopt};
}

/// "L" stands for a link.
std::string section(std::string text) {
  for (std::size_t at = 0; (at = text.find(": L", at)) != std::string::npos;) {
    text.replace(at + 2, 1, kLinkText);
  }
  return text;
}

std::string mistakes_of(const std::string& text, const TopologySite& site) {
  std::string mistakes;
  make_topology(section(text), site, &mistakes);
  return mistakes;
}

TEST(HybridCubeMesh, EveryDeviceUsesSixLinks) {
  const auto mesh =
      make_topology(section(R"({"kind": "hybrid_cube_mesh", "link": L})"), devices(8));
  std::vector<double> links(8, 0);
  for (const TopologyLink& link : mesh->links())
    links[static_cast<std::size_t>(link.from)] += link.bundle;
  EXPECT_EQ(links, std::vector<double>(8, 6.0));
  EXPECT_EQ(mistakes_of(R"({"kind": "hybrid_cube_mesh", "link": L})", devices(4)),
            "t.json#: a hybrid cube mesh joins 8 devices, here are 4\n");
}

TEST(Grids, PlacesAndRoutersMustBeAsMany) {
  EXPECT_EQ(
      mistakes_of(R"({"kind": "torus", "dimensions": [4, 4], "links_per_pair": 1, "link": L})",
                  devices(12)),
      "t.json#: expected one router a place of the grid 4 x 4, got 12 routers for 12 "
      "endpoints\n");
  EXPECT_EQ(mistakes_of(R"({"kind": "hypercube", "links_per_pair": 1, "link": L})", devices(6)),
            "t.json#: a hypercube has a power of two of routers, here are 6\n");
  EXPECT_EQ(mistakes_of(R"({"kind": "hyperx", "dimensions": [], "links_per_pair": 1, "link": L})",
                        devices(6)),
            "t.json#/dimensions: expected 1 to 16 sizes, got an array\n");
}

/// Its examples are of eight endpoints, a line each.
TEST(TopologyReadme, HasAnExampleOfEachKindThatCanBeRead) {
  const std::string root = ORRERY_SOURCE_DIR;
  const Catalog catalog({{"links", root + "/hw/catalog/links"}});
  std::ifstream page(root + "/models/topology/README.md");
  std::set<std::string> kinds;
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with("{ \"kind\"")) continue;
    Diagnostics mistakes;
    JsonValue document = parse_json(line, "t.json");
    catalog.resolve(document, mistakes);
    std::string text = all_text(mistakes);
    EXPECT_NE(make_topology(to_text(document, false), devices(8), &text), nullptr) << line << text;
    EXPECT_EQ(text, "") << line;
    kinds.insert(document.find("kind")->string);
  }
  const std::vector<std::string> names = builtin_topologies().names();
  EXPECT_EQ(kinds, std::set<std::string>(names.begin(), names.end()));
}

TEST(Dragonfly, GroupsNeedAGlobalLinkToEachOther) {
  EXPECT_EQ(mistakes_of(R"({"kind": "dragonfly", "link": L, "global_link": L,
      "endpoints_per_router": 1, "routers_per_group": 2, "global_links_per_router": 1})",
                        devices(8)),
            "t.json#: 4 groups need 3 global links each, here are 2\n");
}

TEST(GraphKind, MistakesStandWhereTheyAre) {
  EXPECT_EQ(mistakes_of(R"({"kind": "graph", "switches": ["a"],
      "links": [{"between": [0, "b"], "link": L}, {"between": [7, "a"], "link": L}]})",
                        devices(2)),
            "t.json#/links/0/between/1: expected the number of an endpoint or the name of a "
            "switch, got \"b\"\n"
            "t.json#/links/1/between/0: expected an integer between 0 and 1, got 7\n");
  EXPECT_EQ(
      mistakes_of(R"({"kind": "graph", "links": [{"from": 0, "to": 1, "link": L}]})", devices(2)),
      "t.json#: no way leads from device 1 to device 0\n");
}

TEST(Routing, MistakesStandWhereTheyAre) {
  const std::string ring = R"({"kind": "ring", "links_per_pair": 1, "link": L, )";
  EXPECT_EQ(mistakes_of(ring + R"("routing": "vailant"})", devices(4)),
            "t.json#/routing: expected one of \"ecmp\", \"minimal\", \"spray\", "
            "\"dimension_order\", \"up_down\", \"valiant\", \"adaptive\", \"ugal\", got "
            "\"vailant\"; did you mean \"valiant\"?\n");
  EXPECT_EQ(
      mistakes_of(ring + R"("routes": [{"from": 0, "to": 2, "through": ["x"]}]})", devices(4)),
      "t.json#/routes/0/through/0: no link of this fabric is named \"x\"; `orrery topology "
      "SCENARIO --links` shows all\n");
  EXPECT_EQ(mistakes_of(ring + R"("routes": [{"from": 0, "to": 2,
                                               "through": ["device 1 -> device 2"]}]})",
                        devices(4)),
            "t.json#/routes/0/through/0: \"device 1 -> device 2\" does not lead on from where the "
            "way has come to\n");
}

TEST(Routing, AStaticRouteGoesTheLongWay) {
  const auto ring = make_topology(section(R"({"kind": "ring", "links_per_pair": 1, "link": L,
      "routes": [{"from": 0, "to": 1, "through": ["device 0 -> device 3", "device 3 -> device 2",
                                                  "device 2 -> device 1"]}]})"),
                                  devices(4));
  EXPECT_EQ(ring->route(0, 1, 5).size(), 3U);
  EXPECT_EQ(ring->route(1, 0, 5).size(), 1U);
}

TEST(Routing, UpDownNeverRisesAfterItFell) {
  //        top
  //       /   \.
  //     [p]   [q]       The shortest way from 0 to 2 falls to b and rises to c; up-down takes the
  //      |     |        long one over the top.
  //     [a]   [c]
  //     / \   / \.
  //    0   [b]   2
  //         1
  const std::string text = R"({"kind": "graph", "switches": ["top", "p", "q", "a", "c", "b"],
      "links": [
        {"between": [0, "a"], "link": L}, {"between": [1, "b"], "link": L},
        {"between": [2, "c"], "link": L}, {"between": ["a", "p"], "link": L},
        {"between": ["c", "q"], "link": L}, {"between": ["p", "top"], "link": L},
        {"between": ["q", "top"], "link": L}, {"between": ["a", "b"], "link": L},
        {"between": ["b", "c"], "link": L}], "routing": ")";
  const auto shortest = make_topology(section(text + "ecmp\"}"), devices(3));
  const auto legal = make_topology(section(text + "up_down\"}"), devices(3));
  EXPECT_EQ(shortest->route(0, 2, 0).size(), 4U);
  EXPECT_EQ(legal->route(0, 2, 0).size(), 6U);
  EXPECT_EQ(legal->route(2, 0, 0).size(), 6U);
  EXPECT_EQ(legal->route(0, 1, 0).size(), 3U);
}

}  // namespace
}  // namespace orrery
