#pragma once

#include "tools/orrery/scenario.hpp"

namespace orrery {

/// Throws ScenarioError when links that are down from the start, and that nothing puts right later,
/// leave no way for some message of the job. What fails later, or for a time, is known only when a
/// message needs it. Of very large jobs not all messages are looked at; a run finds the rest.
void check_faults(const Scenario& scenario, const Job& job, const Builtins& builtins);

}  // namespace orrery
