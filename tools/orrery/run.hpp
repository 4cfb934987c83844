#pragma once

#include <span>

#include "sim/graph/timeline.hpp"
#include "tools/orrery/result.hpp"
#include "tools/orrery/scenario.hpp"

namespace orrery {

/// A finished run: its figures, and the spans they come from.
struct Run {
  Result result;
  Timeline timeline;
};

/// Simulates `job`, which build_job made of `scenario`. `observers` see the run as well. Throws
/// DeadlockError when the workload can make no further step. A job that does not fit in memory runs
/// all the same: the result says so.
Run run_scenario(const Scenario& scenario, const Job& job, const Builtins& builtins,
                 std::span<Observer* const> observers = {});

}  // namespace orrery
