#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <vector>

#include "models/collective/collective.hpp"
#include "sim/base/random.hpp"

namespace orrery {

/// One message of a walk.
struct Parcel {
  int from = 0;
  int step = 0;
  Send send;
};

/// Walks the members of a program by the begin rule of CollectiveProgram, as the header states it,
/// and lets messages leave and arrive in random order. Shares nothing with CollectiveRunner.
class CollectiveWalk {
 public:
  struct Hooks {
    std::function<void(std::size_t parcel)> begun = [](std::size_t) {};
    std::function<void(std::size_t parcel)> arrived = [](std::size_t) {};
  };

  CollectiveWalk(const CollectiveProgram& program, int members)
      : program_(&program), members_(members), states_(static_cast<std::size_t>(members)) {
    for (State& state : states_)
      state.received.assign(static_cast<std::size_t>(program.steps()), 0);
  }

  void run(RandomStream& random, const Hooks& hooks) {
    for (int member = 0; member < members_; ++member) begin_steps(member, hooks);
    while (!moving_.empty()) {
      const auto last = static_cast<std::int64_t>(moving_.size()) - 1;
      const auto pick = static_cast<std::size_t>(random.integer(0, last));
      Moving& moving = moving_[pick];
      const std::size_t parcel = moving.parcel;
      if (!moving.left) {
        moving.left = true;
        State& sender = state(parcels_[parcel].from);
        if (--sender.unsent == 0) begin_steps(parcels_[parcel].from, hooks);
        continue;
      }
      moving_[pick] = moving_.back();
      moving_.pop_back();
      const int step = parcels_[parcel].step;
      if (!parcels_[parcel].send.meets) {
        receive(parcel, hooks);
        continue;
      }
      std::vector<std::size_t>& met = met_[step];
      met.push_back(parcel);
      if (static_cast<int>(met.size()) < program_->meeting(step)) continue;
      for (const std::size_t arrived : std::vector(met)) receive(arrived, hooks);
    }
  }

  /// In the order in which they began.
  const std::vector<Parcel>& parcels() const { return parcels_; }
  /// All its steps begun, all its sends gone, and received exactly what it was to receive.
  bool finished(int member) const {
    const State& s = states_[static_cast<std::size_t>(member)];
    bool complete = s.next_step == program_->steps() && s.unsent == 0;
    for (int step = 0; step < program_->steps(); ++step) {
      const int received = s.received[static_cast<std::size_t>(step)];
      complete = complete && received == program_->receives(member, step);
    }
    return complete;
  }

 private:
  struct State {
    int next_step = 0;
    int unsent = 0;
    int complete = 0;  // leading steps of which everything has arrived
    std::vector<int> received;
  };
  struct Moving {
    std::size_t parcel = 0;
    bool left = false;
  };

  void receive(std::size_t parcel, const Hooks& hooks) {
    hooks.arrived(parcel);
    const int to = parcels_[parcel].send.to;
    ++state(to).received[static_cast<std::size_t>(parcels_[parcel].step)];
    if (state(to).unsent == 0) begin_steps(to, hooks);
  }
  State& state(int member) { return states_[static_cast<std::size_t>(member)]; }

  void begin_steps(int member, const Hooks& hooks) {
    State& s = state(member);
    while (s.unsent == 0 && s.next_step < program_->steps()) {
      const int needed = s.next_step - program_->lag() + 1;  // steps 0 … k - lag
      while (s.complete < needed && s.received[static_cast<std::size_t>(s.complete)] ==
                                        program_->receives(member, s.complete)) {
        ++s.complete;
      }
      if (s.complete < needed) return;
      const int step = s.next_step++;
      std::vector<Send> sends;
      program_->sends(member, step, sends);
      s.unsent = static_cast<int>(sends.size());
      for (const Send& send : sends) {
        parcels_.push_back({member, step, send});
        moving_.push_back({parcels_.size() - 1, false});
        hooks.begun(parcels_.size() - 1);
      }
    }
  }

  const CollectiveProgram* program_;
  int members_;
  std::vector<State> states_;
  std::vector<Parcel> parcels_;
  std::vector<Moving> moving_;
  std::map<int, std::vector<std::size_t>> met_;  // by step: parcels that have come
};

/// Bytes [from, to) of a buffer cut into `count` blocks are block `index`; floor(i * size / count)
/// cuts it. For sizes whose product with `count` fits.
inline Bytes block_size(Bytes size, int index, int count) {
  const auto cut = [&](std::int64_t i) { return size.count() * i / count; };
  return Bytes(cut(index + 1) - cut(index));
}

inline std::int64_t ceil_ratio(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

}  // namespace orrery
