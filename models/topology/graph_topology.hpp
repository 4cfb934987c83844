#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "models/topology/topology.hpp"

namespace orrery {

/// A topology given as a directed graph, for shapes without a routing rule of their own. Routes
/// have the fewest hops; among equally short ones every vertex on the way chooses by the flow hash,
/// as switches with equal-cost multi-path routing do (RFC 2992). Left out: weights and adaptive
/// routing.
///
/// An endpoint that hangs on one switch by one link each way is a leaf of the graph and needs no
/// search: its routes are those of the switch with its own link added. Kept are distances between
/// switches only, one row for each switch that was ever a destination.
///
/// One object serves one thread, as routes are computed when they are first asked for.
class GraphTopology final : public Topology {
 public:
  explicit GraphTopology(int endpoints);
  ~GraphTopology() override;

  /// Room for so many links, for who knows.
  void reserve_links(std::size_t count);
  /// A switch. Returns its vertex.
  int add_vertex();
  /// One direction; both vertices exist and differ. Returns its index. Also parallel links are
  /// choices of a flow.
  int add_link(TopologyLink link);
  /// Both directions with the same spec and bundle; `a` and `b` are also the names of the vertices.
  struct End {
    int vertex;
    const std::string& name;
  };
  void add_both_ways(End a, End b, const LinkSpec& spec, double bundle, int dimension = -1);

  /// Says where NICs and the host's memory are, at vertices that exist.
  void set_node_ports(NodePorts ports);

  int endpoints() const override;
  int vertices() const override;
  std::span<const TopologyLink> links() const override;
  /// Requires that a path exists.
  void append_route(int from, int to, std::uint64_t flow_hash,
                    std::vector<int>& route) const override;
  void append_next_links(int vertex, int destination, std::vector<int>& links) const override;
  const NodePorts* node_ports() const override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// "node 2, NIC 1" between nodes (endpoints bring their own link), "device 3" inside a node,
/// "uplink 0" of those that lead out of a part.
std::string endpoint_name(const TopologySite& site, int endpoint);

}  // namespace orrery
