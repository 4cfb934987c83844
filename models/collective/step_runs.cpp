#include "models/collective/step_runs.hpp"

#include <map>

namespace orrery {
namespace {

/// Of which runs of more than `shortest` steps alone are told apart.
StepRuns runs_of(const CollectiveProgram& program, int shortest) {
  StepRuns all;
  std::map<int, int> kinds;  // by pattern
  const auto add = [&](int step, int count) {
    if (!all.runs.empty() && all.runs.back().count + count <= shortest) {
      all.runs.back().count += count;
    } else {
      const auto [known, is_new] =
          kinds.try_emplace(program.pattern(step), static_cast<int>(all.kinds.size()));
      if (is_new) all.kinds.push_back({.step = step});
      all.runs.push_back({.kind = known->second, .count = count});
    }
  };
  int first = 0;  // of those alike so far
  for (int step = 1; step <= program.steps(); ++step) {
    if (step < program.steps() && program.pattern(step) == program.pattern(first)) continue;
    add(first, step - first);
    first = step;
  }
  for (std::size_t run = 0; run < all.runs.size(); ++run) {
    StepRuns::Kind& kind = all.kinds[static_cast<std::size_t>(all.runs[run].kind)];
    kind.count += all.runs[run].count;
    kind.last_run = static_cast<int>(run);
  }
  return all;
}

}  // namespace

StepRuns step_runs(const CollectiveProgram& program, int most) {
  StepRuns all = runs_of(program, 0);
  if (static_cast<int>(all.kinds.size()) <= most) return all;
  return runs_of(program, program.steps() / most);
}

}  // namespace orrery
