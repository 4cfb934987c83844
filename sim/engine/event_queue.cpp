#include "sim/engine/event_queue.hpp"

#include <algorithm>

#include "sim/base/errors.hpp"

namespace orrery {
namespace {

constexpr unsigned kSlotBits = 24;
constexpr unsigned kSequenceBits = 38;
constexpr std::uint64_t kSlotMask = (std::uint64_t{1} << kSlotBits) - 1;
constexpr std::size_t kArity = 4;

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
  heap_.emplace_back();
  sift_up(heap_.size() - 1, Key{time.picoseconds(), order});
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
  ORRERY_CHECK(!heap_.empty(), "next_time of an empty event queue");
  return Time(Duration(heap_.front().time));
}

EventQueue::Event EventQueue::pop() {
  drop_cancelled();
  ORRERY_CHECK(!heap_.empty(), "pop from an empty event queue");
  const Key top = heap_.front();
  Slot& slot = slots_[slot_of(top.order)];
  const Event event{Time(Duration(top.time)), slot.handler, slot.token};
  ++slot.generation;
  slot.handler = nullptr;
  --live_;
  release(slot_of(top.order));
  remove_top();
  return event;
}

void EventQueue::drop_cancelled() {
  while (!heap_.empty() && slots_[slot_of(heap_.front().order)].handler == nullptr) {
    release(slot_of(heap_.front().order));
    remove_top();
  }
}

void EventQueue::release(std::uint32_t slot) {
  free_slots_.push_back(slot);
}

void EventQueue::remove_top() {
  const Key last = heap_.back();
  heap_.pop_back();
  if (!heap_.empty()) sift_down(0, last);
}

void EventQueue::sift_up(std::size_t hole, Key key) {
  while (hole > 0) {
    const std::size_t parent = (hole - 1) / kArity;
    if (!key.before(heap_[parent])) break;
    heap_[hole] = heap_[parent];
    hole = parent;
  }
  heap_[hole] = key;
}

void EventQueue::sift_down(std::size_t hole, Key key) {
  const std::size_t size = heap_.size();
  for (;;) {
    const std::size_t first = hole * kArity + 1;
    if (first >= size) break;
    std::size_t best = first;
    const std::size_t end = std::min(first + kArity, size);
    for (std::size_t child = first + 1; child < end; ++child) {
      if (heap_[child].before(heap_[best])) best = child;
    }
    if (!heap_[best].before(key)) break;
    heap_[hole] = heap_[best];
    hole = best;
  }
  heap_[hole] = key;
}

}  // namespace orrery
