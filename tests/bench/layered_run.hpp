#pragma once

#include <cstdint>

#include "sim/engine/activity.hpp"

namespace orrery::jobs {

/// The layered graph straight on the engine, as simgrid_graph.cpp has it straight on SimGrid: every
/// activity is made when it may start, and nothing is kept of those that have ended.
struct LayeredRun {
  Time end;
  std::uint64_t activities = 0;
  std::uint64_t events = 0;
};
LayeredRun run_layered(int layers);

}  // namespace orrery::jobs
