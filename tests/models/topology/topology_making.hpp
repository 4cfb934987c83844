#pragma once

#include <memory>
#include <string>

#include "models/topology/routing.hpp"
#include "models/topology/topology.hpp"
#include "tests/hw/json_text.hpp"

namespace orrery {

inline LinkSpec link_of(const std::string& name, Bandwidth bandwidth) {
  return {.name = name,
          .kind = "wire",
          .bandwidth = bandwidth,
          .latency = Duration(1),
          .efficiency = 1};
}

/// The topology that `section` describes, with the routing it says; null, with the mistakes, when
/// it is wrong.
inline std::unique_ptr<Topology> make_topology(const std::string& section, TopologySite site,
                                               std::string* mistakes = nullptr) {
  const JsonValue value = parse_json(section, "t.json");
  Diagnostics diagnostics;
  JsonCursor cursor(value, diagnostics);
  const auto registry = builtin_topologies();
  const auto* entry = registry.find(cursor.at("kind").as_string());
  ORRERY_CHECK(entry != nullptr, "no such topology");
  site.kinds = &registry;
  const RoutingChoice routing = read_routing(cursor);
  std::unique_ptr<Topology> topology = route_by(entry->make(cursor, site), routing);
  if (mistakes != nullptr) {
    *mistakes = all_text(diagnostics);
  } else {
    ORRERY_CHECK(diagnostics.empty(), all_text(diagnostics));
  }
  return topology;
}

}  // namespace orrery
