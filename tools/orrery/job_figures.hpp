#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "hw/spec.hpp"
#include "models/collective/collective_calls.hpp"
#include "sim/graph/analysis.hpp"
#include "sim/graph/timeline.hpp"
#include "tools/orrery/result.hpp"

namespace orrery {

/// Figures that a job asks for, from what its run left behind; METRICS.md defines each.

/// `spans` of the graph that ran; `original`: the job's op that an op of that graph came from.
std::vector<TimedValue> timed_values(const Job& job, std::span<const Span> spans,
                                     const std::function<OpId(OpId)>& original);

/// Of a critical path, the time of transfers and collectives.
struct CriticalCommunication {
  Duration between_nodes;  // some pair or group of ranks is not on one node
  Duration inter_node;     // of that, what links between nodes bound: transfers, and collectives
                           // whose busiest link, by bytes over bandwidth, is none of a node's own
  Duration host_copies;    // from and to hosts
};
/// `original` as above; `calls` make the programs whose messages load the links.
CriticalCommunication critical_communication(const Job& job, std::span<const CriticalStep> path,
                                             const std::function<OpId(OpId)>& original,
                                             CollectiveCalls& calls, const Fabric& fabric);

/// `graph`: the one that ran. None for a job without a key-value cache, or one that took nothing.
std::optional<KvCacheRoom> kv_cache_room(const Job& job, const TaskGraph& graph,
                                         const MemoryMeter& meter, const DeviceSpec& device);

}  // namespace orrery
