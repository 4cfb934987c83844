#pragma once

#include <array>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "sim/engine/engine.hpp"
#include "sim/graph/runner.hpp"

namespace orrery {

/// A machine without contention: every participant of an op ends a fixed time after the start.
class FakeRunner final : public Runner, private EventHandler {
 public:
  explicit FakeRunner(Engine& engine) : engine_(&engine) {}

  void report_to(RunListener& listener) { listener_ = &listener; }
  /// On every rank; for a transfer, sent and delivered at once.
  void takes(OpId op, Duration duration) { transfers(op, duration, duration); }
  void transfers(OpId op, Duration until_sent, Duration until_delivered) {
    durations_[op] = {until_sent, until_delivered};
  }
  /// Wins over the above. Not for transfers.
  void takes_on(OpId op, Rank rank, Duration duration) { on_rank_[{op, rank}] = duration; }
  /// From now on it starts things and never calls back.
  void fall_silent() { silent_ = true; }

  /// What start_collective was called with.
  const std::vector<std::vector<Rank>>& groups() const { return groups_; }
  /// What start_transfer was called with.
  const std::vector<std::pair<Rank, Rank>>& pairs() const { return pairs_; }

  /// Between the start of a participant and its end.
  Duration duration(OpId op, Rank rank, bool destination = false) const {
    const auto found = on_rank_.find({op, rank});
    return found != on_rank_.end() ? found->second : durations_.at(op)[destination ? 1 : 0];
  }

  void start_compute(InstanceId instance, const Op&, Rank rank) override {
    call_back_in(duration(instance.op, rank), Callback{Event::computed, instance, 0});
  }
  void start_transfer(InstanceId instance, const Op&, Rank source, Rank destination) override {
    pairs_.emplace_back(source, destination);
    call_back_in(duration(instance.op, source), Callback{Event::sent, instance, 0});
    call_back_in(duration(instance.op, destination, true), Callback{Event::delivered, instance, 1});
  }
  void start_collective(InstanceId instance, const Op&, std::span<const Rank> group) override {
    groups_.emplace_back(group.begin(), group.end());
    for (std::size_t i = 0; i < group.size(); ++i) {
      call_back_in(duration(instance.op, group[i]), Callback{Event::member_done, instance, i});
    }
  }

 private:
  enum class Event { computed, sent, delivered, member_done };
  struct Callback {
    Event event;
    InstanceId instance;
    std::size_t position;
  };

  void call_back_in(Duration wait, const Callback& callback) {
    if (silent_) return;
    callbacks_.push_back(callback);
    engine_->schedule(engine_->now() + wait, Phase::complete, *this, callbacks_.size() - 1);
  }

  void handle_event(std::uint64_t token) override {
    const Callback callback = callbacks_[token];
    switch (callback.event) {
      case Event::computed:
        return listener_->computed(callback.instance);
      case Event::sent:
        return listener_->sent(callback.instance);
      case Event::delivered:
        return listener_->delivered(callback.instance);
      case Event::member_done:
        return listener_->member_done(callback.instance, callback.position);
    }
  }

  Engine* engine_;
  RunListener* listener_ = nullptr;
  std::map<OpId, std::array<Duration, 2>> durations_;
  std::map<std::pair<OpId, Rank>, Duration> on_rank_;
  std::vector<Callback> callbacks_;
  std::vector<std::vector<Rank>> groups_;
  std::vector<std::pair<Rank, Rank>> pairs_;
  bool silent_ = false;
};

}  // namespace orrery
