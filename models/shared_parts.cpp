#include "models/shared_parts.hpp"

#include <map>
#include <string>
#include <utility>

namespace orrery {
namespace {

std::string node_prefix(std::int64_t node) {
  return "node " + std::to_string(node) + ", ";
}

int next_link(const std::vector<Fabric::Link>& links) {
  return static_cast<int>(links.size());
}

/// What carries `capacity` bytes/s of the `raw` ones of the links that it belongs to.
Fabric::Link part(std::string name, std::string kind, double capacity, double raw) {
  Fabric::Link link;
  link.name = std::move(name);
  link.kind = std::move(kind);
  link.capacity = capacity;
  link.raw_capacity = raw;
  link.is_part = true;
  return link;
}

}  // namespace

void SharedParts::add_adapters(const ClusterSpec& cluster, const LinkTraits& traits,
                               std::vector<Fabric::Link>& links) {
  const NodeSpec& node = cluster.node;
  if (traits.core_rate) {
    kernel = next_link(links);
    const double capacity = traits.core_rate->as_double() * static_cast<double>(node.kernel_cores);
    for (std::int64_t n = 0; n < cluster.nodes; ++n) {
      links.push_back(part(node_prefix(n) + "host kernel", "host_kernel", capacity, capacity));
    }
  }
  if (traits.message_rate) {
    message_rate = next_link(links);
    for (std::int64_t nic = 0; nic < cluster.nodes * node.nics; ++nic) {
      const std::string name =
          node_prefix(nic / node.nics) + "NIC " + std::to_string(nic % node.nics) + " messages ";
      for (const char* direction : {"out", "in"}) {
        links.push_back(
            part(name + direction, "message_rate", *traits.message_rate, *traits.message_rate));
        links.back().counts_messages = true;
      }
    }
  }
  if (traits.incast_efficiency < 1) {
    incast = next_link(links);
    const double capacity = node.nic_link->bandwidth.as_double() * node.nic_link->efficiency;
    for (std::int64_t nic = 0; nic < cluster.nodes * node.nics; ++nic) {
      links.push_back(part(
          node_prefix(nic / node.nics) + "NIC " + std::to_string(nic % node.nics) + " receiving",
          node.nic_link->name, capacity, node.nic_link->bandwidth.as_double()));
    }
  }
  if (traits.duplex < 1) {
    nic_duplex = next_link(links);
    const double raw = 2 * traits.duplex * node.nic_link->bandwidth.as_double();
    for (std::int64_t nic = 0; nic < cluster.nodes * node.nics; ++nic) {
      links.push_back(part(node_prefix(nic / node.nics) + "NIC " + std::to_string(nic % node.nics) +
                               ", both directions",
                           node.nic_link->name, raw * node.nic_link->efficiency, raw));
    }
  }
  any = any || kernel != kNone || message_rate != kNone || incast != kNone || nic_duplex != kNone;
}

void SharedParts::add_inside(int nodes, const Topology& topology,
                             std::span<const LinkTraits> traits, std::vector<Fabric::Link>& links) {
  duplex_of_link.assign(traits.size(), kNone);
  std::map<std::pair<int, int>, std::vector<int>> waiting;  // by ends: links without an opposite
  std::vector<Fabric::Link> pairs;
  for (std::size_t l = 0; l < traits.size(); ++l) {
    if (traits[l].duplex >= 1) continue;
    const TopologyLink& link = topology.links()[l];
    std::vector<int>& opposite = waiting[{link.to, link.from}];
    if (opposite.empty()) {
      waiting[{link.from, link.to}].push_back(static_cast<int>(l));
      continue;
    }
    duplex_of_link[l] = static_cast<int>(pairs.size());
    duplex_of_link[static_cast<std::size_t>(opposite.back())] = duplex_of_link[l];
    opposite.pop_back();
    const double raw = 2 * traits[l].duplex * link.spec.bandwidth.as_double() * link.bundle;
    pairs.push_back(
        part(link.name + ", both directions", link.spec.name, raw * link.spec.efficiency, raw));
  }
  if (pairs.empty()) return;
  any = true;
  node_duplex = next_link(links);
  duplex_per_node = static_cast<int>(pairs.size());
  for (int node = 0; node < nodes; ++node) {
    for (Fabric::Link pair : pairs) {
      pair.name = node_prefix(node) + pair.name;
      links.push_back(std::move(pair));
    }
  }
}

void SharedParts::add_host(int devices, double duplex, std::size_t host_base,
                           std::vector<Fabric::Link>& links) {
  if (duplex >= 1) return;
  any = true;
  host_duplex = next_link(links);
  for (int device = 0; device < devices; ++device) {
    const Fabric::Link& out = links[host_base + 2 * static_cast<std::size_t>(device)];
    links.push_back(part(out.name + ", both directions", out.kind, 2 * duplex * out.capacity,
                         2 * duplex * out.raw_capacity));
  }
}

void SharedParts::append_of_nics(int from, int to, int nics_per_node,
                                 std::vector<int>& route) const {
  if (kernel != kNone) {
    route.push_back(kernel + from / nics_per_node);
    route.push_back(kernel + to / nics_per_node);
  }
  if (message_rate != kNone) {
    route.push_back(message_rate + 2 * from);
    route.push_back(message_rate + 2 * to + 1);
  }
  if (incast != kNone) route.push_back(incast + to);
  if (nic_duplex != kNone) {
    route.push_back(nic_duplex + from);
    route.push_back(nic_duplex + to);
  }
}

}  // namespace orrery
