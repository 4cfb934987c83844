#include "sim/engine/engine.hpp"

#include <string>

#include "sim/base/errors.hpp"

namespace orrery {

EventId Engine::schedule(Time time, Phase phase, EventHandler& handler, std::uint64_t token) {
  ORRERY_CHECK(time >= now_, "an event was scheduled in the past");
  return queue_.push(time, phase, handler, token);
}

EventId Engine::reschedule(EventId id, Time time, Phase phase, EventHandler& handler,
                           std::uint64_t token) {
  queue_.cancel(id);
  return schedule(time, phase, handler, token);
}

inline void Engine::run_next() {
  const EventQueue::Event event = queue_.pop();
  at_this_instant_ = event.time == now_ ? at_this_instant_ + 1 : 1;
  if (at_this_instant_ > maximum_events_per_instant_) {
    throw LimitError("more than " + std::to_string(maximum_events_per_instant_) +
                     " events at one instant of simulated time");
  }
  now_ = event.time;
  ++events_run_;
  event.handler->handle_event(event.token);
}

void Engine::run() {
  if (keeper_ != nullptr) {
    keeper_->run(*this);
    return;
  }
  while (!queue_.empty()) run_next();
}

void Engine::run_until(Time time) {
  while (!queue_.empty() && queue_.next_time() <= time) run_next();
}

}  // namespace orrery
