#pragma once

#include <optional>
#include <span>
#include <vector>

#include "hw/spec.hpp"
#include "sim/graph/timeline.hpp"
#include "tools/orrery/result.hpp"

namespace orrery {

/// Figures that a job asks for, from what its run left behind; METRICS.md defines each.

std::vector<TimedValue> timed_values(const Job& job, std::span<const Span> spans);

/// None for a job without a key-value cache, or one that took nothing.
std::optional<KvCacheRoom> kv_cache_room(const Job& job, const MemoryMeter& meter,
                                         const DeviceSpec& device);

}  // namespace orrery
