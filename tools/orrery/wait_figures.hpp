#pragma once

#include <string>

#include "models/variability.hpp"
#include "sim/base/json_value.hpp"
#include "tools/orrery/result.hpp"

namespace orrery {

/// More pairs than this are not kept, only the longest of them.
inline constexpr std::size_t kMaximumListedWaits = 64;

/// `classes`: by rank of the graph that ran.
WaitFigures wait_figures(const TaskGraph& graph, const Waits& waits,
                         std::span<const RankClass> classes);

/// The member "waits" of result.json.
JsonValue to_json(const WaitFigures& waits);

/// For the summary: who is waited for most. Nothing where that tells little: when nothing differs
/// in the cluster and no rank causes more than half of all waiting, or when there is next to none.
std::string wait_lines(const Result& result, const Variability& variability);

}  // namespace orrery
