#include "sim/engine/event_queue.hpp"

#include "sim/base/errors.hpp"

namespace orrery {
namespace {

constexpr unsigned kSlotBits = 24;
constexpr unsigned kSequenceBits = 38;
constexpr std::uint64_t kSlotMask = (std::uint64_t{1} << kSlotBits) - 1;

// Dead keys that are not worth a purge.
constexpr std::size_t kDeadAllowed = 1024;

std::uint32_t slot_of(std::uint64_t order) {
  return static_cast<std::uint32_t>(order & kSlotMask);
}

}  // namespace

void EventQueue::Fifo::push(std::uint64_t order) {
  if (empty()) {
    orders_.clear();
    head_ = 0;
  } else if (orders_.size() == orders_.capacity() && head_ > orders_.size() / 2) {
    // One that never runs empty must still give back what was popped.
    orders_.erase(orders_.begin(), orders_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
  orders_.push_back(order);
}

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
  if (time == now_) {
    present_[static_cast<std::size_t>(phase)].push(order);
  } else {
    keys_.push(EventKey{time.picoseconds(), order});
  }
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
  if (keys_.size() > 2 * live_ + kDeadAllowed) purge();
  return true;
}

void EventQueue::purge() {
  keys_.remove_if([this](const EventKey& key) {
    const std::uint32_t slot = slot_of(key.order);
    if (slots_[slot].handler != nullptr) return false;
    free_slots_.push_back(slot);
    return true;
  });
}

/// The first of the present's keys, or null. They are all behind those of their phase in keys_.
EventQueue::Fifo* EventQueue::present() {
  for (Fifo& fifo : present_) {
    if (!fifo.empty()) return &fifo;
  }
  return nullptr;
}

/// Whether the present's first key runs before all of keys_.
bool EventQueue::runs_now(const Fifo* fifo) {
  if (fifo == nullptr) return false;
  const std::int64_t now = now_.picoseconds();
  return keys_.empty() || keys_.none_until(now) || EventKey{now, fifo->front()}.before(keys_.top());
}

Time EventQueue::next_time() {
  for (;;) {
    Fifo* const fifo = present();
    if (runs_now(fifo)) {
      if (slots_[slot_of(fifo->front())].handler != nullptr) return now_;
      free_slots_.push_back(slot_of(fifo->pop()));
      continue;
    }
    ORRERY_CHECK(!keys_.empty(), "next_time of an empty event queue");
    const EventKey key = keys_.top();
    if (slots_[slot_of(key.order)].handler != nullptr) return Time(Duration(key.time));
    free_slots_.push_back(slot_of(keys_.take().order));
  }
}

EventQueue::Event EventQueue::pop() {
  for (;;) {
    Fifo* const fifo = present();
    EventKey key{now_.picoseconds(), 0};
    if (runs_now(fifo)) {
      key.order = fifo->pop();
    } else {
      ORRERY_CHECK(!keys_.empty(), "pop from an empty event queue");
      key = keys_.take();
    }
    Slot& slot = slots_[slot_of(key.order)];
    free_slots_.push_back(slot_of(key.order));
    if (slot.handler == nullptr) continue;  // cancelled
    const Event event{Time(Duration(key.time)), slot.handler, slot.token};
    ++slot.generation;
    slot.handler = nullptr;
    --live_;
    if (fifo == nullptr) now_ = event.time;
    return event;
  }
}

}  // namespace orrery
