#pragma once

#include <memory>
#include <string>

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

/// The topology that `section` describes; null, with the mistakes, when it is wrong.
inline std::unique_ptr<Topology> make_topology(const std::string& section, const TopologySite& site,
                                               std::string* mistakes = nullptr) {
  const JsonValue value = parse_json(section, "t.json");
  Diagnostics diagnostics;
  JsonCursor cursor(value, diagnostics);
  const auto registry = builtin_topologies();
  const auto* entry = registry.find(cursor.at("kind").as_string());
  ORRERY_CHECK(entry != nullptr, "no such topology");
  std::unique_ptr<Topology> topology = entry->make(cursor, site);
  if (mistakes != nullptr) {
    *mistakes = all_text(diagnostics);
  } else {
    ORRERY_CHECK(diagnostics.empty(), all_text(diagnostics));
  }
  return topology;
}

}  // namespace orrery
