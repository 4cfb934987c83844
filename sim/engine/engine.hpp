#pragma once

#include <cstdint>

#include "sim/engine/event_queue.hpp"

namespace orrery {

class Engine;

/// Lets time pass in place of the engine: another simulator, in whose run loop the events hang.
class TimeKeeper {
 public:
  /// Runs all events of the engine, each at its time. What it adds on its way runs too.
  virtual void run(Engine& engine) = 0;

 protected:
  ~TimeKeeper() = default;
};

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

  /// Runs until no event is left, or has the time keeper do so.
  void run();

  /// From now on run() is `keeper`'s, which outlives the run. It calls what follows.
  void set_time_keeper(TimeKeeper& keeper) { keeper_ = &keeper; }
  bool is_idle() const { return queue_.empty(); }
  /// Of the next event. Requires !is_idle().
  Time next_time() { return queue_.next_time(); }
  /// Runs everything up to this time and at it, also what comes up meanwhile.
  void run_until(Time time);

 private:
  void run_next();

  EventQueue queue_;
  Time now_;
  TimeKeeper* keeper_ = nullptr;
  std::uint64_t at_this_instant_ = 0;  // events run there
  std::uint64_t events_run_ = 0;
  std::uint64_t maximum_events_per_instant_;
};

}  // namespace orrery
