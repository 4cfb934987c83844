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

/// Single ones; "" where there is nothing to warn of. That a large collective at this bus bandwidth
/// (bytes/s) leaves more than half of the links into a member idle:
std::string idle_links_warning(const CollectiveRecord& record, double bus_bandwidth);
/// How many of the devices are used, and how many figures of the resolved cluster are assumed:
std::string unused_devices_warning(std::int64_t used, std::int64_t devices);
std::string assumed_figures_warning(const JsonValue& resolved, const Job& job);

/// What a reader of the figures should know: borrowed numbers, times outside of what was measured,
/// collectives that real libraries run better, memory that nearly does not fit. Requires that the
/// result has its memory and collectives.
std::vector<std::string> warnings_of(const Scenario& scenario, const Job& job,
                                     const Machine& machine, const Result& result);

}  // namespace orrery
