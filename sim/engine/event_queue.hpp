#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "sim/base/growing_array.hpp"
#include "sim/base/units.hpp"
#include "sim/engine/hot_queue.hpp"

namespace orrery {

/// Order of work inside one instant: what ends comes before what begins, rates are solved once when
/// all of that is known, and observers see the settled state.
enum class Phase : std::uint8_t { complete, issue, solve, observe };

/// Receives its events. `token` is whatever the handler gave when it scheduled the event.
class EventHandler {
 public:
  virtual void handle_event(std::uint64_t token) = 0;

 protected:
  ~EventHandler() = default;
};

/// Names a pending event so that it can be cancelled; stays safe to use after the event has run.
struct EventId {
  std::uint32_t slot = UINT32_MAX;
  std::uint32_t generation = 0;
};

/// Pending events ordered by (time, phase, sequence): first scheduled, first run, within a phase.
///
/// A HotQueue of 16-byte keys, whose handlers and tokens lie in slots beside them, and a FIFO for
/// each phase of the present instant, to which events mostly add more events. Events that are
/// pushed one after the other for one time and phase, as those of ranks in lock-step are, have one
/// key and hang together in a chain. Cancelling empties the slot and leaves it to be dropped when
/// it surfaces (lazy invalidation), or when many more are dead than alive: O(1) on average.
class EventQueue {
 public:
  struct Event {
    Time time;
    EventHandler* handler = nullptr;
    std::uint64_t token = 0;
  };

  /// At most 2^24 events may be pending and 2^38 may ever be pushed; beyond: LimitError.
  EventId push(Time time, Phase phase, EventHandler& handler, std::uint64_t token);
  /// At the time of the last pop (at first: 0), and not to be cancelled: no limit, and less work.
  void post(Phase phase, EventHandler& handler, std::uint64_t token) {
    enqueue(phase, Posted{&handler, token, kNoSlot});
    ++live_;
  }
  /// False when the event has run or was cancelled before.
  bool cancel(EventId id);
  bool empty() const { return live_ == 0; }
  std::size_t size() const { return live_; }
  /// Removes and returns the next event. Requires !empty().
  Event pop();
  /// Of the event that pop would return. Requires !empty().
  Time next_time();

 private:
  // The order of a key = phase (2 bits) | sequence (38 bits) | slot (24 bits): comparing it
  // compares phase, then sequence, and the slot rides along.
  static constexpr std::uint32_t kNoSlot = UINT32_MAX;
  struct Slot {
    EventHandler* handler = nullptr;  // null: free, or cancelled and not dropped yet
    std::uint64_t token = 0;
    std::uint32_t generation = 0;
    std::uint32_t next = kNoSlot;  // in the chain of one key
  };

  struct Posted {
    EventHandler* handler = nullptr;
    std::uint64_t token = 0;
    std::uint32_t slot = kNoSlot;  // where handler and token are instead, for what can be cancelled
  };
  class Fifo {
   public:
    bool empty() const { return head_ == items_.size(); }
    void push(const Posted& item) {
      // One that never runs empty must still give back what was popped.
      if (head_ > kPoppedAllowed && head_ > items_.size() / 2) drop_popped();
      items_.push_back(item);
    }
    const Posted& front() const { return items_[head_]; }
    Posted pop() {
      const Posted item = items_[head_++];
      if (head_ == items_.size()) {
        items_.clear();
        head_ = 0;
      }
      return item;
    }

   private:
    static constexpr std::size_t kPoppedAllowed = 1024;
    void drop_popped();

    GrowingArray<Posted> items_;
    std::size_t head_ = 0;
  };

  void enqueue(Phase phase, const Posted& item) {
    present_[static_cast<std::size_t>(phase)].push(item);
    waiting_ |= 1U << static_cast<unsigned>(phase);
  }
  std::uint32_t take_slot(EventHandler& handler, std::uint64_t token);
  void push_key(Time time, Phase phase, std::uint32_t slot);
  bool present_is_next();
  Posted take_present();
  void look_at_chain();
  std::uint32_t take_kept();
  void drop(std::uint32_t slot);
  void purge();
  bool purge_chain(std::uint32_t head);

  HotQueue keys_;
  std::array<Fifo, 4> present_;    // by phase: events of the time now_ that came since it is so
  std::uint32_t waiting_ = 0;      // a bit for each of them that is not empty
  Time now_;                       // of the last pop, or of the events in present_
  std::uint32_t chain_ = kNoSlot;  // what is left of the chain whose key was taken last,
  EventKey chain_key_{};           // and that key
  std::uint32_t tail_ = kNoSlot;   // of the chain of the last key that was pushed
  std::int64_t tail_time_ = 0;     // of that key, as is the phase
  Phase tail_phase_ = Phase::complete;
  GrowingArray<Slot> slots_;
  GrowingArray<std::uint32_t> free_slots_;
  std::uint64_t next_sequence_ = 0;
  std::size_t live_ = 0;
  std::size_t dead_ = 0;  // cancelled and not dropped yet
};

}  // namespace orrery
