#pragma once

#include <string>

#include "tests/theory/small_cluster.hpp"

namespace orrery {

// Nodes on one switch, whose adapters speak what a test says.

/// Of every kind: `more` are further keys, each with a comma before it.
inline JsonValue link_json(const std::string& kind, Bandwidth bandwidth, Duration latency,
                           const std::string& more) {
  return parse_json(R"({"name": "test )" + kind + R"(", "kind": ")" + kind +
                        R"(", "bandwidth": ")" + std::to_string(bandwidth.count()) +
                        R"( B/s", "latency": ")" + std::to_string(latency.count()) + R"( ps")" +
                        more + "}",
                    "link.json");
}

inline LinkSpec link_of(const JsonValue& json) {
  Diagnostics diagnostics;
  LinkSpec spec = read_link(JsonCursor(json, diagnostics));
  diagnostics.throw_if_any();
  return spec;
}

struct Star {
  int nodes = 2;
  int devices = 1;  // of a node
  int nics = 1;     // of a node
  LinkSpec host = wire(Bandwidth(1'000'000'000'000), Duration(0));
};

/// A route between nodes has four links: host, NIC, NIC, host.
inline ClusterSpec star_of(const Star& star, const LinkSpec& nic) {
  ClusterSpec cluster;
  if (star.devices > 1) {
    cluster = crossbar_of(star.devices, wire(Bandwidth(1'000'000'000'000), Duration(0)));
  }
  cluster.node.device = device_of({.memory = Bandwidth(100'000'000'000'000)});
  cluster.node.devices = star.devices;
  cluster.node.nics = star.nics;
  cluster.node.nic_link = nic;
  cluster.node.host_link = star.host;
  cluster.nodes = star.nodes;
  cluster.fabric = json_object({{"kind", json_string("crossbar")}});
  return cluster;
}

}  // namespace orrery
