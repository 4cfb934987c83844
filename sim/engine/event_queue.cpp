#include "sim/engine/event_queue.hpp"

#include <algorithm>
#include <bit>
#include <utility>

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

inline std::uint32_t EventQueue::take_slot(EventHandler& handler, std::uint64_t token) {
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
  return slot;
}

EventId EventQueue::push(Time time, Phase phase, EventHandler& handler, std::uint64_t token) {
  const std::uint32_t slot = take_slot(handler, token);
  ++live_;
  if (time == now_) {
    enqueue(phase, Posted{.slot = slot});
  } else if (time.picoseconds() == tail_time_ && phase == tail_phase_ && tail_ != kNoSlot) {
    // Not now_, so that the key is still there; and nothing for this time and phase lies between.
    slots_[tail_].next = slot;
    tail_ = slot;
  } else {
    push_key(time, phase, slot);
  }
  return EventId{slot, slots_[slot].generation};
}

void EventQueue::push_key(Time time, Phase phase, std::uint32_t slot) {
  if (next_sequence_ >> kSequenceBits != 0)
    throw LimitError("more than 2^38 events were scheduled");
  const std::uint64_t order =
      static_cast<std::uint64_t>(phase) << kPhaseShift | next_sequence_++ << kSlotBits | slot;
  const EventKey key{time.picoseconds(), order};
  if (chain_ != kNoSlot && key.before(chain_key_)) {  // what next_time() has looked at comes later
    keys_.push(EventKey{chain_key_.time, (chain_key_.order & ~kSlotMask) | chain_});
    chain_ = kNoSlot;
  }
  keys_.push(key);
  tail_ = slot;
  tail_time_ = time.picoseconds();
  tail_phase_ = phase;
}

bool EventQueue::cancel(EventId id) {
  if (id.slot >= slots_.size()) return false;
  Slot& slot = slots_[id.slot];
  if (slot.handler == nullptr || slot.generation != id.generation) return false;
  slot.handler = nullptr;
  ++slot.generation;
  --live_;
  ++dead_;
  if (dead_ > 2 * live_ + kDeadAllowed) purge();
  return true;
}

void EventQueue::drop(std::uint32_t slot) {
  free_slots_.push_back(slot);
  --dead_;
}

/// What is in present_, or left of a chain, stays: it is dropped at this instant.
void EventQueue::purge() {
  keys_.remove_if([this](const EventKey& key) { return purge_chain(slot_of(key.order)); });
  tail_ = kNoSlot;
}

/// Drops the dead of a chain, but for its head, by which its key has it. True when that went too,
/// as no other was alive.
bool EventQueue::purge_chain(std::uint32_t head) {
  std::uint32_t last = head;
  for (std::uint32_t slot = slots_[head].next; slot != kNoSlot;) {
    const std::uint32_t next = slots_[slot].next;
    if (slots_[slot].handler == nullptr) {
      slots_[slot].next = kNoSlot;
      drop(slot);
    } else {
      slots_[last].next = slot;
      last = slot;
    }
    slot = next;
  }
  slots_[last].next = kNoSlot;
  if (last != head || slots_[head].handler != nullptr) return false;
  drop(head);
  return true;
}

/// Whether what waits in the present runs before all that has a key. What lies there for the same
/// phase was pushed earlier.
bool EventQueue::present_is_next() {
  const std::int64_t now = now_.picoseconds();
  const bool in_chain = chain_ != kNoSlot;
  if (!in_chain && (keys_.empty() || keys_.none_until(now))) return true;
  const EventKey& key = in_chain ? chain_key_ : keys_.top();
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

/// The first slot of those with a key, which is in chain_key_ then.
inline std::uint32_t EventQueue::take_kept() {
  look_at_chain();
  const std::uint32_t slot = chain_;
  chain_ = std::exchange(slots_[slot].next, kNoSlot);
  return slot;
}

inline void EventQueue::look_at_chain() {
  if (chain_ != kNoSlot) return;
  chain_key_ = keys_.take();
  chain_ = slot_of(chain_key_.order);
  if (chain_key_.time == tail_time_) tail_ = kNoSlot;  // it may end there
}

Time EventQueue::next_time() {
  ORRERY_CHECK(live_ > 0, "the next time of an empty event queue");
  for (;;) {  // drops what was cancelled
    if (waiting_ != 0 && present_is_next()) {
      const Posted& item = present_[static_cast<unsigned>(std::countr_zero(waiting_))].front();
      if (item.slot == kNoSlot || slots_[item.slot].handler != nullptr) return now_;
      drop(take_present().slot);
    } else {
      look_at_chain();
      if (slots_[chain_].handler != nullptr) return Time(Duration(chain_key_.time));
      drop(take_kept());
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
      index = take_kept();
      time = Time(Duration(chain_key_.time));
    }
    Slot& slot = slots_[index];
    if (slot.handler == nullptr) {  // cancelled
      drop(index);
      continue;
    }
    free_slots_.push_back(index);
    const Event event{time, slot.handler, slot.token};
    ++slot.generation;
    slot.handler = nullptr;
    --live_;
    if (waiting_ == 0) now_ = time;
    return event;
  }
}

}  // namespace orrery
