#include "sim/engine/event_queue.hpp"

#include <algorithm>
#include <bit>

#include "sim/base/errors.hpp"

namespace orrery {
namespace {

constexpr unsigned kSlotBits = 24;
constexpr unsigned kSequenceBits = 38;
constexpr unsigned kPhaseShift = kSlotBits + kSequenceBits;
constexpr std::uint64_t kSlotMask = (std::uint64_t{1} << kSlotBits) - 1;

// Dead keys that are not worth a purge.
constexpr std::size_t kDeadAllowed = 1024;

std::uint32_t slot_of(std::uint64_t order) {
  return static_cast<std::uint32_t>(order & kSlotMask);
}

}  // namespace

void EventQueue::Fifo::drop_popped() {
  const std::size_t left = items_.size() - head_;
  std::copy_n(items_.data() + head_, left, items_.data());
  items_.resize(left);
  head_ = 0;
}

EventId EventQueue::push(Time time, Phase phase, EventHandler& handler, std::uint64_t token) {
  std::uint32_t slot = 0;
  if (free_slots_.empty()) {
    if (slots_.size() > kSlotMask) throw LimitError("more than 2^24 events are pending");
    slot = static_cast<std::uint32_t>(slots_.size());
    slots_.push_back(Slot{});
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  slots_[slot].handler = &handler;
  slots_[slot].token = token;
  if (time == now_) {
    enqueue(phase, Posted{.slot = slot});
  } else {
    if (next_sequence_ >> kSequenceBits != 0)
      throw LimitError("more than 2^38 events were scheduled");
    const std::uint64_t order =
        static_cast<std::uint64_t>(phase) << kPhaseShift | next_sequence_++ << kSlotBits | slot;
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

/// Whether what waits in the present runs before all of keys_. What lies there for the same phase
/// was pushed earlier.
bool EventQueue::present_is_next() {
  const std::int64_t now = now_.picoseconds();
  if (keys_.empty() || keys_.none_until(now)) return true;
  const EventKey& key = keys_.top();
  const auto phase = static_cast<unsigned>(std::countr_zero(waiting_));
  return key.time > now || (key.time == now && key.order >> kPhaseShift > phase);
}

/// The first of the present. Requires that one waits.
inline EventQueue::Posted EventQueue::take_present() {
  const auto phase = static_cast<unsigned>(std::countr_zero(waiting_));
  const Posted item = present_[phase].pop();
  if (present_[phase].empty()) waiting_ &= ~(1U << phase);
  return item;
}

Time EventQueue::next_time() {
  ORRERY_CHECK(live_ > 0, "the next time of an empty event queue");
  for (;;) {  // drops what was cancelled
    if (waiting_ != 0 && present_is_next()) {
      const Posted& item = present_[static_cast<unsigned>(std::countr_zero(waiting_))].front();
      if (item.slot == kNoSlot || slots_[item.slot].handler != nullptr) return now_;
      free_slots_.push_back(take_present().slot);
    } else {
      const EventKey key = keys_.top();
      const std::uint32_t slot = slot_of(key.order);
      if (slots_[slot].handler != nullptr) return Time(Duration(key.time));
      keys_.pop();
      free_slots_.push_back(slot);
    }
  }
}

EventQueue::Event EventQueue::pop() {
  ORRERY_CHECK(live_ > 0, "pop from an empty event queue");
  for (;;) {
    Time time = now_;
    std::uint32_t index = 0;
    if (waiting_ != 0 && present_is_next()) {
      const Posted item = take_present();
      if (item.slot == kNoSlot) {
        --live_;
        return Event{now_, item.handler, item.token};
      }
      index = item.slot;
    } else {
      const EventKey key = keys_.take();
      time = Time(Duration(key.time));
      index = slot_of(key.order);
    }
    Slot& slot = slots_[index];
    free_slots_.push_back(index);
    if (slot.handler == nullptr) continue;  // cancelled
    const Event event{time, slot.handler, slot.token};
    ++slot.generation;
    slot.handler = nullptr;
    --live_;
    if (waiting_ == 0) now_ = time;
    return event;
  }
}

}  // namespace orrery
