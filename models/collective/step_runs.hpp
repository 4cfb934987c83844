#pragma once

#include <vector>

#include "models/collective/collective.hpp"

namespace orrery {

/// A program as runs of steps in a row that are alike, and one step of each kind.
struct StepRuns {
  struct Run {
    int kind = 0;  // of its steps
    int count = 0;
  };
  struct Kind {
    int step = 0;      // one of them
    int count = 0;     // in all runs
    int last_run = 0;  // after which it comes no more
  };
  std::vector<Run> runs;
  std::vector<Kind> kinds;
};

/// Steps are of one kind that have the same CollectiveProgram::pattern. Of more than `most` kinds
/// the short runs, up to a `most`-th of the steps, are taken for the one before.
StepRuns step_runs(const CollectiveProgram& program, int most);

}  // namespace orrery
