#pragma once

#include <cstdint>
#include <optional>

#include "sim/base/json_cursor.hpp"
#include "workloads/inference_layer.hpp"
#include "workloads/kv_cache.hpp"
#include "workloads/network.hpp"
#include "workloads/rank_grid.hpp"
#include "workloads/sequence_parallel.hpp"
#include "workloads/workload.hpp"

namespace orrery {

/// How the host starts the kernels of decode: one by one, or a whole step at once.
enum class Launch : unsigned char { eager, graph };

/// What one batch of requests is asked to be, checked against itself and the cluster.
struct InferenceSettings {
  NetworkShape network;
  RankGrid grid;  // data: replicas, each with a batch of its own
  SequenceParallel sequence;
  InferenceForm form;
  std::int64_t batch = 0;          // sequences of a replica
  std::int64_t micro_batches = 1;  // parts of the batch that follow each other through the stages
  std::int64_t input_length = 0;   // tokens of a prompt
  std::int64_t output_length = 0;  // tokens made of it; the first comes from prefill
  Launch launch = Launch::graph;
  Duration host_launch;  // of one kernel, or of one graph
  /// What an op on one stream waits beyond the end of an op on another that it follows.
  Duration stream_crossing;

  /// The whole prompts of a micro-batch, as ranks that share them divide them.
  Division prompts() const {
    return {.micro_batch = sequences(),
            .sequence_length = input_length,
            .tensor = form.tensor,
            .sequence = form.sequence,
            .precision = form.precision};
  }
  std::int64_t sequences() const { return batch / micro_batches; }  // of a micro-batch
  std::int64_t decode_steps() const { return output_length - 1; }
  // Of a stage; all stages have as many of either kind.
  std::int64_t layers() const { return network.layers / grid.pipeline; }
  std::int64_t linear_layers() const { return network.linear_layers() / grid.pipeline; }
  /// Tokens of a sequence that are looked at: the last one is not read again.
  std::int64_t length() const { return input_length + output_length - 1; }
  /// Those of which a rank holds keys and values at its end.
  std::int64_t cached_tokens() const { return kept_tokens(network, length()) / form.sequence; }
  /// Of a token's keys and values, on each rank of a stage.
  Bytes kv_bytes_per_token() const {
    return orrery::kv_bytes_per_token(network, form.kv, form.tensor) * (layers() - linear_layers());
  }
};

/// Reads the "workload" object; all mistakes go to its diagnostics, and then there is no result.
std::optional<InferenceSettings> read_inference_settings(JsonCursor& parameters,
                                                         const WorkloadContext& context);

/// The keys that read_inference_settings reads, but for the network: see Workload::resolved.
JsonValue to_json(const InferenceSettings& settings);

}  // namespace orrery
