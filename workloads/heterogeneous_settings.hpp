#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "workloads/network.hpp"
#include "workloads/plan/sequence_plan.hpp"
#include "workloads/workload.hpp"

namespace orrery {

/// A training step over sequences of many lengths, and how its plan is made.
struct HeterogeneousSettings {
  NetworkShape network;
  Precision precision = Precision::bf16;
  std::vector<std::int64_t> lengths;  // all that are not dropped, batch after batch
  std::int64_t dropped = 0;           // longer than maximum_length
  std::int64_t maximum_length = 0;
  std::int64_t global_batch = 0;     // sequences of a step
  std::int64_t batch = 0;            // which of the batches, from 0
  std::int64_t prefetch = 1;         // units whose weights are gathered before their turn
  std::int64_t gradient_passes = 0;  // over a unit's whole gradient, before it is reduced
  PlanSettings plan;
  JsonValue lengths_json;  // as written, with the digest of a file
  JsonValue cost_json;     // as written, with what was left out

  /// Whole batches that the lengths make.
  std::int64_t batches() const { return static_cast<std::int64_t>(lengths.size()) / global_batch; }
  std::span<const std::int64_t> lengths_of(std::int64_t which) const;
};

/// Keys of "heterogeneous_sequence_parallel":
///   network, lengths (length_list.hpp), maximum_length (default: the network's positions),
///   global_batch, batch (0), precision (bf16), prefetch (1, of units' weights), gradient_passes
///   (0: kernels leave gradients as they are reduced), and "plan":
///     method (heterogeneous, batch_adaptive, fixed), group (fixed), buckets (16),
///     more_micro_batches (4), solver (heuristic, mixed_integer), nodes (200, of each
///     micro-batch), time_limit (60 s of the processor, which CBC counts, for each micro-batch),
///     gap (0.001), and "cost" (plan/group_cost.hpp):
///       million_pairs, thousand_tokens   times of one device for so much: pair_s, token_s
///       fixed                            fixed_s
///       exchange_bandwidth               {"2": "119 GB/s", …}: v of the sizes that may be used;
///                                        groups of one device always may
///       exchange_per_token               default: queries, keys, values and output of every layer,
///                                        forward and backward
///       fixed_exchange                   default 0 s
///       token_memory, memory             token_bytes, memory_bytes
///       fixed_memory                     default: 16 bytes a parameter, divided among all devices
std::optional<HeterogeneousSettings> read_heterogeneous(JsonCursor parameters,
                                                        const WorkloadContext& context);

JsonValue to_json(const HeterogeneousSettings& settings);

}  // namespace orrery
