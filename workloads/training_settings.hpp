#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/base/json_cursor.hpp"
#include "workloads/architecture.hpp"
#include "workloads/network.hpp"
#include "workloads/rank_grid.hpp"
#include "workloads/schedule/pipeline_schedule.hpp"
#include "workloads/sequence_parallel.hpp"
#include "workloads/step.hpp"
#include "workloads/tensor_overlap.hpp"
#include "workloads/workload.hpp"

namespace orrery {

/// What the backward pass computes again instead of keeping it.
struct Recomputation {
  enum class Kind : unsigned char { none, selective, full };
  Kind kind = Kind::none;
  std::int64_t every = 1;  // full: layers from one checkpoint to the next
};

/// What data-parallel ranks divide among themselves instead of each holding it (ZeRO stages 1, 2
/// and 3: Rajbhandari et al. 2020, arXiv:1910.02054, §5; each includes those before it).
struct Sharding {
  enum class Level : unsigned char { none, optimizer, gradients, weights };
  Level level = Level::none;
  std::int64_t group = 1;  // ranks that hold one copy together; divides data
  // Of sharded weights (Zhao et al. 2023, arXiv:2304.11277, §3.3 and §4):
  std::int64_t prefetch = 1;          // units gathered ahead of the one at work
  bool reshard_after_forward = true;  // else they stay for the backward pass

  bool optimizer() const { return level != Level::none; }
  bool gradients() const { return level >= Level::gradients; }
  bool weights() const { return level == Level::weights; }
};

/// How one pipeline stage hands over to the next.
struct PipelineTransfers {
  bool blocking = false;        // its next pass waits until what it sent has left
  bool scatter_gather = false;  // without sequence parallelism each tensor rank sends its part of
                                // the hidden state, which is gathered where it arrives
};

/// What the host that issues the kernels takes.
///   kernel  for each of them, while the device runs what came before (Kernel::host)
///   issue   for all of a step, beside the device: the optimizer waits until it is over
///   step    for what it does once a step while the device waits: logging, reading the batch
///   token   more of that for each token of the sequences of a rank's replica, of which each rank
///           reads the whole, whatever part it works on
struct HostTimes {
  Duration kernel;
  Duration issue;
  Duration step;
  Duration token;
  bool operator==(const HostTimes&) const = default;
};

/// What is kept in the memory of the node's host instead of the device's.
struct Offload {
  bool optimizer_states = false;
  std::int64_t layers = 0;    // the first of each stage whose saved activations go there
  std::int64_t prefetch = 1;  // units of the network that these come back ahead

  bool anything() const { return optimizer_states || layers > 0; }
};

/// What one training step is asked to be, checked against itself and the cluster.
struct TrainingSettings {
  NetworkShape network;
  RankGrid grid;
  SequenceParallel sequence;
  Division division;
  std::int64_t global_batch = 0;   // sequences per step
  std::int64_t micro_batches = 0;  // per pipeline and step
  Bytes gradient_bucket;
  PipelineTransfers transfers;
  std::string schedule = "1f1b";
  std::int64_t virtual_stages = 1;
  std::vector<std::int64_t> stages;  // layers of each part of the network, first to last
  Recomputation recomputation;
  Sharding sharding;
  bool gradient_clipping = false;
  /// Gradients take memory all the time; else from when the backward pass has made them to the
  /// optimizer's end (PyTorch, zero_grad(set_to_none=True)).
  bool keeps_gradients = true;
  HostTimes host;
  Bytes runtime_memory;  // of a device: what CUDA's context, libraries and communicators take
  Offload offload;
  Architecture architecture = Architecture::standard;
  TensorOverlap overlap = {};

  PipelineShape pipeline() const { return {grid.pipeline, virtual_stages, micro_batches}; }
};

/// Reads the "workload" object; all mistakes go to its diagnostics, and then there is no result.
std::optional<TrainingSettings> read_training_settings(JsonCursor& parameters,
                                                       const WorkloadContext& context);

/// The keys that read_training_settings reads, but for the network: see Workload::resolved.
JsonValue to_json(const TrainingSettings& settings);

}  // namespace orrery
