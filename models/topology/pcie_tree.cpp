// Devices under PCI Express switches, switches under host bridges (one a processor), bridges joined
// by the link between the processors.
//
//        [bridge 0] ===== [bridge 1]      processor_link
//         /      \          /      \      uplink
//      [sw 0]  [sw 1]   [sw 2]  [sw 3]
//       /  \    /  \     /  \    /  \     link
//      d0  d1  d2  d3   d4  d5  d6  d7
//
// Without "devices_per_switch" the devices hang on the bridges. Every two bridges are joined.
//
// In a node the tree holds the NICs too: NIC k hangs on the switch (or bridge) of the first device
// that uses it, by a link like the node's host_link. So what a device sends to a NIC at its own
// switch does not pass the bridge, what it sends to another does, and devices that share a NIC or
// an uplink share its capacity. The host's memory is at each device's bridge: copies go over its
// link and its switch's uplink, where they meet what else goes there. Between nodes a message
// crosses device -> switch (link) and switch -> NIC (host_link). Left out: what a bridge loses on
// traffic between two devices below it, and memory of the other processor.
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "models/topology/builtin.hpp"
#include "models/topology/graph_topology.hpp"
#include "models/topology/grid.hpp"

namespace orrery {
namespace {

constexpr CountRange kCount = {.minimum = 1, .maximum = 1'000};

struct PcieTree {
  std::int64_t devices_per_switch = 0;  // 0: no switches
  std::int64_t per_bridge = 0;          // switches, or devices without switches
  LinkSpec link;
  LinkSpec uplink;
  LinkSpec processor_link;
};

PcieTree read_pcie_tree(JsonCursor& parameters, const TopologySite& site) {
  PcieTree tree;
  tree.link = site.endpoint_link ? *site.endpoint_link : read_link(parameters.at("link"));
  if (JsonCursor count = parameters.find("devices_per_switch"); count.present()) {
    tree.devices_per_switch = count.as_count(kCount);
    tree.per_bridge = parameters.at("switches_per_bridge").as_count(kCount);
    tree.uplink = read_link(parameters.at("uplink"));
  } else {
    tree.per_bridge = parameters.at("devices_per_bridge").as_count(kCount);
  }
  if (JsonCursor link = parameters.find("processor_link"); link.present()) {
    tree.processor_link = read_link(link);
  } else if (tree.per_bridge > 0) {
    const std::int64_t below = std::max<std::int64_t>(1, tree.devices_per_switch) * tree.per_bridge;
    if (site.endpoints > below) parameters.at("processor_link");
  }
  parameters.reject_unknown_keys();
  return tree;
}

/// Hangs what stands in `below` on new vertices, `each` on one; returns these.
struct Level {
  std::vector<int> vertices;
  std::vector<std::string> names;
};
Level hang(GraphTopology& topology, const Level& below, std::int64_t each, const std::string& noun,
           const LinkSpec& link) {
  Level above;
  for (std::size_t i = 0; i < below.vertices.size(); ++i) {
    if (i % static_cast<std::size_t>(each) == 0) {
      above.names.push_back(noun + " " + std::to_string(above.vertices.size()));
      above.vertices.push_back(topology.add_vertex());
    }
    topology.add_both_ways({below.vertices[i], below.names[i]},
                           {above.vertices.back(), above.names.back()}, link, 1);
  }
  return above;
}

std::size_t index_of(int index) {
  return static_cast<std::size_t>(index);
}
/// The index of what something hangs on, `each` on one.
std::size_t above(std::size_t index, std::int64_t each) {
  return index / static_cast<std::size_t>(each);
}

}  // namespace

std::unique_ptr<Topology> make_pcie_tree(JsonCursor parameters, const TopologySite& site) {
  const PcieTree tree = read_pcie_tree(parameters, site);
  if (!parameters.diagnostics().empty()) return nullptr;
  const double below = static_cast<double>(tree.per_bridge) *
                       static_cast<double>(std::max<std::int64_t>(1, tree.devices_per_switch));
  const double bridge_count = std::ceil(site.endpoints / below);
  if (!allow_links(parameters, bridge_count * bridge_count + 4.0 * site.endpoints)) return nullptr;

  auto topology = std::make_unique<GraphTopology>(site.endpoints);
  Level level;
  for (int endpoint = 0; endpoint < site.endpoints; ++endpoint) {
    level.vertices.push_back(endpoint);
    level.names.push_back(endpoint_name(site, endpoint));
  }
  const bool has_switches = tree.devices_per_switch > 0;
  if (has_switches) {
    level = hang(*topology, level, tree.devices_per_switch, "PCIe switch", tree.link);
  }
  const Level bridges = hang(*topology, level, tree.per_bridge, "host bridge",
                             has_switches ? tree.uplink : tree.link);
  for (std::size_t a = 0; a < bridges.vertices.size(); ++a) {
    for (std::size_t b = a + 1; b < bridges.vertices.size(); ++b) {
      topology->add_both_ways({bridges.vertices[a], bridges.names[a]},
                              {bridges.vertices[b], bridges.names[b]}, tree.processor_link, 1);
    }
  }
  NodePorts ports;
  for (std::size_t device = 0; device < index_of(site.endpoints); ++device) {
    const std::size_t on = has_switches ? above(device, tree.devices_per_switch) : device;
    ports.hosts.push_back(bridges.vertices[above(on, tree.per_bridge)]);
  }
  // The first device d with d·nics / endpoints = nic, rounded down, is the one that Fabric gives
  // the NIC to first.
  const Level& holders = has_switches ? level : bridges;
  const std::int64_t each = has_switches ? tree.devices_per_switch : tree.per_bridge;
  for (int nic = 0; nic < site.nics; ++nic) {
    const auto first = index_of((nic * site.endpoints + site.nics - 1) / site.nics);
    const std::size_t on = above(first, each);
    ports.nics.push_back(topology->add_vertex());
    const std::string name = "NIC " + std::to_string(nic);
    topology->add_both_ways({ports.nics.back(), name}, {holders.vertices[on], holders.names[on]},
                            site.nic_slot.value_or(tree.link), 1);
  }
  topology->set_node_ports(std::move(ports));
  return topology;
}

}  // namespace orrery
