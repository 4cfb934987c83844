#pragma once

#include <cstdint>
#include <vector>

#include "sim/graph/task_graph.hpp"

namespace orrery {

/// What starts one-sided transfers: of each the last op that it waits for on another stream of its
/// source, which is no transfer itself (a trigger, or the kernel whose stores they are).
class TriggerFlows {
 public:
  explicit TriggerFlows(const TaskGraph& graph);

  /// Whether an arrow ends at the op.
  bool ends_at(OpId op) const { return !ends_.empty() && ends_[op.index()]; }
  /// The transfer that the op starts; none where it starts nothing.
  OpId from(OpId op) const { return leads_to_.empty() ? OpId() : leads_to_[op.index()]; }
  /// Names the arrow to that transfer on a rank. Never 0.
  static std::uint64_t name(OpId transfer, std::uint64_t rank) {
    return ((std::uint64_t{transfer.index()} + 1) << 32U) | rank;
  }

 private:
  std::vector<bool> ends_;      // by op; empty: none does
  std::vector<OpId> leads_to_;  // by op
};

}  // namespace orrery
