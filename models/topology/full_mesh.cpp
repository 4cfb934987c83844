// A bundle of links between every two endpoints, both directions; no switch. Between nodes it
// stands for direct cables: the NIC port then limits nothing, only the links do.
#include <string>

#include "models/topology/builtin.hpp"
#include "models/topology/graph_topology.hpp"

namespace orrery {

std::unique_ptr<Topology> make_full_mesh(JsonCursor parameters, const TopologySite& site) {
  constexpr CountRange kLinks = {.minimum = 1, .maximum = 1'000};
  constexpr int kMaximumEndpoints = 1'024;  // a million links
  const LinkSpec link = read_link(parameters.at("link"));
  const std::int64_t links_per_pair = parameters.at("links_per_pair").as_count(kLinks);
  parameters.reject_unknown_keys();
  if (site.endpoints > kMaximumEndpoints) {
    parameters.error("a full mesh joins at most " + std::to_string(kMaximumEndpoints) +
                     " endpoints, here are " + std::to_string(site.endpoints));
  }
  if (!parameters.diagnostics().empty()) {
    return nullptr;
  }

  auto topology = std::make_unique<GraphTopology>(site.endpoints);
  for (int a = 0; a < site.endpoints; ++a) {
    const std::string name = endpoint_name(site, a);
    for (int b = a + 1; b < site.endpoints; ++b) {
      const std::string other = endpoint_name(site, b);
      topology->add_both_ways({a, name}, {b, other}, link, static_cast<double>(links_per_pair));
    }
  }
  return topology;
}

}  // namespace orrery
