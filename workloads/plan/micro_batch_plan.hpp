#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "workloads/plan/group_cost.hpp"
#include "workloads/plan/partition.hpp"

namespace orrery {

/// Which groups of devices work on a micro-batch, and on what. Buckets ascend; on every group each
/// sequence counts for as long as its bucket says.
struct GroupingProblem {
  const GroupCost* cost = nullptr;
  std::int64_t devices = 1;
  std::vector<Bucket> buckets;
};

struct PlannedGroup {
  std::size_t size = 0;                 // index into GroupCost::sizes
  std::vector<std::int64_t> sequences;  // by bucket
};

struct Grouping {
  std::vector<PlannedGroup> groups;  // none is empty; larger first
  double time_s = 0;                 // of the slowest group
};

double time_s(const GroupingProblem& problem, const PlannedGroup& group);
std::int64_t tokens_of(const GroupingProblem& problem, const PlannedGroup& group);
/// Drops empty groups, puts larger ones first and takes the time.
Grouping finished(const GroupingProblem& problem, std::vector<PlannedGroup> groups);

/// Good groups, quickly: groups as small as the longest sequences allow for a time that is
/// bisected, best-fit decreasing, then groups split and merged and sequences moved while the
/// slowest group gets faster. Nothing when a sequence fits on no group, or all of them not at once.
std::optional<Grouping> greedy_grouping(const GroupingProblem& problem);

/// Sequences of the slowest group moved elsewhere, or exchanged for others, while it gets faster.
Grouping with_sequences_moved(const GroupingProblem& problem, Grouping grouping);

/// What bounds the time from below: no group's device-seconds can be used twice, and a sequence
/// takes what it takes on the fastest group.
double time_bound_s(const GroupingProblem& problem);

/// Limits of the solver. Nodes make the same result everywhere; seconds are an emergency brake,
/// and a result says when it was pulled.
struct SolverLimits {
  std::int64_t nodes = 200;
  double seconds = 60;
  double gap = 0.001;  // relative, at which it stops
};

struct Solved {
  Grouping grouping;
  double bound_s = 0;    // no grouping is faster
  bool optimal = false;  // proved, within the gap that was asked for
  bool out_of_time = false;
  std::int64_t nodes = 0;

  double gap() const { return grouping.time_s > 0 ? 1 - bound_s / grouping.time_s : 0; }
};

/// Whether this build has a solver of mixed-integer programs.
bool has_mixed_integer_solver();

/// The grouping by FlexSP's mixed-integer linear program (Wang et al. 2025, §4.1.3), which begins
/// with `start` and never ends worse: minimise C over m_p in {0, 1} and whole A_qp with
///   time of group p <= C, tokens of group p <= capacity m_p, sum_p d_p m_p <= devices,
///   sum_p A_qp = sequences of bucket q, sum_q A_qp <= m_p K.
/// To these come inequalities that every solution obeys and that only help the solver: the
/// device-seconds of all groups together <= devices C, and among groups of one size those that are
/// used come first. Requires has_mixed_integer_solver().
Solved mixed_integer_grouping(const GroupingProblem& problem, const Grouping& start,
                              const SolverLimits& limits);

}  // namespace orrery
