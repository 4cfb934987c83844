#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "models/collective/collective.hpp"

namespace orrery {

/// What a running collective needs of the machine.
class MessageCarrier {
 public:
  /// Carries one message; the carrier calls message_sent and then message_arrived of the runner for
  /// it, later, never from inside carry.
  virtual void carry(std::uint32_t run, int from, int step, const Send& send) = 0;
  /// `member` has sent and received everything.
  virtual void member_finished(std::uint32_t run, int member) = 0;

 protected:
  ~MessageCarrier() = default;
};

/// Walks the members of running collectives through their programs. Holds per member as many counts
/// as others have sent ahead of it, whatever the number of messages.
class CollectiveRunner {
 public:
  explicit CollectiveRunner(MessageCarrier& carrier) : carrier_(&carrier) {}

  /// Begins a collective; `run` is the caller's name for it, free for reuse once all have finished.
  void begin(std::uint32_t run, std::shared_ptr<const CollectiveProgram> program, int members);
  void message_sent(std::uint32_t run, int from);
  /// `meets`: as its Send says.
  void message_arrived(std::uint32_t run, int to, int step, bool meets);

 private:
  struct Member {
    int next_step = 0;        // the step to begin
    int in_flight = 0;        // sends of the current step that have not left
    int complete_steps = 0;   // leading steps of which everything has been received
    int expected = 0;         // messages of the step after these, received or not
    std::vector<int> counts;  // received of step complete_steps + i
  };
  struct Run {
    std::shared_ptr<const CollectiveProgram> program;
    int steps = 0;
    int lag = 1;
    std::map<int, std::vector<int>> met;  // by step: to whom those are that have met so far
    std::vector<Member> members;
  };

  void advance(std::uint32_t run, int member);
  void receive(std::uint32_t run, int to, int step);
  void message_met(std::uint32_t run, int to, int step);
  void complete_received_steps(const Run& run, int member, Member& state);

  MessageCarrier* carrier_;
  std::vector<Run> runs_;
  std::vector<Send> sends_;
};

}  // namespace orrery
