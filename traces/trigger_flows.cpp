#include "traces/trigger_flows.hpp"

namespace orrery {

TriggerFlows::TriggerFlows(const TaskGraph& graph) {
  for (const Dependency& dependency : graph.dependencies()) {
    const Op& op = graph.op(dependency.op);
    if (op.kind != OpKind::transfer || op.peer_stream.valid() ||
        dependency.side == Side::destination) {
      continue;
    }
    const Op& on = graph.op(dependency.on);
    if (on.kind == OpKind::transfer || on.stream == op.stream) continue;
    if (ends_.empty()) {
      ends_.resize(graph.ops().size());
      leads_to_.resize(graph.ops().size());
    }
    ends_[dependency.op.index()] = true;
    leads_to_[dependency.on.index()] = dependency.op;
  }
}

}  // namespace orrery
