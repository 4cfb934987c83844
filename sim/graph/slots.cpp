#include "sim/graph/slots.hpp"

#include <algorithm>

#include "sim/base/errors.hpp"

namespace orrery {

SlotLayout::SlotLayout(const TaskGraph& graph) : graph_(&graph) {
  first_slot_.reserve(graph.ops().size() + 1);
  std::uint64_t total = 0;
  for (const Op& op : graph.ops()) {
    first_slot_.push_back(static_cast<Slot>(total));
    total += graph.ranks(op.ranks).size() * (op.kind == OpKind::transfer ? 2 : 1);
    if (total >= kNoSlot) throw LimitError("the workload has more than 2^32 ops times ranks");
  }
  first_slot_.push_back(static_cast<Slot>(total));
  op_of_slot_.reserve(total);
  for (std::size_t op = 0; op < graph.ops().size(); ++op) {
    op_of_slot_.insert(op_of_slot_.end(), first_slot_[op + 1] - first_slot_[op], OpId(op));
  }
  sorted_ranks_.resize(graph.rank_set_count());
  for (std::size_t set = 0; set < sorted_ranks_.size(); ++set) {
    const std::span<const Rank> ranks = graph.ranks(RankSetId(set));
    sorted_ranks_[set].reserve(ranks.size());
    for (std::size_t i = 0; i < ranks.size(); ++i) {
      sorted_ranks_[set].emplace_back(ranks[i], static_cast<std::uint32_t>(i));
    }
    std::sort(sorted_ranks_[set].begin(), sorted_ranks_[set].end());
  }
}

std::size_t SlotLayout::positions(const Op& op) const {
  switch (op.kind) {
    case OpKind::transfer:
      return 2;
    case OpKind::collective:
      return op.group_size;
    default:
      return 1;
  }
}

Slot SlotLayout::slot_of(InstanceId instance, std::size_t position) const {
  return static_cast<Slot>(begin_of(instance.op) +
                           instance.instance * positions(graph_->op(instance.op)) + position);
}

SlotLayout::Participant SlotLayout::participant(Slot slot) const {
  const OpId id = op_of_slot_[slot];
  const Op& op = graph_->op(id);
  const std::size_t within = slot - begin_of(id);
  const std::size_t per_instance = positions(op);
  Participant who;
  who.instance = InstanceId{id, static_cast<std::uint32_t>(within / per_instance)};
  who.position = within % per_instance;
  if (op.kind == OpKind::transfer) {
    const bool source = who.position == 0;
    who.rank = graph_->ranks(source ? op.ranks : op.peers)[who.instance.instance];
    who.stream = source ? op.stream : op.peer_stream;
  } else {
    who.rank = graph_->ranks(op.ranks)[within];
    who.stream = op.stream;
  }
  return who;
}

bool SlotLayout::share_a_rank(const Op& op, const Op& on, Side side) const {
  const auto meet = [this](RankSetId x, RankSetId y) {
    if (x == y) return true;
    auto i = sorted_ranks_[x.index()].begin();
    auto j = sorted_ranks_[y.index()].begin();
    while (i != sorted_ranks_[x.index()].end() && j != sorted_ranks_[y.index()].end()) {
      if (i->first == j->first) return true;
      i->first < j->first ? ++i : ++j;
    }
    return false;
  };
  const auto meets_on = [&](RankSetId set) {
    return meet(set, on.ranks) || (on.kind == OpKind::transfer && meet(set, on.peers));
  };
  if (op.kind != OpKind::transfer) return meets_on(op.ranks);
  return (side != Side::destination && meets_on(op.ranks)) ||
         (side != Side::source && meets_on(op.peers));
}

std::vector<Slot> SlotLayout::next_in_stream() const {
  const std::size_t streams = graph_->stream_count();
  std::vector<Slot> last(static_cast<std::size_t>(graph_->world_size()) * streams, kNoSlot);
  std::vector<Slot> next(count(), kNoSlot);
  for (Slot slot = 0; slot < count(); ++slot) {
    const Participant who = participant(slot);
    if (!who.stream.valid()) continue;
    if (graph_->stream_order(who.stream) == StreamOrder::first_ready) continue;
    Slot& tail = last[static_cast<std::size_t>(who.rank) * streams + who.stream.index()];
    if (tail != kNoSlot) next[tail] = slot;
    tail = slot;
  }
  return next;
}

std::uint32_t SlotLayout::position_in(RankSetId set, Rank rank) const {
  const auto& sorted = sorted_ranks_[set.index()];
  const auto found = std::lower_bound(sorted.begin(), sorted.end(), std::pair(rank, 0U));
  return found != sorted.end() && found->first == rank ? found->second : kNoSlot;
}

}  // namespace orrery
