#pragma once

#include <span>
#include <vector>

namespace orrery {

/// A message of a step, in seconds.
struct TimedMessage {
  int from = 0;
  int to = 0;
  double held = 0;     // by its transport, before it begins
  double least = 0;    // that it takes to leave, whatever else is on its links
  double latency = 0;  // from when it has left to when it has arrived
  double leaves = 0;   // after its sender began the step
  bool meets = false;  // it has arrived when the last such one of the step has
};

/// When the members of a collective are where in its program, by the rules of CollectiveProgram: a
/// step begins when all sends of the one before have left and all that was sent `lag` steps before,
/// or earlier, has arrived.
class MemberTimes {
 public:
  MemberTimes(int members, int lag);

  /// The next step, `count` times. A step is repeated as often as `most` messages allow, at least
  /// 64 times; the rest goes on at the pace of the second half of these.
  void walk(std::span<const TimedMessage> messages, int count, std::size_t most);
  /// When the last member has sent and received everything.
  double end() const;
  /// By how much at most members began a step at other times than each other.
  double apart() const { return apart_; }

 private:
  void walk_once(std::span<const TimedMessage> messages);
  void wait(double seconds);

  std::vector<double> left_;                  // by member: its sends so far
  std::vector<std::vector<double>> arrived_;  // by step modulo lag, by member: all up to that step
  std::vector<double> begins_;                // of the step at hand, by member
  std::size_t step_ = 0;
  double apart_ = 0;
};

}  // namespace orrery
