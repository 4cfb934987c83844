#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "sim/graph/runner.hpp"

namespace orrery {

/// A participant of an op on one rank, numbered over the whole graph in op order: one per rank of a
/// compute, delay or collective, two per pair of a transfer (source, destination).
using Slot = std::uint32_t;
inline constexpr Slot kNoSlot = UINT32_MAX;

/// Numbers the slots of a graph and finds them by rank; the graph must outlive it.
class SlotLayout {
 public:
  struct Participant {
    InstanceId instance;
    std::size_t position = 0;  // within the instance
    Rank rank = 0;
    StreamId stream;  // none: destination of a one-sided transfer
  };

  /// Throws LimitError from 2^32 - 1 slots on.
  explicit SlotLayout(const TaskGraph& graph);

  std::size_t count() const { return op_of_slot_.size(); }
  Slot begin_of(OpId op) const { return first_slot_[op.index()]; }
  Slot end_of(OpId op) const { return first_slot_[op.index() + 1]; }
  /// Slots per instance of an op.
  std::size_t positions(const Op& op) const;
  Slot slot_of(InstanceId instance, std::size_t position) const;
  Participant participant(Slot slot) const;

  /// Whether the given side of `op` has a rank in common with `on`, so that the dependency holds
  /// rank by rank.
  bool share_a_rank(const Op& op, const Op& on, Side side = Side::both) const;
  /// The slots of `op` on `rank`, of the given side.
  template <class Visit>
  void on_rank(OpId id, Rank rank, Side side, Visit visit) const {
    const Op& op = graph_->op(id);
    const bool transfer = op.kind == OpKind::transfer;
    if (!transfer || side != Side::destination) {
      const std::uint32_t at = position_in(op.ranks, rank);
      if (at != kNoSlot) visit(begin_of(id) + (transfer ? 2 * at : at));
    }
    if (transfer && side != Side::source) {
      const std::uint32_t at = position_in(op.peers, rank);
      if (at != kNoSlot) visit(begin_of(id) + 2 * at + 1);
    }
  }
  /// All slots of `op`, of the given side.
  template <class Visit>
  void on_all(OpId id, Side side, Visit visit) const {
    const bool transfer = graph_->op(id).kind == OpKind::transfer;
    for (Slot slot = begin_of(id); slot < end_of(id); ++slot) {
      const bool destination = (slot - begin_of(id)) % 2 == 1;
      if (transfer && side != Side::both && destination != (side == Side::destination)) continue;
      visit(slot);
    }
  }
  /// By slot: the next one on the same stream of the same rank, in op order; kNoSlot at the end,
  /// and on streams that run what is ready first.
  std::vector<Slot> next_in_stream() const;

 private:
  std::uint32_t position_in(RankSetId set, Rank rank) const;

  const TaskGraph* graph_;
  std::vector<Slot> first_slot_;  // by op, and the total at the end
  std::vector<OpId> op_of_slot_;
  std::vector<std::vector<std::pair<Rank, std::uint32_t>>> sorted_ranks_;  // by rank set
};

}  // namespace orrery
