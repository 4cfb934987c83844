#include "models/collective/collective_runner.hpp"

#include <algorithm>
#include <utility>

#include "sim/base/errors.hpp"

namespace orrery {

void CollectiveRunner::begin(std::uint32_t id, std::shared_ptr<const CollectiveProgram> program,
                             int members) {
  if (id >= runs_.size()) runs_.resize(id + 1);
  Run& run = runs_[id];
  run.program = std::move(program);
  run.steps = run.program->steps();
  run.lag = run.program->lag();
  run.members.resize(static_cast<std::size_t>(members));
  for (int member = 0; member < members; ++member) {
    Member& state = run.members[static_cast<std::size_t>(member)];
    state.next_step = state.in_flight = state.complete_steps = 0;
    state.counts.clear();
    complete_received_steps(run, member, state);
  }
  for (int member = 0; member < members; ++member) advance(id, member);
}

void CollectiveRunner::message_sent(std::uint32_t run, int from) {
  Member& state = runs_[run].members[static_cast<std::size_t>(from)];
  if (--state.in_flight == 0) advance(run, from);
}

void CollectiveRunner::message_arrived(std::uint32_t id, int to, int step, bool meets) {
  if (meets) {
    message_met(id, to, step);
  } else {
    receive(id, to, step);
  }
}

/// When the last of those of the step has come, everybody has received theirs.
void CollectiveRunner::message_met(std::uint32_t id, int to, int step) {
  Run& run = runs_[id];
  std::vector<int>& met = run.met[step];
  met.push_back(to);
  if (static_cast<int>(met.size()) < run.program->meeting(step)) return;
  const std::vector<int> receivers = std::move(met);
  run.met.erase(step);
  for (const int member : receivers) receive(id, member, step);
}

void CollectiveRunner::receive(std::uint32_t id, int to, int step) {
  Run& run = runs_[id];
  Member& state = run.members[static_cast<std::size_t>(to)];
  ORRERY_CHECK(step >= state.complete_steps, "a collective's message arrived twice");
  const auto ahead = static_cast<std::size_t>(step - state.complete_steps);
  if (ahead == 0 && state.counts.empty() && state.expected == 1) {
    ++state.complete_steps;  // nearly always
  } else {
    if (ahead >= state.counts.size()) state.counts.resize(ahead + 1);
    ++state.counts[ahead];
    if (ahead > 0) return;
  }
  complete_received_steps(run, to, state);
  if (state.in_flight == 0) advance(id, to);
}

void CollectiveRunner::complete_received_steps(const Run& run, int member, Member& state) {
  std::size_t done = 0;
  while (state.complete_steps < run.steps) {
    const int received = done < state.counts.size() ? state.counts[done] : 0;
    state.expected = run.program->receives(member, state.complete_steps);
    if (received < state.expected) break;
    ++state.complete_steps;
    ++done;
  }
  if (state.counts.empty()) return;
  const std::size_t stored = std::min(done, state.counts.size());
  state.counts.erase(state.counts.begin(),
                     state.counts.begin() + static_cast<std::ptrdiff_t>(stored));
}

void CollectiveRunner::advance(std::uint32_t id, int member) {
  for (;;) {
    Run& run = runs_[id];
    Member& state = run.members[static_cast<std::size_t>(member)];
    if (state.next_step == run.steps) {
      if (state.complete_steps == run.steps) carrier_->member_finished(id, member);
      return;
    }
    if (state.complete_steps <= state.next_step - run.lag) return;
    const int step = state.next_step++;
    sends_.clear();
    run.program->sends(member, step, sends_);
    state.in_flight = static_cast<int>(sends_.size());
    for (const Send& send : sends_) carrier_->carry(id, member, step, send);
    if (!sends_.empty()) return;
  }
}

}  // namespace orrery
