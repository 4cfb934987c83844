#pragma once

#include "models/collective/collective.hpp"
#include "models/cost/cost_model.hpp"
#include "models/link/link_model.hpp"
#include "models/message_flows.hpp"
#include "models/topology/topology.hpp"
#include "tools/orrery/replays.hpp"
#include "workloads/workload.hpp"

namespace orrery {

/// Every implementation that a scenario can name. Made in main, added to by outside code, handed
/// down.
struct Builtins {
  Registry<TopologyFactory> topologies = builtin_topologies();
  Registry<LinkFactory> link_kinds = builtin_links();
  Registry<CollectiveFactory> collectives = builtin_collectives();
  Registry<CostModelFactory> cost_models = builtin_cost_models();
  Registry<MessageFlowsFactory> fabric_engines = builtin_fabric_engines();
  Registry<WorkloadFactory> workloads = with_replays(builtin_workloads());
};

}  // namespace orrery
