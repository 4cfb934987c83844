#pragma once

#include "sim/graph/task_graph.hpp"
#include "workloads/training_parts.hpp"

namespace orrery {

/// One training step as a task graph. One op covers all ranks of a pipeline stage. Streams of a
/// rank:
///
///   compute                         kernels, in the order of the pipeline schedule
///   tensor                          collectives of its tensor-parallel group
///   pipeline_{forward,backward}_{send,receive}   two-sided; of a second way
///                                   through the pipeline with _2 behind it
///   data                            reductions of gradients, bucket by bucket
///   data_gather                     weights that are sharded, unit by unit
///   host_{store,fetch}              to and from the host's memory
///
/// Ops are added in an order in which they could run, so a dependency's op comes before its
/// dependants. Receives are posted ahead; an arrived activation counts as memory during its
/// transfer (on both sides) and from the start of the pass that uses it.
TaskGraph training_graph(const TrainingSettings& settings, const TrainingParts& parts);

}  // namespace orrery
