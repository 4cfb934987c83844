// 2^n routers; those whose numbers differ in one bit are joined. Source: Dally and Towles,
// Principles and Practices of Interconnection Networks, 2004, §5.1 (a 2-ary n-cube).
#include <bit>

#include "models/topology/builtin.hpp"
#include "models/topology/grid.hpp"

namespace orrery {

std::unique_ptr<Topology> make_hypercube(JsonCursor parameters, const TopologySite& site) {
  const std::int64_t routers =
      read_attachment(parameters, site, LinkSpec{}).routers_for(site.endpoints);
  const auto count = static_cast<std::uint64_t>(routers);
  if (!std::has_single_bit(count)) {
    parameters.error("a hypercube has a power of two of routers, here are " +
                     std::to_string(routers));
  }
  const std::vector<std::int64_t> sizes(static_cast<std::size_t>(std::bit_width(count) - 1), 2);
  return make_grid(parameters, site, sizes, Join::all);
}

}  // namespace orrery
