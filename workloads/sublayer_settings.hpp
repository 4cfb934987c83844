#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sim/base/json_cursor.hpp"
#include "sim/base/precision.hpp"
#include "workloads/workload.hpp"

namespace orrery {

/// How a matrix product is written for its device: tiles, as many workgroups at once, and a
/// last-level cache that is blocked for.
struct ProducerSettings {
  std::int64_t tile = 128;      // rows and columns of the output that a workgroup makes
  std::int64_t workgroups = 1;  // at once: a stage
  Bytes cache;                  // that holds operands between stages
  double exposed_reads = 0;     // share of the operands' reads that arithmetic does not hide
};

/// One tensor-parallel sublayer, C(m, n) = A(m, k) B(k, n) on each of `tensor` ranks, whose outputs
/// are then reduced over the ranks, or exchanged.
struct SublayerSettings {
  enum class Communication { ring_reduce_scatter, direct_reduce_scatter, all_to_all };
  enum class Overlap { none, reduce_scatter, all_reduce, triggered };
  enum class Reduction { cores, near_memory, library };

  std::string sublayer;  // of T3: "op", "fc2", "fc1", "ip"
  std::int64_t hidden = 0;
  std::int64_t feed_forward = 0;
  std::int64_t tokens = 0;
  std::int64_t tensor = 0;
  Precision precision = Precision::fp16;
  Communication communication = Communication::ring_reduce_scatter;
  Overlap overlap = Overlap::none;
  Reduction reduction = Reduction::cores;
  std::int64_t blocks = 0;  // of a chunk, each triggered by itself
  ProducerSettings producer;

  std::int64_t m() const { return tokens; }
  std::int64_t n() const { return hidden; }
  std::int64_t k() const;
  Bytes output() const { return storage(precision, m() * n()); }
  bool reduces() const { return communication != Communication::all_to_all; }
};

/// Reads all keys but "kind"; nothing when there are mistakes, which go to the cursor's
/// diagnostics.
std::optional<SublayerSettings> read_sublayer(JsonCursor parameters,
                                              const WorkloadContext& context);
/// All keys, also those that were left out.
JsonValue to_json(const SublayerSettings& settings);

/// What the product reads of device memory. Stages are `workgroups` tiles, row by row (or column by
/// column, whichever reads less): the row panels of A pass once; all panels of B are needed again
/// by each sweep, and between two uses of one come the rest of B, the sweep's part of A and, unless
/// `bypass`, its part of the output, which a cache of size L keeps in the share L / (all of these):
///   A + B + B (sweeps - 1) max(0, 1 - L / (B + A/sweeps + C/sweeps)).
/// Source: T3, section 4.3 and Figure 18, says that outputs evict operands and that T3's, which are
/// uncached, do not; the formula is ours. Leaves out: sets of the cache, ragged last stages.
Bytes product_reads(const SublayerSettings& settings, bool bypass);

}  // namespace orrery
