#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "hw/spec.hpp"
#include "sim/graph/analysis.hpp"
#include "sim/graph/timeline.hpp"
#include "tools/orrery/result.hpp"

namespace orrery {

/// Figures that a job asks for, from what its run left behind; METRICS.md defines each.

/// `spans` of the graph that ran; `original`: the job's op that an op of that graph came from.
std::vector<TimedValue> timed_values(const Job& job, std::span<const Span> spans,
                                     const std::function<OpId(OpId)>& original);

/// Of a critical path, the time of transfers and collectives of which some pair or group of ranks
/// is not on one node of so many devices. `original` as above.
Duration time_between_nodes(const Job& job, std::span<const CriticalStep> path,
                            const std::function<OpId(OpId)>& original, Rank devices_per_node);

/// `graph`: the one that ran. None for a job without a key-value cache, or one that took nothing.
std::optional<KvCacheRoom> kv_cache_room(const Job& job, const TaskGraph& graph,
                                         const MemoryMeter& meter, const DeviceSpec& device);

}  // namespace orrery
