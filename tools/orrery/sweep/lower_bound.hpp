#pragma once

#include "tools/orrery/simulated_job.hpp"

namespace orrery {

/// What no run of a scenario can be faster than, or need less memory than, without running it. Each
/// is admissible: never above what `orrery run` finds, whatever the workload.

/// Static memory of the fullest device: it is there from the beginning to the end, so the peak is
/// no less.
Bytes least_memory(const Job& job);

/// By how long something is busy. A stream runs one op at a time, so its kernels take no less than
/// the sum of what each takes alone; the math pipes of a device do at most one device-second of
/// work in a second, and its memory moves at most its bandwidth. With jitter, of physical floors.
Duration busy_bound(const Scenario& scenario, const Job& job);

/// By the longest chain. The executor runs the job's graph, folded or not, on an ideal machine:
/// each kernel takes what it takes alone (sharing can only slow it down), a message or a member of
/// a collective only what its own bytes take through all links into the device at once, nothing
/// waits for anything but dependencies and streams. Starts and ends are then sums and maxima of
/// times that are each no longer than in the real run, and streams are first-in first-out whatever
/// the times are: by induction along the graph no op ends later than it does there. A collective
/// starts when its last member is there, in both.
Duration path_bound(const Scenario& scenario, const Job& job, SimulatedJob& simulated,
                    const Builtins& builtins);

}  // namespace orrery
