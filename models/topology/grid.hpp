#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "models/topology/graph_topology.hpp"

namespace orrery {

/// How endpoints meet the routers of a network without a switch hierarchy. Inside a node the
/// endpoints are the routers, unless "endpoints_per_router" says otherwise; between nodes a router
/// stands before the NICs of one node, or of "endpoints_per_router" NICs.
struct Attachment {
  std::int64_t per_router = 0;  // 0: the endpoints themselves are the routers
  LinkSpec link;                // from an endpoint to its router, unless it is one

  std::int64_t routers_for(std::int64_t endpoints) const {
    return per_router == 0 ? endpoints : (endpoints + per_router - 1) / per_router;
  }
};
/// `link`: of endpoints that bring none.
Attachment read_attachment(JsonCursor& parameters, const TopologySite& site, const LinkSpec& link);

/// The routers of a topology under construction, with the endpoints on them: router r has endpoints
/// r·per_router and on.
class Routers {
 public:
  Routers(GraphTopology& topology, const TopologySite& site, const Attachment& attachment,
          std::int64_t count);
  int count() const { return static_cast<int>(names_.size()); }
  GraphTopology::End operator[](std::int64_t router) const {
    const auto index = static_cast<std::size_t>(router);
    return {vertices_[index], names_[index]};
  }

 private:
  std::vector<int> vertices_;
  std::vector<std::string> names_;
};

/// How the routers that differ in one coordinate only are joined.
enum class Join { line, ring, all };

/// Routers in a grid, the first coordinate varying fastest; links know their dimension. A ring of
/// two is one bundle. Reads "link", "links_per_pair" and the attachment from `parameters`, whose
/// other keys are known by then; null after mistakes.
std::unique_ptr<Topology> make_grid(JsonCursor& parameters, const TopologySite& site,
                                    std::span<const std::int64_t> sizes, Join join);
/// "dimensions": so many routers along each.
std::vector<std::int64_t> read_dimensions(JsonCursor& parameters);

/// More links than this are refused before any is made: half a GiB of them.
inline constexpr std::int64_t kMaximumTopologyLinks = 2'000'000;
/// False after a report that there would be too many.
bool allow_links(JsonCursor& parameters, double count);

}  // namespace orrery
