#pragma once

#include <cstddef>

#include "models/topology/topology.hpp"

namespace orrery {

/// What can be said of a shape, whatever travels through it. Bandwidths are raw, in bytes/s and one
/// direction.
struct TopologyFigures {
  int endpoints = 0;
  int switches = 0;
  std::size_t links = 0;  // of one direction each; a bundle is one
  int diameter = 0;       // hops of the longest of the shortest ways between two endpoints
  double mean_hops = 0;   // over all pairs of different endpoints
  /// Greatest flow from the first half of the endpoints (rounded down) to the rest, in the order
  /// that makes it least: by index, by switch, or in a grid along a dimension. The bisection where
  /// the shape is regular and the halves are its halves; finding the least over all halves is
  /// NP-hard (Garey, Johnson and Stockmeyer, Theoretical Computer Science 1(3), 1976, §2).
  double bisection = 0;
  /// What that half can send over that flow: 1 where nothing holds it back.
  double oversubscription = 1;
};

/// Requires an endpoint or more, and ways between all.
TopologyFigures figures_of(const Topology& topology);

}  // namespace orrery
