#include "models/collective/member_times.hpp"

#include <algorithm>

namespace orrery {

MemberTimes::MemberTimes(int members, int lag)
    : left_(static_cast<std::size_t>(members), 0.0),
      arrived_(static_cast<std::size_t>(lag), left_),
      begins_(left_) {}

void MemberTimes::walk(std::span<const TimedMessage> messages, int count, std::size_t most) {
  constexpr std::size_t kLeast = 64;
  const std::size_t affordable = std::max(kLeast, most / std::max<std::size_t>(1, messages.size()));
  const int walked = static_cast<int>(std::min(affordable, static_cast<std::size_t>(count)));
  double halfway = 0;
  for (int i = 0; i < walked; ++i) {
    if (i == walked / 2) halfway = end();
    walk_once(messages);
  }
  if (walked < count) wait((count - walked) * (end() - halfway) / (walked - walked / 2));
}

void MemberTimes::walk_once(std::span<const TimedMessage> messages) {
  const std::size_t lag = arrived_.size();
  std::vector<double>& arrived = arrived_[step_ % lag];  // so far that of `lag` steps before
  for (std::size_t member = 0; member < left_.size(); ++member) {
    begins_[member] = std::max(left_[member], arrived[member]);
  }
  const auto [first, last] = std::minmax_element(begins_.begin(), begins_.end());
  apart_ = std::max(apart_, *last - *first);
  left_ = begins_;
  if (lag > 1) arrived = arrived_[(step_ + lag - 1) % lag];
  double met = 0;
  for (const TimedMessage& message : messages) {
    const double leaves = begins_[static_cast<std::size_t>(message.from)] + message.leaves;
    double& left = left_[static_cast<std::size_t>(message.from)];
    double& comes = message.meets ? met : arrived[static_cast<std::size_t>(message.to)];
    left = std::max(left, leaves);
    comes = std::max(comes, leaves + message.latency);
  }
  for (const TimedMessage& message : messages) {
    if (!message.meets) continue;
    double& comes = arrived[static_cast<std::size_t>(message.to)];
    comes = std::max(comes, met);
  }
  ++step_;
}

void MemberTimes::wait(double seconds) {
  for (double& time : left_) time += seconds;
  for (std::vector<double>& times : arrived_) {
    for (double& time : times) time += seconds;
  }
}

double MemberTimes::end() const {
  double last = *std::max_element(left_.begin(), left_.end());
  for (const std::vector<double>& times : arrived_) {
    last = std::max(last, *std::max_element(times.begin(), times.end()));
  }
  return last;
}

}  // namespace orrery
