#pragma once

#include <cstdint>
#include <optional>

#include "sim/base/json_cursor.hpp"
#include "workloads/network.hpp"
#include "workloads/rank_grid.hpp"
#include "workloads/step.hpp"
#include "workloads/workload.hpp"

namespace orrery {

/// What one training step is asked to be, checked against itself and the cluster.
struct TrainingSettings {
  NetworkShape network;
  RankGrid grid;
  Division division;
  std::int64_t global_batch = 0;   // sequences per step
  std::int64_t micro_batches = 0;  // per pipeline and step
  Bytes gradient_bucket;
};

/// Reads the "workload" object; all mistakes go to its diagnostics, and then there is no result.
std::optional<TrainingSettings> read_training_settings(JsonCursor& parameters,
                                                       const WorkloadContext& context);

/// The keys that read_training_settings reads, but for the network: see Workload::resolved.
JsonValue to_json(const TrainingSettings& settings);

}  // namespace orrery
