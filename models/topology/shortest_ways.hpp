#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "models/topology/topology.hpp"

namespace orrery {

/// The ways with the fewest hops between vertices of a graph, found when they are first asked for
/// (breadth-first, back from the destination). Kept is one row for each destination that a search
/// had to go far for: the hops from every vertex, and the links that lead on from those that asked.
class ShortestWays {
 public:
  /// `is_left_out`: vertices without which the graph is to be. Takes over indices of `links`.
  ShortestWays(int vertices, std::span<const TopologyLink> links,
               const std::function<bool(int)>& is_left_out);
  ~ShortestWays();

  /// Links from one vertex to another, none of them left out; among equally short ways every vertex
  /// chooses by the hash. Requires that a way exists.
  void append_route(int from, int to, std::uint64_t flow_hash, std::vector<int>& route);
  /// The links of `vertex` that lead on to `destination`; none where there is no way.
  void append_next(int vertex, int destination, std::vector<int>& next);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace orrery
