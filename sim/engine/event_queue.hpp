#pragma once

#include <array>
#include <cstdint>
#include <vector>

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
/// A HotQueue of 16-byte keys, and a FIFO for each phase of the present instant, to which events
/// mostly add more events; handler and token lie in slots beside them. Cancelling empties the slot
/// and leaves the key to be dropped when it surfaces (lazy invalidation), or when more keys are
/// dead than alive: O(1) on average.
class EventQueue {
 public:
  struct Event {
    Time time;
    EventHandler* handler = nullptr;
    std::uint64_t token = 0;
  };

  /// At most 2^24 events may be pending and 2^38 may ever be pushed; beyond: LimitError.
  EventId push(Time time, Phase phase, EventHandler& handler, std::uint64_t token);
  /// False when the event has run or was cancelled before.
  bool cancel(EventId id);
  bool empty() const { return live_ == 0; }
  std::size_t size() const { return live_; }
  /// Time of the next event. Requires !empty().
  Time next_time();
  /// Removes and returns the next event. Requires !empty().
  Event pop();

 private:
  // The order of a key = phase (2 bits) | sequence (38 bits) | slot (24 bits): comparing it
  // compares phase, then sequence, and the slot rides along.
  struct Slot {
    EventHandler* handler = nullptr;  // null: free, or cancelled with its key still in keys_
    std::uint64_t token = 0;
    std::uint32_t generation = 0;
  };

  // Orders of keys, which all have the same time.
  class Fifo {
   public:
    bool empty() const { return head_ == orders_.size(); }
    std::uint64_t front() const { return orders_[head_]; }
    void push(std::uint64_t order);
    std::uint64_t pop() { return orders_[head_++]; }

   private:
    std::vector<std::uint64_t> orders_;
    std::size_t head_ = 0;
  };

  Fifo* present();
  bool runs_now(const Fifo* fifo);
  void purge();

  HotQueue keys_;
  std::array<Fifo, 4> present_;  // by phase: keys of the time now_ that were pushed since it is so
  Time now_;                     // of the last pop, or of the keys in present_
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_slots_;
  std::uint64_t next_sequence_ = 0;
  std::size_t live_ = 0;
};

}  // namespace orrery
