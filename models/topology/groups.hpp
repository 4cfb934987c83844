#pragma once

#include <span>
#include <vector>

#include "models/topology/graph_topology.hpp"

namespace orrery {

/// Joins groups of a dragonfly. `ports[g]` are the vertices at the global ports of group g, equally
/// many in each. Port r·(n-1) + o - 1 of group g leads to group (g + o) mod n, so that every two of
/// the n groups have equally many links; ports of the last round that is not full stay empty. Links
/// between the same two vertices are one bundle. Requires n - 1 ports or more.
void join_groups(GraphTopology& topology, std::span<const std::vector<GraphTopology::End>> ports,
                 const LinkSpec& link);

}  // namespace orrery
