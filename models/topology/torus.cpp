// Routers in a grid of any number of dimensions, joined to the neighbours along each; the ends are
// joined too, unless "wrap_around" is false (a mesh). Source: Dally and Towles, Principles and
// Practices of Interconnection Networks, 2004, §5.1. Left out: twisted tori, and the optical
// switches with which a TPU pod is cut into slices.
//
//   r0 = r1 = r2 =      the first dimension varies fastest
//   ||   ||   ||
//   r3 = r4 = r5 =
//   ||   ||   ||
#include "models/topology/builtin.hpp"
#include "models/topology/grid.hpp"

namespace orrery {

std::unique_ptr<Topology> make_torus(JsonCursor parameters, const TopologySite& site) {
  const std::vector<std::int64_t> sizes = read_dimensions(parameters);
  JsonCursor wrap = parameters.find("wrap_around");
  const Join join = !wrap.present() || wrap.as_boolean() ? Join::ring : Join::line;
  return make_grid(parameters, site, sizes, join);
}

}  // namespace orrery
