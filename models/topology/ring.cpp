// Routers in a ring, joined to both neighbours.
//
//   r0 = r1 = r2
//   ||        ||
//   r5 = r4 = r3
#include "models/topology/builtin.hpp"
#include "models/topology/grid.hpp"

namespace orrery {

std::unique_ptr<Topology> make_ring(JsonCursor parameters, const TopologySite& site) {
  // Read ahead of make_grid for the size alone; mistakes are reported once.
  const std::int64_t routers =
      read_attachment(parameters, site, LinkSpec{}).routers_for(site.endpoints);
  return make_grid(parameters, site, std::span(&routers, 1), Join::ring);
}

}  // namespace orrery
