#pragma once

#include "workloads/workload.hpp"

namespace orrery {

/// Workloads that traces of other programs hold: "chakra_replay", "goal_replay", "kineto_replay".
/// Paths are relative to the file that names them; "{rank}" in one stands for 0, 1, … . What the
/// traces hold and the graph does not is counted in facts "left_out_…", of which the result warns.
Registry<WorkloadFactory> with_replays(Registry<WorkloadFactory> workloads);

}  // namespace orrery
