#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hw/spec.hpp"
#include "models/topology/topology.hpp"

namespace orrery {

/// All links of a cluster and the routes between its devices: in each node the node's topology;
/// from a device over its host link to a NIC (device d of a node uses NIC d·nics/devices, rounded
/// down); between NICs the cluster's topology, whose endpoint n·nics + k is NIC k of node n and
/// whose endpoint link is the node's nic_link.
class Fabric {
 public:
  struct Link {
    std::string name;         // "node 2, device 3 -> switch"
    std::string kind;         // name of its link spec: "nvlink4"
    double capacity = 0;      // bytes/s that payload can use: bandwidth × bundle × efficiency
    double raw_capacity = 0;  // bytes/s: bandwidth × bundle
    Duration latency;
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
                                       Diagnostics& diagnostics);
  ~Fabric();

  /// What the links that begin or end at a device carry together, in bytes/s.
  struct Port {
    double out = 0;
    double in = 0;
  };

  int devices() const;
  Port port(int device) const;
  std::span<const Link> links() const;
  /// Between nodes computed once per pair and kept. Requires from != to. The flow hash is that of
  /// the pair.
  Route route(int from, int to);
  /// The same links, appended; nothing is kept. For who asks for many routes once. With spreads()
  /// also `shares` are, one a link.
  void append_route(int from, int to, std::vector<int>& route,
                    std::vector<double>* shares = nullptr) const;
  /// Whether there are routes of several ways.
  bool spreads() const;
  /// What a fabric section describes, for who asks about one alone: null when there is none, or
  /// when nothing travels through it.
  const Topology* node_topology() const;
  const Topology* cluster_topology() const;

 private:
  struct Impl;
  explicit Fabric(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace orrery
