// Leaf switches below one ideal spine.
//
//            [ spine ]                 one bundle a leaf and direction, as wide as the leaf's
//           /    |    \                endpoint links together / oversubscription
//      [leaf] [leaf] [leaf]            one a group of nodes_per_leaf nodes, or with
//       /||\   /||\   /||\             rail_optimised one a group and NIC index (rail)
//      NICs of the nodes
//
// Without "spines", spine switches and the links to them are one vertex and one bundle: load is
// spread perfectly, as by adaptive routing or packet spraying. Collisions of flows, which hashing
// causes, are left out. With it every leaf has a bundle to each of so many spine switches, and
// flows collide as the routing lets them. With "leaves_per_pod" there are three levels: so many
// spines a pod, and "cores" above, of which spine s of every pod has its cores/spines:
//
//      [core 0] [core 1]   [core 2] [core 3]     spine 0 has cores 0, 1; spine 1 has 2, 3
//          \     /             \     /
//         [spine 0]           [spine 1]          of each pod
//              \\   ____________//
//            [leaf] [leaf] of the pod
//
// A bundle's width counts raw bandwidth and may be a fraction of a link; pod_oversubscription is
// that of the spines. A last group that is not full has an uplink for the endpoints it has, so that
// the stated ratio holds at every switch. The k-ary fat tree of Al-Fares, Loukissas and Vahdat ("A
// scalable, commodity data center network architecture", SIGCOMM 2008, §2.2) has k/2 endpoints a
// leaf, k/2 leaves a pod, k/2 spines and (k/2)² cores. Source of the shape: Leiserson, "Fat-trees:
// universal networks for hardware-efficient supercomputing", IEEE Trans. Computers 34(10), 1985;
// rails: NVIDIA DGX SuperPOD reference architecture, compute fabric.
#include <cmath>
#include <string>
#include <vector>

#include "models/topology/builtin.hpp"
#include "models/topology/grid.hpp"
#include "sim/base/errors.hpp"

