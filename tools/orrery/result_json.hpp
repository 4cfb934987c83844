#pragma once

#include <cstddef>

#include "sim/base/json_value.hpp"
#include "tools/orrery/result.hpp"
#include "tools/orrery/scenario.hpp"

namespace orrery {

/// More resources than this are not listed one by one, only the most loaded of them.
inline constexpr std::size_t kMaximumListedResources = 4096;

/// The document of result.json: everything that is equal from run to run. METRICS.md defines its
/// keys.
JsonValue to_json(const Result& result, const Scenario& scenario);

/// What one run cost on this computer: run.json, apart from all that must be reproducible.
struct RunCost {
  double load_s = 0;      // reading the scenario, building the task graph
  double simulate_s = 0;  // running it and working out the figures
  std::int64_t peak_resident_bytes = 0;
};
JsonValue to_json(const RunCost& cost, const Counters& counters);

}  // namespace orrery
