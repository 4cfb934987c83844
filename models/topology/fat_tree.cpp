// Leaf switches below one ideal spine.
//
//            [ spine ]                 one bundle a leaf and direction, as wide as the leaf's
//           /    |    \                endpoint links together / oversubscription
//      [leaf] [leaf] [leaf]            one a group of nodes_per_leaf nodes, or with
//       /||\   /||\   /||\             rail_optimised one a group and NIC index (rail)
//      NICs of the nodes
//
// Spine switches and the links to them are one vertex and one bundle: load is spread perfectly, as
// by adaptive routing or packet spraying. Collisions of flows, which hashing causes, are left out.
// The bundle's width counts raw bandwidth. A last group that is not full has an uplink for the
// endpoints it has, so that the stated ratio holds at every leaf. Source of the shape: Leiserson,
// "Fat-trees: universal networks for hardware-efficient supercomputing", IEEE Trans. Computers
// 34(10), 1985; rails: NVIDIA DGX SuperPOD reference architecture, compute fabric.
#include <string>
#include <vector>

#include "models/topology/builtin.hpp"
#include "models/topology/graph_topology.hpp"
#include "sim/base/errors.hpp"

namespace orrery {
namespace {

struct FatTree {
  std::int64_t nodes_per_leaf = 0;
  double oversubscription = 0;
  LinkSpec link;
  bool rail_optimised = false;
};

FatTree read_fat_tree(JsonCursor& parameters) {
  constexpr CountRange kNodes = {.minimum = 1, .maximum = 1'000'000};
  constexpr RatioRange kOversubscription = {.minimum = 1, .maximum = 1'000};
  FatTree tree;
  tree.nodes_per_leaf = parameters.at("nodes_per_leaf").as_count(kNodes);
  tree.oversubscription = parameters.at("oversubscription").as_ratio(kOversubscription);
  tree.link = read_link(parameters.at("link"));
  tree.rail_optimised = parameters.find("rail_optimised").as_boolean();
  parameters.reject_unknown_keys();
  return tree;
}

}  // namespace

std::unique_ptr<Topology> make_fat_tree(JsonCursor parameters, const TopologySite& site) {
  const FatTree tree = read_fat_tree(parameters);
  if (!parameters.diagnostics().empty()) {
    return nullptr;
  }
  ORRERY_CHECK(site.endpoints_per_node >= 1 && site.endpoints % site.endpoints_per_node == 0,
               "endpoints that belong to no node");

  const LinkSpec& endpoint_link = site.endpoint_link ? *site.endpoint_link : tree.link;
  const int rails = tree.rail_optimised ? site.endpoints_per_node : 1;
  const std::int64_t nodes = site.endpoints / site.endpoints_per_node;
  const std::int64_t groups = (nodes + tree.nodes_per_leaf - 1) / tree.nodes_per_leaf;
  const auto leaves = static_cast<std::size_t>(groups * rails);

  auto topology = std::make_unique<GraphTopology>(site.endpoints);
  std::vector<int> endpoints_of(leaves, 0);
  std::vector<std::string> names(leaves);
  for (std::size_t leaf = 0; leaf < leaves; ++leaf) {
    topology->add_vertex();  // site.endpoints + leaf
    names[leaf] = "leaf " + std::to_string(leaf);
  }
  const auto vertex_of = [&site](std::size_t leaf) {
    return site.endpoints + static_cast<int>(leaf);
  };
  for (int endpoint = 0; endpoint < site.endpoints; ++endpoint) {
    const std::int64_t group = endpoint / site.endpoints_per_node / tree.nodes_per_leaf;
    const int rail = tree.rail_optimised ? endpoint % site.endpoints_per_node : 0;
    const auto leaf = static_cast<std::size_t>(group * rails + rail);
    const std::string name = endpoint_name(site, endpoint);
    topology->add_both_ways({endpoint, name}, {vertex_of(leaf), names[leaf]}, endpoint_link, 1);
    ++endpoints_of[leaf];
  }
  if (leaves < 2) {
    return topology;
  }
  const int spine = topology->add_vertex();
  const std::string spine_name = "spine";
  for (std::size_t leaf = 0; leaf < leaves; ++leaf) {
    const double down = endpoints_of[leaf] * endpoint_link.bandwidth.as_double();
    const double bundle = down / tree.oversubscription / tree.link.bandwidth.as_double();
    topology->add_both_ways({vertex_of(leaf), names[leaf]}, {spine, spine_name}, tree.link, bundle);
  }
  return topology;
}

}  // namespace orrery
