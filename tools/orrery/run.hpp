#pragma once

#include <span>

#include "sim/graph/timeline.hpp"
#include "tools/orrery/load_log.hpp"
#include "tools/orrery/result.hpp"
#include "tools/orrery/scenario.hpp"
#include "tools/orrery/simulated_job.hpp"

namespace orrery {

/// A finished run: its figures, and the spans they come from, those of SimulatedJob::graph().
struct Run {
  Result result;
  Timeline timeline;
  std::vector<TriggerUnits::Sample> tracker;  // entries in use over time
};

/// Simulates `job`, which build_job made of `scenario`, as `simulated` has it; the figures speak
/// for all of its ranks. `observers` see the run as well, and so does `load`, which may be null.
/// Throws DeadlockError when the workload can make no further step. A job that does not fit in
/// memory runs all the same: the result says so.
Run run_scenario(const Scenario& scenario, const Job& job, SimulatedJob& simulated,
                 const Builtins& builtins, std::span<Observer* const> observers = {},
                 LoadLog* load = nullptr);

/// The whole of it: builds the job, checks its faults, runs it. A folded run that deadlocks is
/// repeated with every rank: the message names ranks of the job.
Run run_scenario(const Scenario& scenario, const Builtins& builtins, Folding folding);

}  // namespace orrery
