#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "models/fabric.hpp"
#include "models/route_store.hpp"
#include "models/spread_store.hpp"
#include "models/topology/surviving.hpp"
#include "models/transports.hpp"

namespace orrery {
// Links stand in this order:
//   node 0's topology, node 1's, …            node_links each
//   device 0 -> NIC, NIC -> device 0, …       from host_base, in the order of devices; none where
//                                             the node's topology holds the NICs (NodePorts)
//   the cluster's topology                    from cluster_base
//   what messages share besides               where SharedParts says
//   for the host, where there is no NIC, and the node's topology does not lead there:
//   device 0 -> host, host -> device 0, …     from host_base, which then comes here
//   memory of node 0's host, node 1's, …      from memory_base
struct Fabric::Impl {
  Impl(const ClusterSpec& spec, const Registry<LinkFactory>& link_kinds)
      : nodes(spec.nodes),
        node_devices(spec.node.devices),
        nics(spec.node.nics),
        nic_of_device(spec.node.nic_of_device),
        bonding(spec.node.nic_bonding),
        staged(!spec.node.gpu_direct),
        by_host(!spec.node.peer_to_peer),
        transports(spec, link_kinds) {}

  std::int64_t nodes = 0;
  std::int64_t node_devices = 0;
  std::int64_t nics = 0;
  std::vector<int> nic_of_device;  // empty: blocks
  std::int64_t bonding = 1;
  bool staged = false;
  bool by_host = false;  // devices of a node reach each other through its host's memory
  Transports transports;
  std::unique_ptr<Topology> node;     // null when a node is one device
  const NodePorts* inside = nullptr;  // of it: where it holds the NICs and leads to the host
  std::unique_ptr<Topology> cluster;  // null when there is one node
  bool node_adds = false;             // switches inside the nodes add, or those between them
  bool network_adds = false;
  std::vector<Link> links;
  std::vector<Port> ports;  // by device
  std::size_t node_links = 0;
  std::size_t host_base = 0;
  std::size_t cluster_base = 0;
  std::size_t host_only = 0;    // the first link that is for the host alone
  std::size_t memory_base = 0;  // at the end: no host memory
  RouteStore routes;
  bool spreads_anywhere = false;
  SpreadStore spread_routes;

  std::int64_t nic_of(std::int64_t device) const {
    if (nic_of_device.empty()) return device * nics / node_devices;
    return nic_of_device[static_cast<std::size_t>(device)];
  }
  /// Reports what does not go together.
  void check_adapters(const NodeSpec& spec, Diagnostics& diagnostics) const;
  void add_links(const NodeSpec& spec);
  void add_host(const ClusterSpec& spec);
  void check_pair(int from, int to) const;
  /// The part of a way that a topology decides.
  struct Leg {
    const Topology* topology;
    std::size_t base;  // of its links
    int from;
    int to;
    std::uint64_t flow_hash;
    bool between_nodes;
  };
  /// The NIC that carries a member's part of a message for this one.
  int bonded(int nic, int member) const {
    const auto group = static_cast<int>(bonding);
    return group == 1 ? nic : nic / group * group + member;
  }
  Leg leg_between(std::int64_t from, std::int64_t to) const;
  void append_route(std::int64_t from, std::int64_t to, std::vector<int>& route) const;
  bool spreads(const Leg& leg) const {
    return leg.topology->spreads() || (leg.between_nodes ? staged || bonding > 1 : by_host);
  }
  bool spreads(std::int64_t from, std::int64_t to) const {
    return spreads_anywhere && spreads(leg_between(from, to));
  }
  void append_way_out(std::int64_t device, std::vector<int>& route) const;
  void append_way_in(std::int64_t device, std::vector<int>& route) const;
  void append_spread(std::int64_t from, std::int64_t to, Spread& spread) const;
  Duration append_between(const Leg& leg, Spread& spread) const;
  void append_staging(std::int64_t from, std::int64_t to, Spread& spread) const;
  void append_by_host(std::int64_t from, std::int64_t to, Spread& spread) const;
  std::vector<int> way_to_host(std::int64_t device) const;
  std::vector<int> way_from_host(std::int64_t device) const;
  /// Between a device and its NIC or host, by a link of its own.
  bool is_host_link(std::size_t link) const {
    const auto count = static_cast<std::size_t>(2 * nodes * node_devices);
    return inside == nullptr && link >= host_base &&
           link < std::min(host_base + count, memory_base) && !links[link].is_part;
  }
  /// The first of these, in a cluster of several nodes; none: SIZE_MAX.
  std::size_t host_links_from() const { return inside == nullptr ? host_base : SIZE_MAX; }
  /// What messages over a link share besides, or SharedParts::kNone.
  int part_of(int link) const;
  void append_parts(std::vector<int>& way) const;
  // Puts before a way what it shares besides.
  void put_parts_before(const Leg& leg, std::size_t begin, std::vector<int>& route) const;
  void put_parts_before(const Leg& leg, Spread& spread) const;
  /// In the node of a device, from a vertex to another.
  void append_inside(std::int64_t device, int from, int to, std::vector<int>& route) const;
  int nic_vertex(std::int64_t device) const {
    return inside->nics[static_cast<std::size_t>(nic_of(device % node_devices))];
  }
  int memory_of(std::int64_t device) const {
    return static_cast<int>(memory_base + static_cast<std::size_t>(device / node_devices));
  }

  // The rest is in fabric_detours.cpp: routes that change while a job runs.
  /// The network that a link is of, and the index of its first link; null for links between
  /// devices, NICs and hosts.
  std::pair<const Topology*, std::size_t> network_of(int link) const;
  bool is_down(std::size_t link) const { return any_down && down[link]; }
  /// The network whose first link is `base`, or what failures left of it.
  const Topology& ways_of(const Topology& whole, std::size_t base) const;
  bool joined(std::size_t base, int from, int to) const;
  // Each appends its part of a way and its latency, or returns false.
  bool append_leg(const Leg& leg, Spread& spread) const;
  bool append_inner_leg(std::int64_t device, int from, int to, Spread& spread) const;
  bool append_out(std::int64_t device, std::int64_t nic, Spread& spread) const;
  bool append_in(std::int64_t nic, std::int64_t device, Spread& spread) const;
  bool append_by_nics(std::int64_t from, std::int64_t to, Spread& spread) const;
  bool append_living(std::int64_t from, std::int64_t to, Spread& spread) const;
  Route living_route(int from, int to);

  bool adapts = false;  // a routing does
  bool any_down = false;
  std::size_t down_count = 0;
  std::vector<bool> down;                      // by link; empty before the first failure
  std::map<std::size_t, Surviving> survivors;  // of networks with a link down, by their first link
  SpreadStore detours;                         // while links are down and nothing adapts
  Spread adapted;                              // the last route, where routings adapt
  const LinkLoads* loads = nullptr;
};
}  // namespace orrery
