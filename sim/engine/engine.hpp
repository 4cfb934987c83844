#pragma once

#include <cstdint>

#include "sim/engine/event_queue.hpp"

namespace orrery {

/// The clock and the run loop. Any number of engines may live side by side; there is no global one.
class Engine {
 public:
  /// More events than this at one instant mean that a model schedules itself for ever: LimitError.
  static constexpr std::uint64_t kMaximumEventsPerInstant = 1'000'000'000;

  explicit Engine(std::uint64_t maximum_events_per_instant = kMaximumEventsPerInstant)
      : maximum_events_per_instant_(maximum_events_per_instant) {}
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  Time now() const { return now_; }
  std::uint64_t events_run() const { return events_run_; }

  /// Requires time >= now(). An event for this instant in a phase that has passed still runs next.
  EventId schedule(Time time, Phase phase, EventHandler& handler, std::uint64_t token = 0);
  /// At now(), behind what is already scheduled there in this phase; cannot be cancelled.
  void post(Phase phase, EventHandler& handler, std::uint64_t token = 0) {
    queue_.post(phase, handler, token);
  }
  bool cancel(EventId id) { return queue_.cancel(id); }
  /// Cancels (when still pending) and schedules anew, behind everything already scheduled there.
  EventId reschedule(EventId id, Time time, Phase phase, EventHandler& handler,
                     std::uint64_t token = 0);

  /// Runs until no event is left.
  void run();

 private:
  EventQueue queue_;
  Time now_;
  std::uint64_t events_run_ = 0;
  std::uint64_t maximum_events_per_instant_;
};

}  // namespace orrery
