#pragma once

#include "sim/base/json_cursor.hpp"
#include "workloads/training_settings.hpp"

namespace orrery {

/// Reads the key "offload" of a workload:
///   "optimizer_states"  true: they stay in the host's memory; default: false
///   "activations"       {"layers": n, "prefetch": p}: what the first n layers of each stage (of
///                       each virtual stage) save goes to the host's memory after their forward
///                       pass and comes back before their backward pass, p units ahead; default: 1
void read_offload(JsonCursor& parameters, Offload& offload);
/// What depends on the stages.
void check_offload(JsonCursor& parameters, const TrainingSettings& settings);
/// The key as read_offload reads it; not where nothing is offloaded, which is the default.
JsonValue offload_json(const Offload& offload);

}  // namespace orrery
