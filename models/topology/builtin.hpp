#pragma once

#include <memory>

#include "models/topology/topology.hpp"

namespace orrery {

// The factories that builtin_topologies() lists; one a source file.
std::unique_ptr<Topology> make_crossbar(JsonCursor parameters, const TopologySite& site);
std::unique_ptr<Topology> make_fat_tree(JsonCursor parameters, const TopologySite& site);
std::unique_ptr<Topology> make_full_mesh(JsonCursor parameters, const TopologySite& site);

}  // namespace orrery
