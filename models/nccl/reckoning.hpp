#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "models/nccl/work.hpp"
#include "sim/base/json_cursor.hpp"

namespace orrery {

/// One of the graphs that NCCL searches for before it runs anything, as its log says with
/// NCCL_DEBUG=INFO ("Pattern 4, …, nChannels 2, bw 12.000000/12.000000"): channels that leave a
/// node, each by an adapter of its own, and what NCCL reckons that one carries. Two nodes are
/// reckoned with the second of the two figures, that inside a node, more with the first. A channel
/// of a ring may come in and leave by one adapter while one of a tree has one up and one down.
struct NcclGraph {
  int channels = 0;      // 0: one for each adapter
  double bandwidth = 0;  // bytes/s of a channel; 0: that of an adapter
  int adapters = 0;  // of those that a device has (nic_bonding), by which a channel goes; 0: all
};

/// What NCCL reckons with between nodes, rings and trees apart, by which it chooses; the key
/// "between_nodes" of a tuning. Over h messages one after the other, c of which leave a node:
///
///   t = plateau · (launch + (h - c) · step + c · between) + b / (share · correction · B)
///
/// b: what a node sends, 2 (n-1)/n S around a ring and 2 S up and down trees; B: all channels of
/// the graph; c: 2 (nodes - 1) and 2 log2(nodes); correction: of trees, by size, that of 64 B · 2^i
/// in place i. Source: NCCL, src/graph/tuning.cc (recalled).
struct NcclReckoning {
  struct Protocol {
    Duration launch;
    Duration step;
    Duration between;
    double share = 1;
    double plateau = 1;
    std::vector<double> correction;  // empty: none
  };
  using Protocols = std::array<Protocol, 3>;
  Protocols ring;
  Protocols tree;
  bool ll128 = true;  // whether it is taken at all: adapters have to be near the devices

  /// Seconds of `work` on a buffer of `size` by a graph that carries `bandwidth`, bytes/s.
  double seconds(std::size_t protocol, const NcclWork& work, Bytes size, double bandwidth) const;
};

NcclReckoning read_nccl_reckoning(JsonCursor cursor);
/// "graphs" of a scenario's collectives: {"ring": {"channels": 2, "bandwidth": "12 GB/s"}, …}; both
/// keys of both may be absent, and so may "adapters", at most as many as are `bonded`.
struct NcclGraphs {
  NcclGraph ring;
  NcclGraph tree;
};
NcclGraphs read_nccl_graphs(JsonCursor cursor, std::int64_t bonded);

}  // namespace orrery
