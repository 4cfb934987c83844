#pragma once

#include <vector>

#include "models/topology/routing.hpp"
#include "tests/property/random_cluster.hpp"

namespace orrery {

struct LinkEnds {
  int from = 0;
  int to = 0;
};

/// Where the links of a fabric lead, which a Fabric itself does not say. Vertices: the devices, the
/// switches of every node, the NICs, the cluster's switches. The order of links is that of
/// models/fabric.cpp; FabricVertices.RoutesAreContiguous holds this against the routes.
class ClusterVertices {
 public:
  explicit ClusterVertices(const ClusterSpec& cluster)
      : count_(static_cast<int>(cluster.device_count())) {
    const int nodes = static_cast<int>(cluster.nodes);
    const int devices = static_cast<int>(cluster.node.devices);
    const int nics = static_cast<int>(cluster.node.nics);
    if (devices > 1) {
      const TopologySite site{.endpoints = devices, .endpoint_link = std::nullopt};
      const auto node = topology_of(cluster.node.fabric, site);
      for (int n = 0; n < nodes; ++n) append(*node, n * devices, take(*node));
    }
    if (nodes == 1) return;
    const int first_nic = count_;
    count_ += nodes * nics;
    for (int device = 0; device < nodes * devices; ++device) {
      const int nic = first_nic + device / devices * nics + device % devices * nics / devices;
      ends_.push_back({device, nic});
      ends_.push_back({nic, device});
    }
    const TopologySite site{.endpoints = nodes * nics,
                            .endpoints_per_node = nics,
                            .endpoint_link = cluster.node.nic_link};
    const auto between = topology_of(*cluster.fabric, site);
    append(*between, first_nic, take(*between));
  }

  int count() const { return count_; }
  const std::vector<LinkEnds>& ends() const { return ends_; }  // by link of the fabric

 private:
  static std::unique_ptr<Topology> topology_of(const JsonValue& section, const TopologySite& site) {
    Diagnostics diagnostics;
    const auto registry = topologies_with_drawn();
    JsonCursor cursor(section, diagnostics);
    const std::string kind = cursor.at("kind").as_string();
    read_routing(cursor);  // whatever it is, the links are the same, as where switches add
    cursor.find("in_network_reduction");
    TopologySite with_kinds = site;
    with_kinds.kinds = &registry;
    auto topology = registry.find(kind)->make(cursor, with_kinds);
    diagnostics.throw_if_any();
    return topology;
  }

  /// Numbers for its switches; the first of them.
  int take(const Topology& topology) {
    const int first = count_;
    count_ += topology.vertices() - topology.endpoints();
    return first;
  }
  void append(const Topology& topology, int first_endpoint, int first_switch) {
    const auto vertex = [&](int v) {
      return v < topology.endpoints() ? first_endpoint + v
                                      : first_switch + v - topology.endpoints();
    };
    for (const TopologyLink& link : topology.links()) {
      ends_.push_back({vertex(link.from), vertex(link.to)});
    }
  }

  int count_;
  std::vector<LinkEnds> ends_;
};

}  // namespace orrery
