#pragma once

#include <algorithm>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/property/random_traffic.hpp"

namespace orrery {

/// What came of a traffic on a cluster.
struct Outcome {
  Time end;
  std::vector<Span> spans;
  MachineCounters counters;
  std::vector<Machine::ResourceUse> resources;  // math, memory of each device, then the links
  std::vector<CollectiveRecord> records;

  double carried_by_link(int devices, std::size_t link) const {
    return resources[2 * static_cast<std::size_t>(devices) + link].carried;
  }
  const Machine::ResourceUse& memory_of(Rank rank) const {
    return resources[2 * static_cast<std::size_t>(rank) + 1];
  }
  /// (op, instance, position) -> start, end; in the order of the flows, whatever that of the ops.
  std::vector<std::pair<Time, Time>> times(const TrafficGraph& made) const {
    std::vector<std::size_t> flow_of(made.ids.size());
    for (std::size_t i = 0; i < made.ids.size(); ++i) flow_of[made.ids[i].index()] = i;
    std::vector<Span> sorted = spans;
    const auto key = [&](const Span& span) {
      return std::tuple(flow_of[span.instance.op.index()], span.instance.instance, span.position);
    };
    std::sort(sorted.begin(), sorted.end(),
              [&](const Span& a, const Span& b) { return key(a) < key(b); });
    std::vector<std::pair<Time, Time>> result;
    for (const Span& span : sorted) result.emplace_back(span.start, span.end);
    return result;
  }
};

inline std::unique_ptr<Fabric> fabric_of(const ClusterSpec& cluster) {
  Diagnostics diagnostics;
  auto fabric = Fabric::build(cluster, topologies_with_drawn(), diagnostics);
  diagnostics.throw_if_any();
  return fabric;
}

/// Who moves the messages.
struct EngineOfMessages {
  MessageFlowsFactory make = make_native_flows;
  FlowChoice choice{};
};

inline Outcome simulate(const ClusterSpec& cluster, const TaskGraph& graph,
                        const CollectiveChoice& choice, const EngineOfMessages& moved_by = {}) {
  const auto fabric = fabric_of(cluster);
  Diagnostics diagnostics;
  const JsonValue parameters = json_object({{"kind", json_string("roofline")}});
  const auto models = builtin_cost_models();
  const auto cost = models.find("roofline")->make(JsonCursor(parameters, diagnostics), {});
  Engine engine;
  Machine machine(engine, cluster, *fabric, *cost, builtin_collectives(), choice);
  machine.use_engine(moved_by.make, moved_by.choice);
  Timeline timeline;
  const std::vector<Observer*> observers = {&timeline};
  Executor executor(engine, graph, machine, observers);
  machine.prepare(graph, executor.listener());
  const Time end = executor.run();
  return {end, timeline.spans(), machine.counters(), machine.resources(),
          machine.collective_records()};
}

}  // namespace orrery
