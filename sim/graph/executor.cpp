#include "sim/graph/executor.hpp"

#include <algorithm>
#include <numeric>
#include <string>

#include "sim/base/errors.hpp"

namespace orrery {

Executor::Executor(Engine& engine, const TaskGraph& graph, Runner& runner,
                   std::span<Observer* const> observers)
    : engine_(&engine),
      graph_(&graph),
      runner_(&runner),
      observers_(observers.begin(), observers.end()),
      slots_(graph),
      ready_streams_(graph, slots_),
      pending_(slots_.count(), 0),
      next_in_stream_(slots_.next_in_stream()),
      ended_(slots_.count(), 0),
      arrived_(slots_.count(), 0),
      ready_(slots_.count()),
      start_(slots_.count()),
      slots_left_(slots_.count()) {
  index_dependencies();
  count_dependencies();
  order_memory_effects();
}

Executor::~Executor() = default;

void Executor::index_dependencies() {
  const std::size_t ops = graph_->ops().size();
  first_successor_.assign(ops + 1, 0);
  for (const Dependency& d : graph_->dependencies()) ++first_successor_[d.on.index() + 1];
  std::partial_sum(first_successor_.begin(), first_successor_.end(), first_successor_.begin());
  std::vector<std::uint32_t> next(first_successor_.begin(), first_successor_.end() - 1);
  successors_.resize(graph_->dependencies().size());
  for (const Dependency& d : graph_->dependencies()) {
    successors_[next[d.on.index()]++] =
        Successor{d.op, d.side, slots_.share_a_rank(graph_->op(d.op), graph_->op(d.on), d.side)};
  }
}

/// What each slot waits for: its predecessor on the stream and, for every dependency, the slots of
/// the other op on its rank (all of them where the ops have no rank in common).
void Executor::count_dependencies() {
  for (const Slot next : next_in_stream_) {
    if (next != kNoSlot) ++pending_[next];
  }
  for (const Dependency& d : graph_->dependencies()) {
    const Slot begin = slots_.begin_of(d.on);
    const Slot end = slots_.end_of(d.on);
    if (!slots_.share_a_rank(graph_->op(d.op), graph_->op(d.on), d.side)) {
      slots_.on_all(d.op, d.side, [&](Slot slot) { pending_[slot] += end - begin; });
      continue;
    }
    for (Slot slot = begin; slot < end; ++slot) {
      const Rank rank = slots_.participant(slot).rank;
      slots_.on_rank(d.op, rank, d.side, [&](Slot waiting) { ++pending_[waiting]; });
    }
  }
}

void Executor::order_memory_effects() {
  if (graph_->memory_effects().empty() || observers_.empty()) return;
  first_effect_.assign(graph_->ops().size() + 1, 0);
  for (const MemoryEffect& e : graph_->memory_effects()) ++first_effect_[e.op.index() + 1];
  std::partial_sum(first_effect_.begin(), first_effect_.end(), first_effect_.begin());
  std::vector<std::uint32_t> next(first_effect_.begin(), first_effect_.end() - 1);
  effects_.resize(graph_->memory_effects().size());
  for (const MemoryEffect& e : graph_->memory_effects()) effects_[next[e.op.index()]++] = e;
}

Time Executor::run() {
  report_static_memory();
  for (Slot slot = 0; slot < pending_.size(); ++slot) {
    ++pending_[slot];  // held until all have been looked at
  }
  for (Slot slot = 0; slot < pending_.size(); ++slot) release(slot);
  engine_->run();
  if (slots_left_ > 0) throw_deadlock();
  return last_end_;
}

void Executor::release(Slot slot) {
  if (--pending_[slot] > 0) return;
  ready_[slot] = engine_->now();
  const SlotLayout::Participant who = slots_.participant(slot);
  const Op& op = graph_->op(who.instance.op);
  const std::size_t needed = slots_.positions(op);
  if (op.kind == OpKind::collective) {
    runner_->join_collective(
        who.instance, op, graph_->ranks(op.ranks).subspan(who.instance.instance * needed, needed),
        who.rank);
  }
  if (++arrived_[slots_.slot_of(who.instance, 0)] < needed) return;
  if (ready_streams_.take(who.instance)) start(who.instance);
}

void Executor::pass_on(Slot slot) {
  ready_streams_.give_back(slot, [this](InstanceId instance) {
    for (std::size_t i = 0; i < slots_.positions(graph_->op(instance.op)); ++i) {
      const Slot waited = slots_.slot_of(instance, i);
      if (ready_streams_.has(waited)) ready_[waited] = engine_->now();
    }
    start(instance);
  });
}

void Executor::start(InstanceId instance) {
  const Op& op = graph_->op(instance.op);
  const std::size_t count = slots_.positions(op);
  for (std::size_t position = 0; position < count; ++position) {
    const Slot slot = slots_.slot_of(instance, position);
    start_[slot] = engine_->now();
    apply_memory(slot, true);
  }
  const std::span<const Rank> ranks = graph_->ranks(op.ranks);
  switch (op.kind) {
    case OpKind::compute:
      runner_->start_compute(instance, op, ranks[instance.instance]);
      break;
    case OpKind::transfer:
      runner_->start_transfer(instance, op, ranks[instance.instance],
                              graph_->ranks(op.peers)[instance.instance]);
      break;
    case OpKind::collective:
      runner_->start_collective(instance, op, ranks.subspan(instance.instance * count, count));
      break;
    case OpKind::delay:
      engine_->schedule(engine_->now() + op.delay, Phase::complete, *this,
                        slots_.slot_of(instance, 0));
      break;
  }
}

void Executor::handle_event(std::uint64_t token) {
  end_slot(static_cast<Slot>(token));
}

void Executor::sent(InstanceId instance) {
  end_slot(slots_.slot_of(instance, 0));
}
void Executor::delivered(InstanceId instance) {
  end_slot(slots_.slot_of(instance, 1));
}
void Executor::computed(InstanceId instance) {
  end_slot(slots_.slot_of(instance, 0));
}
void Executor::member_done(InstanceId instance, std::size_t position) {
  end_slot(slots_.slot_of(instance, position));
}

void Executor::end_slot(Slot slot) {
  ORRERY_CHECK(ended_[slot] == 0, "an op ended twice on one rank");
  ended_[slot] = 1;
  --slots_left_;
  last_end_ = engine_->now();
  const SlotLayout::Participant who = slots_.participant(slot);
  apply_memory(slot, false);
  const Span span{who.instance, who.position, who.rank,      who.stream,
                  ready_[slot], start_[slot], engine_->now()};
  for (Observer* observer : observers_) observer->on_span(span);

  const std::size_t id = who.instance.op.index();
  for (std::uint32_t s = first_successor_[id]; s < first_successor_[id + 1]; ++s) {
    const Successor& next = successors_[s];
    if (next.rank_by_rank) {
      slots_.on_rank(next.op, who.rank, next.side, [this](Slot waiting) { release(waiting); });
    } else {
      slots_.on_all(next.op, next.side, [this](Slot waiting) { release(waiting); });
    }
  }
  if (next_in_stream_[slot] != kNoSlot) release(next_in_stream_[slot]);
  if (ready_streams_.has(slot)) pass_on(slot);
}

void Executor::apply_memory(Slot slot, bool at_start) {
  if (first_effect_.empty()) return;
  const SlotLayout::Participant who = slots_.participant(slot);
  const std::size_t id = who.instance.op.index();
  if (first_effect_[id] == first_effect_[id + 1]) return;
  const bool has_host_end = graph_->op(who.instance.op).copy != CopyKind::device_to_device;
  if (has_host_end && (who.position == 0) != at_start) return;  // freed when it has arrived
  for (std::uint32_t e = first_effect_[id]; e < first_effect_[id + 1]; ++e) {
    const MemoryEffect& effect = effects_[e];
    const std::int64_t delta = at_start ? effect.taken.count() : -effect.freed.count();
    if (delta == 0) continue;
    for (Observer* observer : observers_) {
      observer->on_memory(engine_->now(), who.rank, effect.category, delta);
    }
  }
}

void Executor::report_static_memory() {
  for (const StaticMemory& memory : graph_->static_memory()) {
    for (const Rank rank : graph_->ranks(memory.ranks)) {
      for (Observer* observer : observers_) {
        observer->on_memory(engine_->now(), rank, memory.category, memory.bytes.count());
      }
    }
  }
}

void Executor::throw_deadlock() const {
  constexpr std::size_t kNamed = 8;
  std::string message = "deadlock at " + std::to_string(engine_->now().picoseconds()) +
                        " ps: " + std::to_string(slots_left_) +
                        " ops on their ranks can never start or end";
  std::size_t named = 0;
  for (Slot slot = 0; slot < pending_.size() && named < kNamed; ++slot) {
    if (ended_[slot] != 0) continue;
    message += "\n  " + describe(slot) + " waits for " + what_it_waits_for(slot);
    ++named;
  }
  if (slots_left_ > kNamed) {
    message += "\n  … and " + std::to_string(slots_left_ - kNamed) + " more";
  }
  throw DeadlockError(message);
}

std::string Executor::describe(Slot slot) const {
  const SlotLayout::Participant who = slots_.participant(slot);
  const Op& op = graph_->op(who.instance.op);
  const std::string name =
      op.label.valid() ? graph_->text(op.label) : std::string(to_string(op.kind));
  return name + " (op " + std::to_string(who.instance.op.index()) + ") on rank " +
         std::to_string(who.rank);
}

std::string Executor::what_it_waits_for(Slot slot) const {
  const SlotLayout::Participant who = slots_.participant(slot);
  const Op& op = graph_->op(who.instance.op);
  if (pending_[slot] == 0) {
    for (std::size_t position = 0; position < slots_.positions(op); ++position) {
      const Slot partner = slots_.slot_of(who.instance, position);
      if (pending_[partner] > 0) {
        return "its partner rank " + std::to_string(slots_.participant(partner).rank);
      }
    }
    return "its own completion";
  }
  for (const Dependency& d : graph_->dependencies()) {
    if (d.op != who.instance.op) continue;
    const bool other_side = op.kind == OpKind::transfer && d.side != Side::both &&
                            (who.position == 1) != (d.side == Side::destination);
    if (other_side) continue;
    for (Slot on = slots_.begin_of(d.on); on < slots_.end_of(d.on); ++on) {
      const bool relevant = slots_.participant(on).rank == who.rank ||
                            !slots_.share_a_rank(op, graph_->op(d.on), d.side);
      if (relevant && ended_[on] == 0) return describe(on);
    }
  }
  for (Slot ahead = 0; ahead < slot; ++ahead) {
    if (next_in_stream_[ahead] == slot && ended_[ahead] == 0) {
      return describe(ahead) + ", ahead of it on stream " + graph_->stream_name(who.stream);
    }
  }
  return "nothing that can be named";
}

}  // namespace orrery
