#include "sim/engine/activity.hpp"

#include <algorithm>
#include <cmath>

#include "sim/base/errors.hpp"

namespace orrery {
namespace {

constexpr std::uint64_t kSolve = UINT64_MAX;
constexpr double kPicoseconds = static_cast<double>(kPicosecondsPerSecond);
constexpr double kLongest = 9.2e18;  // just below 2^63 ps

}  // namespace

void Activities::set_capacity(ResourceId resource, double capacity) {
  sharing_.set_capacity(resource, capacity);
  request_solve();
}

ShareId Activities::start(const Activity& activity, EventHandler& on_complete,
                          std::uint64_t token) {
  ORRERY_CHECK(activity.work >= 0, "an activity needs work >= 0");
  const ShareId id = sharing_.add(activity.usages, activity.terms);
  if (id.index() >= progress_.size()) progress_.resize(id.index() + 1);
  progress_[id.index()] =
      Progress{activity.work, 0, engine_->now(), EventId{}, &on_complete, token};
  ++started_;
  count(id, activity.work);
  request_solve();
  return id;
}

void Activities::cancel(ShareId id) {
  Progress& progress = progress_[id.index()];
  settle(progress);
  count(id, -progress.left);
  engine_->cancel(progress.completion);
  sharing_.remove(id);
  request_solve();
}

double Activities::carried(ResourceId resource) const {
  return resource.index() < carried_.size() ? carried_[resource.index()] : 0;
}

void Activities::handle_event(std::uint64_t token) {
  if (token == kSolve) {
    solve();
    return;
  }
  const Progress done = progress_[token];
  sharing_.remove(ShareId(token));
  request_solve();
  done.handler->handle_event(done.token);
}

void Activities::request_solve() {
  if (solve_pending_) return;
  solve_pending_ = true;
  engine_->schedule(engine_->now(), Phase::solve, *this, kSolve);
}

void Activities::solve() {
  solve_pending_ = false;
  for (const ShareId id : sharing_.solve()) {
    Progress& progress = progress_[id.index()];
    settle(progress);
    progress.rate = sharing_.rate(id);
    engine_->cancel(progress.completion);
    if (progress.rate <= 0 && progress.left > 0) continue;  // starved until something ends
    // left × 1e12 first: whole work units come out exact, 1 MiB at 1 GB/s in 1 048 576 000 ps.
    const double picoseconds = progress.left > 0 ? progress.left * kPicoseconds / progress.rate : 0;
    if (!(picoseconds < kLongest)) throw_overflow("duration", "of an activity");
    const Duration rest(std::llround(picoseconds));
    progress.completion =
        engine_->schedule(engine_->now() + rest, Phase::complete, *this, id.index());
  }
}

void Activities::settle(Progress& progress) const {
  if (progress.rate > 0) {
    const double done = progress.rate * to_seconds(engine_->now() - progress.since);
    progress.left = std::max(0.0, progress.left - done);
  }
  progress.since = engine_->now();
}

void Activities::count(ShareId id, double work) {
  if (carried_.size() < sharing_.resource_count()) carried_.resize(sharing_.resource_count());
  sharing_.for_each_usage(id, [&](ResourceId resource, double coefficient) {
    carried_[resource.index()] += work * coefficient;
  });
}

}  // namespace orrery
