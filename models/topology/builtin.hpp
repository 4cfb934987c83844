#pragma once

#include <memory>

#include "models/topology/topology.hpp"

namespace orrery {

// The factories that builtin_topologies() lists; one a source file.
std::unique_ptr<Topology> make_crossbar(JsonCursor parameters, const TopologySite& site);
std::unique_ptr<Topology> make_dragonfly(JsonCursor parameters, const TopologySite& site);
std::unique_ptr<Topology> make_dragonfly_plus(JsonCursor parameters, const TopologySite& site);
std::unique_ptr<Topology> make_fat_tree(JsonCursor parameters, const TopologySite& site);
std::unique_ptr<Topology> make_full_mesh(JsonCursor parameters, const TopologySite& site);
std::unique_ptr<Topology> make_graph(JsonCursor parameters, const TopologySite& site);
std::unique_ptr<Topology> make_hybrid_cube_mesh(JsonCursor parameters, const TopologySite& site);
std::unique_ptr<Topology> make_hypercube(JsonCursor parameters, const TopologySite& site);
std::unique_ptr<Topology> make_hyperx(JsonCursor parameters, const TopologySite& site);
std::unique_ptr<Topology> make_levels(JsonCursor parameters, const TopologySite& site);
std::unique_ptr<Topology> make_pcie_tree(JsonCursor parameters, const TopologySite& site);
std::unique_ptr<Topology> make_ring(JsonCursor parameters, const TopologySite& site);
std::unique_ptr<Topology> make_supernode(JsonCursor parameters, const TopologySite& site);
std::unique_ptr<Topology> make_torus(JsonCursor parameters, const TopologySite& site);

}  // namespace orrery
