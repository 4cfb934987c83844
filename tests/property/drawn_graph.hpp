#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "models/topology/graph_topology.hpp"
#include "tests/theory/small_cluster.hpp"

namespace orrery {

/// A topology written down link by link. Vertex v >= 0 is an endpoint, v < 0 is switch -1-v, so
/// that more endpoints leave the names of the switches as they are.
struct DrawnLink {
  int from = 0;
  int to = 0;
  LinkSpec spec;
};
struct DrawnGraph {
  int switches = 0;
  std::vector<DrawnLink> links;
};

inline JsonValue to_json(const DrawnGraph& graph) {
  std::vector<JsonValue> links;
  for (const DrawnLink& link : graph.links) {
    links.push_back(json_object({{"from", json_string(std::to_string(link.from))},
                                 {"to", json_string(std::to_string(link.to))},
                                 {"link", to_json(link.spec)}}));
  }
  return json_object({{"kind", json_string("drawn")},
                      {"switches", json_integer(graph.switches)},
                      {"links", json_array(std::move(links))}});
}

inline std::unique_ptr<Topology> make_drawn(JsonCursor parameters, const TopologySite& site) {
  auto topology = std::make_unique<GraphTopology>(site.endpoints);
  const std::int64_t switches = parameters.at("switches").as_count();
  for (std::int64_t i = 0; i < switches; ++i) topology->add_vertex();
  const auto vertex = [&](JsonCursor text) {
    const int drawn = std::stoi(text.as_string());
    return drawn >= 0 ? drawn : site.endpoints - 1 - drawn;
  };
  for (JsonCursor& link : parameters.at("links").items()) {
    TopologyLink made;
    made.from = vertex(link.at("from"));
    made.to = vertex(link.at("to"));
    made.spec = read_link(link.at("link"));
    made.name = made.spec.name;
    topology->add_link(std::move(made));
  }
  return topology;
}

inline Registry<TopologyFactory> topologies_with_drawn() {
  Registry<TopologyFactory> registry = builtin_topologies();
  registry.add({"drawn", make_drawn, "link by link, as a test has drawn it"});
  return registry;
}

}  // namespace orrery
