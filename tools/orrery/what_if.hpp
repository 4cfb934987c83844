#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "tools/orrery/result.hpp"
#include "tools/orrery/scenario.hpp"
#include "tools/orrery/simulated_job.hpp"

namespace orrery {

/// What can be made faster: the devices' arithmetic, their memory, the links inside a node, those
/// between nodes, and what kernels and collectives cost before they begin.
enum class ResourceClass { math, memory, intra_node, inter_node, launch };
inline constexpr std::array kResourceClasses = {ResourceClass::math, ResourceClass::memory,
                                                ResourceClass::intra_node,
                                                ResourceClass::inter_node, ResourceClass::launch};
/// "math", "memory", "intra_node", "inter_node", "launch".
std::string_view to_string(ResourceClass resource);

/// So many times as fast a resource is made.
inline constexpr double kFaster = 1.1;

/// The run with one class of resources kFaster: all peak rates; memory bandwidth; bandwidths of
/// links, whose latencies stay; launch times, divided.
struct WhatIf {
  ResourceClass resource = ResourceClass::math;
  std::vector<std::string> pointers;  // what was changed in the resolved scenario
  Duration makespan;                  // simulated
  double change = 0;                  // of it, relative to the run itself; negative: faster
  double estimate = 0;                // the same from the critical path of the run itself
};

/// Makes what belongs to `resource` in a resolved scenario `factor` times as fast; returns the
/// pointers of what it changed.
std::vector<std::string> make_faster(JsonValue& scenario, ResourceClass resource, double factor);

/// How the critical path alone would shrink, as long as it stays the critical path: share of the
/// class · (1 / factor - 1), never positive. Kernels count by what bounds them alone, communication
/// by what its busiest link is, in a node or between nodes; copies from and to hosts, triggers,
/// waits and delays are nobody's.
double critical_estimate(const Result& result, ResourceClass resource, double factor);

/// Simulates the scenario of `result` once more for each class of which it has something.
std::vector<WhatIf> what_if(const Scenario& scenario, const Result& result,
                            const Builtins& builtins, Folding folding);

/// For result.json, and for people.
JsonValue to_json(const std::vector<WhatIf>& answers);
std::string what_if_lines(const std::vector<WhatIf>& answers, const Result& result);

}  // namespace orrery
