// Groups of routers: in a group every two are joined, and every two groups have as many links as
// the global ports allow.
//
//    group 0          group 1         a group acts as one router of many ports
//   r0 -- r1 ======= r4 -- r5
//   | \  / |         | \  / |         =====  global_link
//   r2 -- r3 ==      r6 -- r7 ==      -----  link
//    |  |                             endpoints_per_router
//
// As many groups as the endpoints need, the last one with empty routers. Source: Kim, Dally, Scott
// and Abts, "Technology-driven, highly-scalable dragonfly topology", ISCA 2008, §3 (p, a and h are
// endpoints_per_router, routers_per_group and global_links_per_router; at most a·h + 1 groups). The
// order of the global links is ours (models/topology/groups.hpp). Its global adaptive routing
// (§4.2) is "ugal".
#include "models/topology/builtin.hpp"
#include "models/topology/grid.hpp"
#include "models/topology/groups.hpp"

namespace orrery {

std::unique_ptr<Topology> make_dragonfly(JsonCursor parameters, const TopologySite& site) {
  constexpr CountRange kCount = {.minimum = 1, .maximum = 1'000};
  const LinkSpec link = read_link(parameters.at("link"));
  const LinkSpec global = read_link(parameters.at("global_link"));
  parameters.at("endpoints_per_router");  // needed, inside a node too
  const Attachment attachment = read_attachment(parameters, site, link);
  const std::int64_t per_group = parameters.at("routers_per_group").as_count(kCount);
  const std::int64_t per_router = parameters.at("global_links_per_router").as_count(kCount);
  parameters.reject_unknown_keys();
  if (!parameters.diagnostics().empty()) return nullptr;

  const std::int64_t routers = attachment.routers_for(site.endpoints);
  const std::int64_t groups = (routers + per_group - 1) / per_group;
  const std::int64_t ports = per_group * per_router;
  if (groups > ports + 1) {
    parameters.error(std::to_string(groups) + " groups need " + std::to_string(groups - 1) +
                     " global links each, here are " + std::to_string(ports));
  }
  allow_links(parameters, static_cast<double>(groups) * static_cast<double>(per_group) *
                                  static_cast<double>(per_group + per_router) +
                              2.0 * site.endpoints);
  if (!parameters.diagnostics().empty()) return nullptr;

  auto topology = std::make_unique<GraphTopology>(site.endpoints);
  const Routers of(*topology, site, attachment, groups * per_group);
  std::vector<std::vector<GraphTopology::End>> ends(static_cast<std::size_t>(groups));
  for (std::int64_t router = 0; router < groups * per_group; ++router) {
    const std::int64_t group = router / per_group;
    for (std::int64_t other = router + 1; other < (group + 1) * per_group; ++other) {
      topology->add_both_ways(of[router], of[other], link, 1);
    }
    for (std::int64_t port = 0; port < per_router; ++port) {
      ends[static_cast<std::size_t>(group)].push_back(of[router]);
    }
  }
  join_groups(*topology, ends, global);
  return topology;
}

}  // namespace orrery