namespace orrery {
namespace {

struct FatTree {
  std::int64_t nodes_per_leaf = 0;
  double oversubscription = 0;
  LinkSpec link;
  bool rail_optimised = false;
  std::int64_t spines = 0;          // 0: one ideal spine
  std::int64_t leaves_per_pod = 0;  // 0: two levels
  std::int64_t cores = 0;
  double pod_oversubscription = 1;
};

constexpr RatioRange kOversubscription = {.minimum = 1, .maximum = 1'000};

void read_levels(JsonCursor& parameters, FatTree& tree) {
  constexpr CountRange kSwitches = {.minimum = 1, .maximum = 100'000};
  JsonCursor spines = parameters.find("spines");
  if (spines.present()) tree.spines = spines.as_count(kSwitches);
  JsonCursor pods = parameters.find("leaves_per_pod");
  if (!pods.present()) {
    for (const char* key : {"cores", "pod_oversubscription"}) {
      if (parameters.has(key)) {
        parameters.at(key).error(
            "is of three levels of switches, which \"leaves_per_pod\" asks for");
      }
    }
    return;
  }
  tree.leaves_per_pod = pods.as_count(kSwitches);
  if (!spines.present()) parameters.at("spines");  // is missing
  JsonCursor cores = parameters.at("cores");
  tree.cores = cores.as_count(kSwitches);
  if (tree.cores > 0 && tree.spines > 0 && tree.cores % tree.spines != 0) {
    cores.expected("a multiple of the " + std::to_string(tree.spines) + " spines of a pod");
  }
  if (JsonCursor ratio = parameters.find("pod_oversubscription"); ratio.present()) {
    tree.pod_oversubscription = ratio.as_ratio(kOversubscription);
  }
}

FatTree read_fat_tree(JsonCursor& parameters) {
  constexpr CountRange kNodes = {.minimum = 1, .maximum = 1'000'000};
  FatTree tree;
  tree.nodes_per_leaf = parameters.at("nodes_per_leaf").as_count(kNodes);
  tree.oversubscription = parameters.at("oversubscription").as_ratio(kOversubscription);
  tree.link = read_link(parameters.at("link"));
  tree.rail_optimised = parameters.find("rail_optimised").as_boolean();
  read_levels(parameters, tree);
  parameters.reject_unknown_keys();
  return tree;
}

/// Switches of one level: their vertices, names, and the raw bandwidth to what is below, in
/// bytes/s.
struct Level {
  std::vector<int> vertices;
  std::vector<std::string> names;
  std::vector<double> down;

  void add(GraphTopology& topology, std::size_t count, const std::string& noun) {
    for (std::size_t i = 0; i < count; ++i) {
      names.push_back(noun + " " + std::to_string(vertices.size()));
      vertices.push_back(topology.add_vertex());
      down.push_back(0);
    }
  }
};

/// Leaves, each with the bandwidth of its endpoints.
Level add_leaves(GraphTopology& topology, const FatTree& tree, const TopologySite& site,
                 const LinkSpec& endpoint_link) {
  const std::int64_t each = site.endpoints_per_node;
  const std::int64_t rails = tree.rail_optimised ? each : 1;
  const std::int64_t nodes = (site.endpoints + each - 1) / each;
  const std::int64_t groups = (nodes + tree.nodes_per_leaf - 1) / tree.nodes_per_leaf;
  Level leaves;
  leaves.add(topology, static_cast<std::size_t>(groups * rails), "leaf");
  std::vector<int> endpoints_of(leaves.vertices.size(), 0);
  for (int endpoint = 0; endpoint < site.endpoints; ++endpoint) {
    const std::int64_t group = endpoint / each / tree.nodes_per_leaf;
    const std::int64_t rail = tree.rail_optimised ? endpoint % each : 0;
    const auto leaf = static_cast<std::size_t>(group * rails + rail);
    const std::string name = endpoint_name(site, endpoint);
    topology.add_both_ways({endpoint, name}, {leaves.vertices[leaf], leaves.names[leaf]},
                           endpoint_link, 1);
    ++endpoints_of[leaf];
  }
  for (std::size_t leaf = 0; leaf < leaves.vertices.size(); ++leaf) {
    leaves.down[leaf] = endpoints_of[leaf] * endpoint_link.bandwidth.as_double();
  }
  return leaves;
}

/// Joins switch `lower` to `count` switches from `first` on, which share its uplink.
void join_up(GraphTopology& topology, Level& below, std::size_t lower, Level& above,
             std::size_t first, std::size_t count, const LinkSpec& link, double oversubscription) {
  const double bandwidth = link.bandwidth.as_double();
  const double bundle =
      below.down[lower] / oversubscription / bandwidth / static_cast<double>(count);
  if (bundle == 0) return;  // nothing below
  for (std::size_t upper = first; upper < first + count; ++upper) {
    topology.add_both_ways({below.vertices[lower], below.names[lower]},
                           {above.vertices[upper], above.names[upper]}, link, bundle);
    above.down[upper] += bundle * bandwidth;
  }
}

void add_pods(GraphTopology& topology, const FatTree& tree, Level& leaves) {
  const std::size_t count = leaves.vertices.size();
  const auto spines_each = static_cast<std::size_t>(tree.spines);
  const std::size_t per_pod =
      tree.leaves_per_pod == 0 ? count : static_cast<std::size_t>(tree.leaves_per_pod);
  const std::size_t pods = (count + per_pod - 1) / per_pod;
  Level spines;
  spines.add(topology, pods * spines_each, "spine");
  for (std::size_t leaf = 0; leaf < count; ++leaf) {
    join_up(topology, leaves, leaf, spines, leaf / per_pod * spines_each, spines_each, tree.link,
            tree.oversubscription);
  }
  if (pods < 2) return;
  Level cores;
  cores.add(topology, static_cast<std::size_t>(tree.cores), "core");
  const std::size_t cores_each = cores.vertices.size() / spines_each;
  for (std::size_t spine = 0; spine < spines.vertices.size(); ++spine) {
    join_up(topology, spines, spine, cores, spine % spines_each * cores_each, cores_each, tree.link,
            tree.pod_oversubscription);
  }
}

/// How many links there would be; a double, as counts may be any.
double link_count(const FatTree& tree, const TopologySite& site) {
  const double nodes = std::ceil(1.0 * site.endpoints / site.endpoints_per_node);
  const double leaves = std::ceil(nodes / static_cast<double>(tree.nodes_per_leaf)) *
                        (tree.rail_optimised ? site.endpoints_per_node : 1);
  const double pods =
      tree.leaves_per_pod == 0 ? 1 : std::ceil(leaves / static_cast<double>(tree.leaves_per_pod));
  return 2 * (site.endpoints + leaves * static_cast<double>(tree.spines) +
              pods * static_cast<double>(tree.cores));
}

}  // namespace

std::unique_ptr<Topology> make_fat_tree(JsonCursor parameters, const TopologySite& site) {
  const FatTree tree = read_fat_tree(parameters);
  if (!parameters.diagnostics().empty()) {
    return nullptr;
  }
  ORRERY_CHECK(site.endpoints_per_node >= 1, "endpoints that belong to no node");
  if (tree.spines > 0 && !allow_links(parameters, link_count(tree, site))) {
    return nullptr;
  }
  const LinkSpec& endpoint_link = site.endpoint_link ? *site.endpoint_link : tree.link;
  auto topology = std::make_unique<GraphTopology>(site.endpoints);
  Level leaves = add_leaves(*topology, tree, site, endpoint_link);
  if (leaves.vertices.size() < 2) {
    return topology;
  }
  if (tree.spines > 0) {
    add_pods(*topology, tree, leaves);
    return topology;
  }
  const int spine = topology->add_vertex();
  const std::string spine_name = "spine";
  for (std::size_t leaf = 0; leaf < leaves.vertices.size(); ++leaf) {
    const double bundle =
        leaves.down[leaf] / tree.oversubscription / tree.link.bandwidth.as_double();
    topology->add_both_ways({leaves.vertices[leaf], leaves.names[leaf]}, {spine, spine_name},
                            tree.link, bundle);
  }
  return topology;
}

}  // namespace orrery
