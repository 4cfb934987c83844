#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sim/base/json_cursor.hpp"
#include "workloads/product_stages.hpp"
#include "workloads/workload.hpp"

namespace orrery {

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
  /// Of one rank.
  ProductShape product() const { return {precision, m(), n(), k() / tensor}; }
  Bytes output() const { return storage(precision, m() * n()); }
  bool reduces() const { return communication != Communication::all_to_all; }
};

/// Reads all keys but "kind"; nothing when there are mistakes, which go to the cursor's
/// diagnostics.
std::optional<SublayerSettings> read_sublayer(JsonCursor parameters,
                                              const WorkloadContext& context);
/// All keys, also those that were left out.
JsonValue to_json(const SublayerSettings& settings);

}  // namespace orrery
