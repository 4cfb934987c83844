#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "sim/base/json_cursor.hpp"
#include "workloads/sequence/sequence_method.hpp"
#include "workloads/workload.hpp"

namespace orrery {

/// One attention layer on `groups` groups of `degree` ranks, each group with tokens of its own.
struct SequenceAttentionSettings {
  std::shared_ptr<const SequenceMethod> method;
  SequenceLayer layer;
  std::int64_t degree = 1;
  std::int64_t groups = 1;
  bool has_backward = false;
  std::string lengths_digest;  // of the file of "sequences"; "" where there is none
  HostThread host;
  std::int64_t repeats = 1;
};

/// Reads all keys but "kind"; nothing when there are mistakes, which go to the cursor's
/// diagnostics.
std::optional<SequenceAttentionSettings> read_sequence_attention(JsonCursor parameters,
                                                                 const WorkloadContext& context);
/// All keys, also those that were left out.
JsonValue to_json(const SequenceAttentionSettings& settings);

/// The key "layout"; left out, zigzag with a causal mask and contiguous with a full one.
TokenLayout read_token_layout(JsonCursor cursor, AttentionMask mask);

}  // namespace orrery
