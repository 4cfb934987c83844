// Groups of leaves and spines, every leaf of a group joined to every spine of it; spines have the
// global links, so that every two groups are joined.
//
//     == [spine] [spine] ==      global_link, global_links_per_spine each
//          |   \ /   |           link
//          |   / \   |
//        [leaf]   [leaf]
//         |  |     |  |          endpoints_per_router
//
// As many groups as the endpoints need. Source: Shpiner, Haramaty, Eliad, Zdornov, Gafni and
// Zahavi, "Dragonfly+: low cost topology for scaling datacenters", HiPINEB 2017, §II. The order of
// the global links is ours (models/topology/groups.hpp). Left out: its own adaptive routing;
// "adaptive" and "ugal" are near to it.
#include <string>

#include "models/topology/builtin.hpp"
#include "models/topology/grid.hpp"
#include "models/topology/groups.hpp"

namespace orrery {

std::unique_ptr<Topology> make_dragonfly_plus(JsonCursor parameters, const TopologySite& site) {
  constexpr CountRange kCount = {.minimum = 1, .maximum = 1'000};
  const LinkSpec link = read_link(parameters.at("link"));
  const LinkSpec global = read_link(parameters.at("global_link"));
  parameters.at("endpoints_per_router");
  const Attachment attachment = read_attachment(parameters, site, link);
  const std::int64_t leaves = parameters.at("leaves_per_group").as_count(kCount);
  const std::int64_t spines = parameters.at("spines_per_group").as_count(kCount);
  const std::int64_t per_spine = parameters.at("global_links_per_spine").as_count(kCount);
  parameters.reject_unknown_keys();
  if (!parameters.diagnostics().empty()) return nullptr;

  const std::int64_t used = attachment.routers_for(site.endpoints);
  const std::int64_t groups = (used + leaves - 1) / leaves;
  const std::int64_t ports = spines * per_spine;
  if (groups > ports + 1) {
    parameters.error(std::to_string(groups) + " groups need " + std::to_string(groups - 1) +
                     " global links each, here are " + std::to_string(ports));
  }
  allow_links(parameters, 2.0 * static_cast<double>(groups) *
                                  static_cast<double>(spines * (leaves + per_spine)) +
                              2.0 * site.endpoints);
  if (!parameters.diagnostics().empty()) return nullptr;

  auto topology = std::make_unique<GraphTopology>(site.endpoints);
  const Routers of(*topology, site, attachment, groups * leaves);
  std::vector<std::string> names;
  for (std::int64_t spine = 0; spine < groups * spines; ++spine) {
    names.push_back("spine " + std::to_string(spine));
  }
  std::vector<std::vector<GraphTopology::End>> ends(static_cast<std::size_t>(groups));
  for (std::int64_t spine = 0; spine < groups * spines; ++spine) {
    const std::int64_t group = spine / spines;
    const GraphTopology::End end{topology->add_vertex(), names[static_cast<std::size_t>(spine)]};
    for (std::int64_t leaf = group * leaves; leaf < (group + 1) * leaves; ++leaf) {
      topology->add_both_ways(of[leaf], end, link, 1);
    }
    for (std::int64_t port = 0; port < per_spine; ++port) {
      ends[static_cast<std::size_t>(group)].push_back(end);
    }
  }
  join_groups(*topology, ends, global);
  return topology;
}

}  // namespace orrery
