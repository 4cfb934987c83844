#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/base/growing_array.hpp"
#include "sim/engine/engine.hpp"
#include "sim/engine/sharing.hpp"

namespace orrery {

/// Everything that takes time: an amount of work done at the rate that sharing gives it.
struct Activity {
  double work = 0;  // in work units (bytes, operations, or 1 for "the whole"); >= 0
  std::span<const Usage> usages;
  ShareTerms terms;
};

/// Runs activities on shared resources. Rates are solved once per instant, in the Solve phase,
/// after everything that starts or ends there; an activity whose rate changes keeps the work it has
/// done. Completion runs the handler in the Complete phase, at the nearest picosecond.
///
/// Where the first that a handler starts competes as what it heard the end of did, the share goes
/// over to it: nothing changes for anybody else.
class Activities final : private EventHandler {
 public:
  explicit Activities(Engine& engine) : engine_(&engine) {}
  Activities(const Activities&) = delete;
  Activities& operator=(const Activities&) = delete;

  ResourceId add_resource(double capacity) {
    carried_.push_back(0);
    return sharing_.add_resource(capacity);
  }
  /// Takes effect at this instant.
  void set_capacity(ResourceId resource, double capacity);

  ShareId start(const Activity& activity, EventHandler& on_complete, std::uint64_t token);
  /// Ends it without completion. Returns the work that was left.
  double cancel(ShareId activity);

  /// Counts what goes through a resource without competing for it, where it cannot be short.
  void count(ResourceId resource, double amount) { carried_[resource.index()] += amount; }

  Time now() const { return engine_->now(); }
  const Sharing& sharing() const { return sharing_; }
  std::uint64_t started() const { return started_; }
  /// By resource: work × coefficient that has gone through it by now, for utilisation. Not between
  /// the start of an activity and the Solve phase of the same instant.
  std::vector<double> done() const;

 private:
  static constexpr std::uint64_t kSolve = UINT64_MAX;  // a token that is no share's
  struct Progress {
    double left = 0;  // work, as of `since`
    double rate = 0;
    double begun = 0;  // work in all, of those before it on this share too
    Time since;
    EventId completion;
    EventHandler* handler = nullptr;
    std::uint64_t token = 0;
    bool waits = false;  // for its first rate
  };

  void handle_event(std::uint64_t token) override;
  void request_solve() {
    if (!solve_pending_) engine_->post(Phase::solve, *this, kSolve);
    solve_pending_ = true;
  }
  void solve();
  ShareId share_for(const Activity& activity);
  void complete_at_rate(ShareId id, Progress& progress);
  void end(ShareId id);
  void settle(Progress& progress) const;
  double left(const Progress& progress) const;

  Engine* engine_;
  Sharing sharing_;
  GrowingArray<Progress> progress_;  // by share
  std::vector<double> carried_;  // by resource, of shares that are gone and what is only counted
  ShareId ending_;               // of what has just completed, while nobody has taken it over
  GrowingArray<ShareId> taken_over_;  // since the last solve
  bool solve_pending_ = false;
  std::uint64_t started_ = 0;
};

}  // namespace orrery
