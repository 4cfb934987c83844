#pragma once

#include <string>

#include "models/topology/topology.hpp"

namespace orrery {

/// For Graphviz: an undirected edge where two vertices are joined equally both ways, else arrows.
/// Endpoints are boxes.
std::string graphviz_text(const Topology& topology);

/// GraphML (Brandes et al., Graph Drawing 2001), directed; edges have their name, their bandwidth
/// in bytes/s (raw, of the bundle) and their latency in seconds.
std::string graphml_text(const Topology& topology);

}  // namespace orrery
