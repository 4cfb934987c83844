#pragma once

#include <string>
#include <utility>
#include <vector>

#include "workloads/training_settings.hpp"

namespace orrery {

/// How the step is run: "schedule", "stages", "pipeline_transfers", "recompute", "sharding",
/// "gradient_clipping" and "offload".
/// Mistakes of a single key are reported here.
void read_strategy(JsonCursor& parameters, TrainingSettings& settings);
/// What depends on network and grid, which must be sound; the schedule is checked where the batches
/// are. Fills in even stages.
void check_strategy(JsonCursor& parameters, TrainingSettings& settings);
/// Those keys.
std::vector<std::pair<std::string, JsonValue>> strategy_members(const TrainingSettings& settings);

}  // namespace orrery
