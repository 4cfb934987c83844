#pragma once

#include <span>
#include <vector>

#include "models/fabric.hpp"
#include "models/link/link_model.hpp"

namespace orrery {

/// What messages share beyond the two directions of the links that they cross. Each of these is a
/// link of the fabric too, which a message crosses besides the others, without latency:
///
///   host kernel       of a node whose adapters speak TCP: what its cores move, of all messages
///   message rate      of a NIC, out and in: messages/s instead of bytes/s
///   receiving         of a NIC: its port, which carries less while several adapters send into it
///   both directions   of a link in a node, of a NIC, or between a device and its NIC or host
struct SharedParts {
  static constexpr int kNone = -1;
  int kernel = kNone;        // node n: kernel + n
  int message_rate = kNone;  // NIC k of the cluster: out + 2k, in + 2k + 1
  int incast = kNone;        // NIC k of the cluster: + k
  int nic_duplex = kNone;    // NIC k of the cluster: + k
  int host_duplex = kNone;   // device d: + d
  int node_duplex =
      kNone;  // of node n: + n · duplex_per_node + duplex_of_link[link of its topology]
  int duplex_per_node = 0;
  std::vector<int> duplex_of_link;
  bool any = false;  // of those that messages between devices use

  /// Adds the first three to `links`, and what both directions of a NIC share: of `nics` in each of
  /// `nodes`.
  void add_adapters(const ClusterSpec& cluster, const LinkTraits& traits,
                    std::vector<Fabric::Link>& links);
  /// Of the pairs of opposite links of a node's topology; `traits` of each of its links.
  void add_inside(int nodes, const Topology& topology, std::span<const LinkTraits> traits,
                  std::vector<Fabric::Link>& links);
  /// Of the links between devices and NICs or hosts, which are at `host_base` of `links`.
  void add_host(int devices, double duplex, std::size_t host_base,
                std::vector<Fabric::Link>& links);

  /// Appends what a message from one NIC to another of the cluster uses. A kernel may be named for
  /// several NICs of its node.
  void append_of_nics(int from, int to, int nics_per_node, std::vector<int>& route) const;
  int of_host_link(int device) const { return host_duplex == kNone ? kNone : host_duplex + device; }
  /// What belongs to a link of the topology of `node`, or kNone.
  int of_inside(int node, int link) const {
    if (node_duplex == kNone) return kNone;
    const int pair = duplex_of_link[static_cast<std::size_t>(link)];
    return pair == kNone ? kNone : node_duplex + node * duplex_per_node + pair;
  }
};

}  // namespace orrery
