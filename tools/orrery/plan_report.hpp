#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/base/json_value.hpp"
#include "workloads/heterogeneous_settings.hpp"

namespace orrery {

/// The plan of one batch.
struct PlannedBatch {
  std::int64_t batch = 0;
  SequencePlan plan;
};

/// For people: a table of micro-batches and their groups; of several batches a line each.
std::string to_text(const HeterogeneousSettings& settings,
                    const std::vector<PlannedBatch>& batches);
/// Everything, each sequence in its group; METRICS.md defines the keys.
JsonValue to_json(const HeterogeneousSettings& settings, const std::vector<PlannedBatch>& batches);

}  // namespace orrery
