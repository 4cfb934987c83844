#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/graph/observer.hpp"

namespace orrery {

/// Where the time of one rank went; the parts sum to the whole run, exactly.
///
/// At each moment a rank is counted under the first that applies: `compute` when a compute or delay
/// op runs (but for triggers, which count with the communication that they start); `exposed` under
/// the category of the communication that started first among those running (data moves and nothing
/// else does); else nothing runs, which in a pipelined job is `bubble` (it waits for another stage,
/// or has no more to do), but `idle` where it waits inside a collective for partners that come
/// later. In a job without a pipeline all of that is `idle`. An op runs from its start: waiting for
/// partners is no running. What a one-sided transfer brings in does not count.
struct RankBreakdown {
  Duration compute;
  std::vector<Duration> exposed;  // index: LabelId of the category
  Duration bubble;
  Duration idle;
};

/// One rank's breakdown from all spans of the run that lie on it. `pipelined`: waiting counts as
/// bubble, else as idle. `total`: from 0 to the end of the run.
std::vector<RankBreakdown> break_down(const TaskGraph& graph, std::span<const Span> spans,
                                      Time total, bool pipelined);

/// One step of the chain of spans and waits that set the end of the run.
struct CriticalStep {
  Span span;
  Duration wait;  // between the end of the step before and the start of this one
};

/// From the last span back to the start: before each span comes the one that ended last among those
/// its instance waited for (its dependencies, its streams' predecessors and its partners'), so the
/// durations and waits sum to the makespan. In order of time.
std::vector<CriticalStep> critical_path(const TaskGraph& graph, std::span<const Span> spans);

}  // namespace orrery
