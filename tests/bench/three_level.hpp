#pragma once

#include "models/topology/topology.hpp"

namespace orrery::jobs {

/// The fabric of the permutation job, as jobs.hpp says it; takes no parameters.
std::unique_ptr<Topology> make_three_level(JsonCursor parameters, const TopologySite& site);

}  // namespace orrery::jobs
