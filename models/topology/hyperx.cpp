// Routers in a grid; along each dimension every two are joined. One dimension is a full mesh of
// routers, dimensions of two make a hypercube. Source: Ahn, Binkert, Davis, McLaren and Schreiber,
// "HyperX: topology, routing, and packaging of efficient large-scale networks", SC 2009, §2. Left
// out: a number of links of its own for each dimension.
#include "models/topology/builtin.hpp"
#include "models/topology/grid.hpp"

namespace orrery {

std::unique_ptr<Topology> make_hyperx(JsonCursor parameters, const TopologySite& site) {
  const std::vector<std::int64_t> sizes = read_dimensions(parameters);
  return make_grid(parameters, site, sizes, Join::all);
}

}  // namespace orrery
