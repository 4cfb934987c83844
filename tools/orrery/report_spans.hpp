#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "models/cost/cost_model.hpp"
#include "sim/base/json_value.hpp"
#include "sim/graph/analysis.hpp"
#include "sim/graph/rank_class.hpp"

namespace orrery {

/// What the timeline of a page draws, as JSON: lanes (a stream of a rank), the spans of each in
/// order of start, what they are, and which of them are on the critical path. Ranks whose spans
/// would be more than `maximum` together are left out from the first such on; the object says how
/// many.
JsonValue spans_json(const TaskGraph& graph, std::span<const Span> spans,
                     std::span<const CriticalStep> path, std::span<const RankClass> classes,
                     const CostModel& cost, const DeviceSpec& device, std::size_t maximum);

/// Numbers as a page's data.js reads them: base64 (RFC 4648 §4) of their bytes, lowest first.
template <class Number>
JsonValue packed(const std::vector<Number>& numbers);

}  // namespace orrery
