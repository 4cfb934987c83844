#include "sim/base/errors.hpp"
#include "workloads/plan/micro_batch_plan.hpp"

namespace orrery {

bool has_mixed_integer_solver() {
  return false;
}

Solved mixed_integer_grouping(const GroupingProblem&, const Grouping&, const SolverLimits&) {
  ORRERY_CHECK(false, "callers ask has_mixed_integer_solver first");
  return {};
}

}  // namespace orrery
