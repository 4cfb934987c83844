#pragma once

#include <string>
#include <utility>
#include <vector>

#include "hw/catalog.hpp"
#include "sim/base/json_value.hpp"

namespace orrery {

/// Pieces that JSON Schemas of scenarios are made of.
namespace schema {

using Members = std::vector<std::pair<std::string, JsonValue>>;

JsonValue text(const char* value);
JsonValue described(const char* type, const char* description);
/// To one of the "$defs" of scenario_schema: "bytes", "duration".
JsonValue reference(const char* definition);
JsonValue enumeration(const std::vector<std::string>& names, const char* description);
JsonValue count(std::int64_t minimum, const char* description);
/// A fact may stand in a wrapper with its source: {"value": …, "source": "…"}.
JsonValue or_wrapped(const JsonValue& plain);
JsonValue quantity(const char* pattern, const char* description);
JsonValue closed_object(Members properties, std::vector<std::string> required,
                        const char* description);
/// A name of the catalogue, a file, or an object: {"use": …, "with": {…}} or everything in place.
JsonValue catalogue_reference(const Catalog& catalog, const std::vector<std::string>& kinds,
                              const char* description);
/// Degrees of parallelism; workloads/rank_grid_settings.cpp reads them, but for those in `more`.
JsonValue parallel(Members more = {});
/// How a layer's blocks and their all-reduces follow each other; workloads/architecture.cpp reads
/// it.
JsonValue architecture();
/// The order in which ranks are numbered; workloads/rank_grid_settings.cpp reads it.
JsonValue placement();
/// Lengths of sequences; workloads/length_list.cpp reads them.
JsonValue lengths(const char* description);

}  // namespace schema

/// Keys of the workload "transformer_training"; workloads/training_settings.cpp reads them.
JsonValue transformer_training_schema(const Catalog& catalog);
/// Keys of the workload "transformer_inference"; workloads/inference_settings.cpp reads them.
JsonValue transformer_inference_schema(const Catalog& catalog);
/// Keys of the workload "collective"; workloads/collective_benchmark.cpp reads them.
JsonValue collective_benchmark_schema();
/// Keys of the workload "sequence_parallel_attention"; workloads/sequence_attention_settings.cpp
/// reads them.
JsonValue sequence_parallel_attention_schema();
/// A method of sequence parallelism; workloads/sequence/builtin.cpp reads it.
JsonValue shared_sequences_schema();
/// Keys of the workload "tensor_parallel_sublayer"; workloads/sublayer_settings.cpp reads them.
JsonValue tensor_parallel_sublayer_schema();
/// Keys of "heterogeneous_sequence_parallel"; workloads/heterogeneous_settings.cpp reads them.
JsonValue heterogeneous_sequence_parallel_schema(const Catalog& catalog);
/// Keys of "chakra_replay", "goal_replay" and "kineto_replay"; replays.cpp reads them.
JsonValue replay_schema(const std::string& kind);

/// The key "variability"; models/variability.cpp reads it.
JsonValue variability_schema();
/// The key "faults"; models/faults.cpp reads it.
JsonValue faults_schema();

}  // namespace orrery
