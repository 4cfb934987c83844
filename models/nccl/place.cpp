#include <algorithm>
#include <set>

#include "models/nccl/library.hpp"
#include "models/transports.hpp"

namespace orrery {

NcclPlace place_of(const ClusterSpec& cluster, Fabric& fabric) {
  NcclPlace place;
  const NodeSpec& node = cluster.node;
  place.memory = node.device.memory_bandwidth.as_double();
  place.catalogue.launch = node.device.collective_launch;
  std::set<int> links;
  const int local = static_cast<int>(node.devices);
  for (int from = 1; from < local; ++from) {
    const Fabric::Route route = fabric.route(from, 0);
    const Fabric::Link& last = fabric.links()[static_cast<std::size_t>(route.links.back())];
    place.link = last.kind;
    place.catalogue.step = std::max(place.catalogue.step, route.latency);
    place.catalogue.efficiency = last.capacity / last.raw_capacity;
    if (links.insert(route.links.back()).second) place.port += last.raw_capacity;
  }
  place.links = std::max<int>(1, static_cast<int>(links.size()));
  if (cluster.nodes > 1) {
    place.adapter = node.nic_link->bandwidth.as_double() * node.nic_link->efficiency;
    place.bonded = static_cast<int>(node.nic_bonding);
    place.between = fabric.route(0, local).latency;
    place.transport = fabric.transports().of(true, 0);
  }
  if (local == 1) {  // no links inside: those of the adapter
    place.link = node.nic_link->name;
    place.port = node.nic_link->bandwidth.as_double();
    place.catalogue.efficiency = node.nic_link->efficiency;
  }
  place.network_adds = fabric.network_adds();
  place.switch_adds = place.link.starts_with("nvlink") && fabric.node_adds();
  return place;
}

std::string link_inside(const ClusterSpec& cluster, Fabric& fabric) {
  if (cluster.node.devices == 1) return "";
  return fabric.links()[static_cast<std::size_t>(fabric.route(1, 0).links.back())].kind;
}

}  // namespace orrery
