#pragma once

#include <string>
#include <vector>

#include "models/machine.hpp"
#include "tools/orrery/result.hpp"
#include "tools/orrery/scenario.hpp"
#include "workloads/workload.hpp"

namespace orrery {

/// Pointers of the figures in the resolved cluster whose source begins with "assumed", but for
/// peaks and efficiencies of precisions that the job does not use.
std::vector<std::string> assumed_figures(const JsonValue& resolved, const Job& job);

/// What a reader of the figures should know: borrowed numbers, times outside of what was measured,
/// collectives that real libraries run better, memory that nearly does not fit. Requires that the
/// result has its memory and collectives.
std::vector<std::string> warnings_of(const Scenario& scenario, const Job& job,
                                     const Machine& machine, const Result& result);

}  // namespace orrery
