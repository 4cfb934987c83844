#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "hw/spec.hpp"
#include "sim/graph/timeline.hpp"
#include "tools/orrery/result.hpp"

namespace orrery {

/// Figures that a job asks for, from what its run left behind; METRICS.md defines each.

/// `spans` of the graph that ran; `original`: the job's op that an op of that graph came from.
std::vector<TimedValue> timed_values(const Job& job, std::span<const Span> spans,
                                     const std::function<OpId(OpId)>& original);

/// `graph`: the one that ran. None for a job without a key-value cache, or one that took nothing.
std::optional<KvCacheRoom> kv_cache_room(const Job& job, const TaskGraph& graph,
                                         const MemoryMeter& meter, const DeviceSpec& device);

}  // namespace orrery
