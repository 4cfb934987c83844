#pragma once

#include <vector>

#include "tools/simgrid/interchange.hpp"

namespace orrery::simgrid_program {

/// Runs the activities on SimGrid and returns when each ends: the transfers, then the computes.
/// SimGrid keeps one engine per process, so this may be called once.
std::vector<double> simulate(const Input& input);

}  // namespace orrery::simgrid_program
