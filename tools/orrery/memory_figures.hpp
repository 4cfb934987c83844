#pragma once

#include <string>
#include <vector>

#include "sim/base/json_value.hpp"
#include "tools/orrery/checks.hpp"
#include "tools/orrery/result.hpp"

namespace orrery {

/// The peak of each device class.
JsonValue memory_peaks(const std::vector<MemoryUse>& memory);
JsonValue to_json(const std::vector<MemoryUse>& memory);
JsonValue host_memory_json(const MemoryUse& use);
JsonValue to_json(const KvCacheRoom& room);
/// What went through the devices' memories, by what for; averages of the ranks.
JsonValue memory_traffic_json(const Result& result);
/// Of a run whose devices tracked something.
JsonValue to_json(const TriggerFigures& figures);
/// For the summary; nothing unless something was tracked.
std::string trigger_lines(const Result& result);
/// Every region that was tracked was triggered, once.
Check check_triggers(const TriggerFigures& figures);

}  // namespace orrery
