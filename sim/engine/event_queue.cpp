#include "sim/engine/event_queue.hpp"

#include "sim/base/errors.hpp"

namespace orrery {
namespace {

constexpr unsigned kSlotBits = 24;
constexpr unsigned kSequenceBits = 38;
constexpr std::uint64_t kSlotMask = (std::uint64_t{1} << kSlotBits) - 1;

std::uint32_t slot_of(std::uint64_t order) {
  return static_cast<std::uint32_t>(order & kSlotMask);
}

}  // namespace

EventId EventQueue::push(Time time, Phase phase, EventHandler& handler, std::uint64_t token) {
  std::uint32_t slot = 0;
  if (free_slots_.empty()) {
    if (slots_.size() > kSlotMask) throw LimitError("more than 2^24 events are pending");
    slot = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  if (next_sequence_ >> kSequenceBits != 0)
    throw LimitError("more than 2^38 events were scheduled");
  slots_[slot].handler = &handler;
  slots_[slot].token = token;
  const std::uint64_t order = static_cast<std::uint64_t>(phase) << (kSlotBits + kSequenceBits) |
                              next_sequence_++ << kSlotBits | slot;
  keys_.push(EventKey{time.picoseconds(), order});
  ++live_;
  return EventId{slot, slots_[slot].generation};
}

bool EventQueue::cancel(EventId id) {
  if (id.slot >= slots_.size()) return false;
  Slot& slot = slots_[id.slot];
  if (slot.handler == nullptr || slot.generation != id.generation) return false;
  slot.handler = nullptr;
  ++slot.generation;
  --live_;
  return true;
}

Time EventQueue::next_time() {
  drop_cancelled();
  ORRERY_CHECK(!keys_.empty(), "next_time of an empty event queue");
  return Time(Duration(keys_.top().time));
}

EventQueue::Event EventQueue::pop() {
  drop_cancelled();
  ORRERY_CHECK(!keys_.empty(), "pop from an empty event queue");
  const EventKey top = keys_.top();
  Slot& slot = slots_[slot_of(top.order)];
  const Event event{Time(Duration(top.time)), slot.handler, slot.token};
  ++slot.generation;
  slot.handler = nullptr;
  --live_;
  free_slots_.push_back(slot_of(top.order));
  keys_.pop();
  return event;
}

void EventQueue::drop_cancelled() {
  while (!keys_.empty()) {
    const std::uint32_t slot = slot_of(keys_.top().order);
    if (slots_[slot].handler != nullptr) return;
    free_slots_.push_back(slot);
    keys_.pop();
  }
}

}  // namespace orrery
