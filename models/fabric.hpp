#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hw/spec.hpp"
#include "models/link/link_model.hpp"
#include "models/topology/topology.hpp"

namespace orrery {

class Transports;

/// All links of a cluster and the routes between its devices: in each node the node's topology;
/// from a device over its host link to a NIC (device d of a node uses NIC d·nics/devices, rounded
/// down); between NICs the cluster's topology, whose endpoint n·nics + k is NIC k of node n and
/// whose endpoint link is the node's nic_link. Where a node has host memory, its devices reach it
/// over their host links, each by itself: switches that devices share on the way are left out.
/// Unless the node's topology holds the NICs and leads to the host (NodePorts, as pcie_tree does):
/// then these ways go through it, and are shared as it says.
///
/// Links can fail and come back while a job runs. Ways are then those of what is left of each
/// network (models/topology/surviving.hpp). A device whose adapter is cut off leaves by the nearest
/// adapter of its node that is not, and two devices that their node no longer joins meet over
/// their adapters; devices do not forward for others, but where a topology has them do so.
///
/// What messages share besides (SharedParts) are links too, at the beginning of a route.
///
/// A node key `nic_of_device` says which NIC a device uses instead. With `nic_bonding` b a message
/// is divided evenly among b NICs: those of a group of b in a row, to the same ones of the other
/// node's group. Without `gpu_direct` a message between nodes also crosses the memory of both
/// hosts, written and read (share 2), as one activity: the copies follow each other in pieces so
/// small that only the latency of the two more host links is added. Bonding and staging are not
/// there where the node's topology holds the NICs, nor bonding where routings adapt. Without
/// `peer_to_peer` a message inside a node goes to the memory of its host and from there to the
/// other device, written and read there (share 2), as one activity, over the two devices' ways to
/// the host and no other link.
class Fabric {
 public:
  struct Link {
    std::string name;         // "node 2, device 3 -> switch"
    std::string kind;         // name of its link spec: "nvlink4"
    double capacity = 0;      // bytes/s that payload can use: bandwidth × bundle × efficiency
    double raw_capacity = 0;  // bytes/s: bandwidth × bundle
    Duration latency;
    int model = 0;                 // inside a node: which of Transports; 0: it adds nothing
    bool is_part = false;          // what messages share besides links (SharedParts)
    bool counts_messages = false;  // capacity is in messages/s
  };
  struct Route {
    std::span<const int> links;  // indices into links(); valid until the next call of route
    Duration latency;            // sum over the links, on the slowest way of several
    // Where a flow takes several ways: what part of it each link carries; else empty, all of it.
    std::span<const double> shares{};
  };

  /// Mistakes in the fabric sections go to `diagnostics`. With any there, also those of a cluster
  /// that was read with mistakes, nothing is built and the result is null. Throws LimitError when
  /// there would be too many links.
  static std::unique_ptr<Fabric> build(const ClusterSpec& cluster,
                                       const Registry<TopologyFactory>& topologies,
                                       Diagnostics& diagnostics,
                                       const Registry<LinkFactory>& link_kinds = builtin_links());
  ~Fabric();

  /// What the links that begin or end at a device carry together, raw, in bytes/s.
  struct Port {
    double out = 0;
    double in = 0;
  };

  /// Makes a link worse than its spec: `capacity` in (0, 1] of what it carried, `latency` times as
  /// long, and what both directions share by as much. Before any route is asked for. Ports stay as
  /// they were: what they say is an upper bound.
  void degrade(int link, double capacity, double latency);

  /// Takes a link out of service, or puts it back. From then on route() goes around it.
  void set_up(int link, bool up);
  /// Whether a way leads from one device to another. Only failures can take it away.
  bool joins(int from, int to) const;
  /// Why no link may go down here; "" where any may.
  std::string failure_refusal() const;
  /// Whether a routing adapts: route() then depends on the loads.
  bool adapts() const;
  /// What routings that adapt are told, by index into links(); null: all links are idle. Borrowed.
  void set_loads(const LinkLoads* loads);
  /// Whether route() may give another way each time: loads are told.
  bool is_live() const;

  /// Of a device: the number of its node, and of the adapter there by which it leaves it.
  struct Place {
    int node = 0;
    int nic = 0;
  };

  int devices() const;
  Place place(int device) const;
  /// Whether a link is one of a node's own topology, or of the ways that stand in its place.
  bool inside_node(int link) const;
  Port port(int device) const;
  std::span<const Link> links() const;
  /// Between nodes computed once per pair and kept. Requires from != to and joins(from, to). The
  /// flow hash is that of the pair.
  Route route(int from, int to);
  /// The same links, appended; nothing is kept. For who asks for many routes once. With spreads()
  /// also `shares` are, one a link. Of the fabric as it was built, whatever is down; where routings
  /// adapt, of an idle network.
  void append_route(int from, int to, std::vector<int>& route,
                    std::vector<double>* shares = nullptr) const;
  /// Whether there are routes of several ways.
  bool spreads() const;
  /// Whether the switches inside the nodes, or between them, add and copy what passes through them:
  /// the key "in_network_reduction" of a fabric section, where there are switches.
  bool node_adds() const;
  bool network_adds() const;
  /// What a fabric section describes, for who asks about one alone: null when there is none, or
  /// when nothing travels through it.
  const Topology* node_topology() const;
  const Topology* cluster_topology() const;

  /// How messages travel over these links.
  const Transports& transports() const;

  bool has_host() const;
  /// From a device to the memory of its node's host, which is a link too, of kind "host_memory",
  /// and back. Requires has_host.
  std::vector<int> to_host(int device) const;
  std::vector<int> from_host(int device) const;
  /// The first of the links that there are only for the host.
  std::size_t first_host_link() const;
  /// Links of the vertex that the first half of some link's name names ("leaf 0", "node 2, NIC 1"),
  /// both directions; none when none does. Of an adapter: its port, not its devices' own links.
  std::vector<int> links_at(const std::string& vertex) const;
  /// Those of a node: inside it, and of its adapters. Requires that there is such a node.
  std::vector<int> links_of_node(int node) const;
  /// The links that lead back over the same cable.
  std::vector<int> reverse(int link) const;
  /// What both directions of a link share, where they share something besides: the link that stands
  /// for it, and the other direction.
  struct BothDirections {
    int part = 0;
    int other = 0;
  };
  std::optional<BothDirections> both_directions(int link) const;

 private:
  struct Impl;
  explicit Fabric(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace orrery
