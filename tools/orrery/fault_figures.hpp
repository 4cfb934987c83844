#pragma once

#include <string>
#include <vector>

#include "models/traffic.hpp"
#include "sim/base/json_value.hpp"

namespace orrery {

/// The key "faults" of result.json; METRICS.md has its figures.
JsonValue to_json(const std::vector<FaultRecord>& faults);

/// A paragraph of the summary; nothing without faults.
std::string fault_lines(const std::vector<FaultRecord>& faults);

/// "link \"leaf 0 -> spine 1\" down", "node 3 capacity 0.5".
std::string fault_text(const Fault& fault);

}  // namespace orrery
