#pragma once

#include <span>
#include <string>

#include "traces/rank_programs.hpp"
#include "traces/recorded_trace.hpp"

namespace orrery {

struct KinetoOptions {
  /// Collectives of NCCL: run again by whatever cluster runs the graph, or take what was recorded.
  enum class Communication { simulated, recorded };
  Communication communication = Communication::simulated;
  Rank ranks = 0;  // with one trace: so many ranks all do what it says; 0: its world, or itself
};

/// What PyTorch's profiler recorded on the devices of some ranks, as programs to run again.
/// `traces` in order of rank, or one that stands for all.
///
/// Kernels and copies take what was recorded, each on its stream. A trace does not say what waits
/// for what, so this is inferred: an op follows the one before it on its stream, and of the ops
/// that ended on other streams before it began the last, where that ended later; the rest of the
/// gap is the host's and stays as it was. Replayed with what was recorded, every op begins when it
/// did. Leaves out: waits that did not show, because what was waited for had ended earlier.
///
/// Sizes of collectives come from the arguments of their kernels; those without, and sends and
/// receives, take what was recorded, with a warning. With one trace for all, the group of a rank is
/// that of the recorded one, moved: groups are blocks of ranks with a constant stride. Throws
/// TraceError where they are not.
RankPrograms kineto_programs(std::span<const RecordedTrace> traces, const KinetoOptions& options);

}  // namespace orrery
