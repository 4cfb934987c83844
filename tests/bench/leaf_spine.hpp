#pragma once

#include "models/topology/topology.hpp"

namespace orrery::jobs {

/// The fabric of the all-to-all jobs, as jobs.hpp says it; takes no parameters.
std::unique_ptr<Topology> make_leaf_spine(JsonCursor parameters, const TopologySite& site);

}  // namespace orrery::jobs
