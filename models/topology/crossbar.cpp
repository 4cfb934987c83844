// One switch that never blocks; every endpoint hangs on it by a bundle of links.
//
//   e0   e1   e2  …
//    \\  ||  //        links_per_device links each, both directions
//     [switch]
//
// Between nodes the links are the NIC ports, unless "link" says otherwise. Leaves out what happens
// inside the switch: several NVSwitch chips side by side are one.
#include <string>
#include <utility>

#include "models/topology/builtin.hpp"
#include "models/topology/graph_topology.hpp"

namespace orrery {

std::unique_ptr<Topology> make_crossbar(JsonCursor parameters, const TopologySite& site) {
  constexpr CountRange kLinks = {.minimum = 1, .maximum = 1'000};
  const bool brings_link = site.endpoint_link.has_value();
  LinkSpec link;
  if (!brings_link || parameters.has("link")) {
    link = read_link(parameters.at("link"));
  } else {
    link = *site.endpoint_link;
  }
  std::int64_t links_per_device = 1;
  if (!brings_link || parameters.has("links_per_device")) {
    links_per_device = parameters.at("links_per_device").as_count(kLinks);
  }
  parameters.reject_unknown_keys();
  if (!parameters.diagnostics().empty()) {
    return nullptr;
  }

  auto topology = std::make_unique<GraphTopology>(site.endpoints);
  topology->reserve_links(2 * static_cast<std::size_t>(site.endpoints));
  const int hub = topology->add_vertex();
  const std::string hub_name = "switch";
  for (int endpoint = 0; endpoint < site.endpoints; ++endpoint) {
    const std::string name = endpoint_name(site, endpoint);
    topology->add_both_ways({endpoint, name}, {hub, hub_name}, link,
                            static_cast<double>(links_per_device));
  }
  return topology;
}

}  // namespace orrery
