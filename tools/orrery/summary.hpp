#pragma once

#include <string>
#include <vector>

#include "tools/orrery/result.hpp"
#include "tools/orrery/result_json.hpp"
#include "tools/orrery/scenario.hpp"

namespace orrery {

/// A result for people, at most 40 lines for up to ten categories: what ran on what, how long it
/// took, where the time went, whether it fits, what is loaded, what bounds it, whether it checks
/// out. `metrics_page`: where the figures are defined.
std::string summary(const Result& result, const Scenario& scenario, const RunCost& cost,
                    const std::string& metrics_page);

/// "transformer_training of llama3_70b (tensor 8, pipeline 4) on 32 x h100_sxm in 4 nodes, …".
std::string what_runs(const Scenario& scenario);

/// Tenths of a percent that sum to exactly 1000, by largest remainder; zeros when all shares are.
std::vector<int> tenths_of_percent(const std::vector<double>& shares);

}  // namespace orrery
