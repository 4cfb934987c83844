#include "sim/engine/activity.hpp"

#include <algorithm>
#include <utility>

#include "sim/base/errors.hpp"

namespace orrery {
namespace {

constexpr double kPicoseconds = static_cast<double>(kPicosecondsPerSecond);
constexpr double kLongest = 9.2e18;  // just below 2^63 ps

/// Halves up, and what is a half but for rounding: rates and what is left are sums whose last bits
/// depend on the order of adding, and equal flows must end at equal times whatever that was (folded
/// or not). Sizes and bandwidths are round numbers, so that true halves are frequent and other
/// values as near to one are not. What has been done since the start of the run, a few additions
/// of 2^-53 each, is off by less than 2^-50 of its time. Requires 0 <= value < 2^63; std::llround
/// is a call.
std::int64_t nearest(double value, Time now) {
  const double noise =
      std::max(0x1p-20, (static_cast<double>(now.picoseconds()) + value) * 0x1p-50);
  const auto whole = static_cast<std::int64_t>(value);
  return whole + (value - static_cast<double>(whole) >= 0.5 - noise ? 1 : 0);
}

}  // namespace

void Activities::set_capacity(ResourceId resource, double capacity) {
  sharing_.set_capacity(resource, capacity);
  request_solve();
}

ShareId Activities::start(const Activity& activity, EventHandler& on_complete,
                          std::uint64_t token) {
  ORRERY_CHECK(activity.work >= 0, "an activity needs work >= 0");
  const ShareId id = share_for(activity);
  if (id.index() == progress_.size()) progress_.push_back(Progress{});
  Progress& progress = progress_[id.index()];
  progress.left = activity.work;
  progress.rate = 0;
  progress.begun += activity.work;
  progress.since = engine_->now();
  progress.completion = EventId{};
  progress.handler = &on_complete;
  progress.token = token;
  progress.waits = true;
  ++started_;
  request_solve();
  return id;
}

ShareId Activities::share_for(const Activity& activity) {
  if (ending_.valid()) {
    const ShareId id = std::exchange(ending_, ShareId());
    if (sharing_.is_alike(id, activity.usages, activity.terms)) {
      taken_over_.push_back(id);
      return id;
    }
    end(id);
  }
  return sharing_.add(activity.usages, activity.terms);
}

double Activities::cancel(ShareId id) {
  Progress& progress = progress_[id.index()];
  settle(progress);
  engine_->cancel(progress.completion);
  progress.waits = false;
  end(id);
  request_solve();
  return progress.left;
}

/// What it has done is counted with what other shares of its resources did.
void Activities::end(ShareId id) {
  Progress& progress = progress_[id.index()];
  sharing_.for_each_usage(id, [&](ResourceId resource, double coefficient) {
    carried_[resource.index()] += (progress.begun - progress.left) * coefficient;
  });
  progress.begun = 0;
  sharing_.remove(id);
}

void Activities::handle_event(std::uint64_t token) {
  if (token == kSolve) {
    solve();
    return;
  }
  Progress& done = progress_[token];
  done.left = 0;
  ending_ = ShareId(token);
  request_solve();
  done.handler->handle_event(done.token);
  if (ending_.valid()) end(std::exchange(ending_, ShareId()));
}

void Activities::solve() {
  solve_pending_ = false;
  for (const ShareId id : sharing_.solve()) {
    Progress& progress = progress_[id.index()];
    settle(progress);
    engine_->cancel(progress.completion);
    complete_at_rate(id, progress);
  }
  for (const ShareId id : taken_over_) {
    Progress& progress = progress_[id.index()];
    // Else its rate has changed too, or it is over already and may even be another's by now.
    if (progress.waits) complete_at_rate(id, progress);
  }
  taken_over_.clear();
}

/// From now on it goes at the rate of its share.
void Activities::complete_at_rate(ShareId id, Progress& progress) {
  progress.waits = false;
  progress.rate = sharing_.rate(id);
  if (progress.rate <= 0 && progress.left > 0) return;  // starved until something ends
  // left × 1e12 first: whole work units come out exact, 1 MiB at 1 GB/s in 1 048 576 000 ps.
  const double picoseconds = progress.left > 0 ? progress.left * kPicoseconds / progress.rate : 0;
  if (!(picoseconds < kLongest)) throw_overflow("duration", "of an activity");
  const Duration rest(nearest(picoseconds, engine_->now()));
  progress.completion =
      engine_->schedule(engine_->now() + rest, Phase::complete, *this, id.index());
}

std::vector<double> Activities::done() const {
  std::vector<double> done = carried_;
  sharing_.for_each_share([&](ShareId share) {
    const Progress& progress = progress_[share.index()];
    sharing_.for_each_usage(share, [&](ResourceId resource, double coefficient) {
      done[resource.index()] += (progress.begun - left(progress)) * coefficient;
    });
  });
  return done;
}

double Activities::left(const Progress& progress) const {
  if (progress.rate <= 0) return progress.left;
  const double done = progress.rate * to_seconds(engine_->now() - progress.since);
  return std::max(0.0, progress.left - done);
}

void Activities::settle(Progress& progress) const {
  progress.left = left(progress);
  progress.since = engine_->now();
}

}  // namespace orrery
