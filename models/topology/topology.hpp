#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hw/spec.hpp"
#include "sim/base/json_cursor.hpp"
#include "sim/base/registry.hpp"

namespace orrery {

/// One direction of a link between two vertices of a topology.
struct TopologyLink {
  int from = 0;
  int to = 0;
  LinkSpec spec;       // of one link
  double bundle = 1;   // so many links side by side, used as one (a share of one when below 1)
  std::string name;    // "device 3 -> switch"
  int dimension = -1;  // along which it leads, where vertices stand in a grid; else -1
};

/// What part of a flow goes over a link.
struct LinkShare {
  int link = 0;
  double share = 1;
};

/// How loaded each link of a topology is, for routings that adapt: messages on it now, by the
/// bytes/s that it carries. 0: idle.
using LinkLoads = std::function<double(int link)>;

/// In a node whose topology holds more than its devices: the vertices of its NICs, by NIC, and
/// those by which its devices reach the host's memory, by device.
struct NodePorts {
  std::vector<int> nics;
  std::vector<int> hosts;
};

/// The shape of a network: vertices 0 … endpoints()-1 are what traffic comes from and goes to, the
/// rest are switches. Knows neither time nor load.
class Topology {
 public:
  virtual ~Topology() = default;
  virtual int endpoints() const = 0;
  virtual int vertices() const = 0;
  virtual std::span<const TopologyLink> links() const = 0;
  /// Appends indices into links(), in order of travel; nothing when from == to. Equal arguments,
  /// equal route. `flow_hash` chooses among equally good routes.
  virtual void append_route(int from, int to, std::uint64_t flow_hash,
                            std::vector<int>& route) const = 0;
  std::vector<int> route(int from, int to, std::uint64_t flow_hash) const {
    std::vector<int> result;
    append_route(from, to, flow_hash, result);
    return result;
  }
  /// Appends the links that begin a way of fewest hops from `vertex` to the endpoint or switch
  /// `destination`, in order of index; none when there is no way. What routings choose from; a
  /// topology without it (its own routing rule says all) takes no other routing.
  virtual void append_next_links(int vertex, int destination, std::vector<int>& links) const;
  /// True when a flow takes several ways at once. append_shares then says how much of it each link
  /// carries: each link once, hop by hop from the source, so that the shares of a hop sum to 1.
  /// append_route gives one of the ways.
  virtual bool spreads() const { return false; }
  virtual void append_shares(int from, int to, std::uint64_t flow_hash,
                             std::vector<LinkShare>& shares) const;
  /// True when a message's route depends on what is under way when it starts: append_adapted_route
  /// then gives it, and append_route the one of an idle network. `ways` is what to choose next
  /// links from: this topology, or what failures left of it.
  virtual bool adapts() const { return false; }
  virtual void append_adapted_route(int from, int to, std::uint64_t flow_hash,
                                    const LinkLoads& loads, const Topology& ways,
                                    std::vector<int>& route) const;
  /// Null where NICs and host memory are no part of it.
  virtual const NodePorts* node_ports() const { return nullptr; }
};

struct TopologySite;
/// Reads its own parameters from the resolved "fabric" object (all keys but "kind"); mistakes go to
/// the cursor's diagnostics, and then the result may be null.
using TopologyFactory = std::unique_ptr<Topology> (*)(JsonCursor parameters,
                                                      const TopologySite& site);

/// What a topology connects. In a node: its devices; between nodes: their NICs, NIC k of node n
/// being endpoint n·endpoints_per_node + k.
struct TopologySite {
  int endpoints = 0;
  int endpoints_per_node = 1;
  std::optional<LinkSpec> endpoint_link;  // the NIC port, where an endpoint brings its own
  const Registry<TopologyFactory>* kinds = nullptr;  // for a topology that is made of others
  // In a part of such a topology the last endpoints lead out of it.
  int uplinks = 0;
  // What the names of endpoints are made of.
  std::string member = "node";
  std::string port = "NIC";
  // In a node: its NICs, and the link to each, for a topology that says where these hang.
  int nics = 0;
  std::optional<LinkSpec> nic_slot = std::nullopt;
};

Registry<TopologyFactory> builtin_topologies();

}  // namespace orrery
