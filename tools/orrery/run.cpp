#include "tools/orrery/run.hpp"

#include <string_view>
#include <utility>

#include "models/machine.hpp"
#include "sim/engine/engine.hpp"
#include "sim/graph/executor.hpp"
#include "tools/orrery/measure.hpp"

namespace orrery {
namespace {

constexpr std::string_view kAssumed = "assumed";

/// Operations the model needs over what the devices could do in that time at their peak.
std::optional<double> model_utilisation(const Job& job, const DeviceSpec& device, Rank ranks,
                                        Duration makespan) {
  const std::optional<FlopRate> peak = device.peak_of(job.precision);
  if (!peak || makespan <= Duration(0)) {
    return std::nullopt;
  }
  return job.model_operations / (to_seconds(makespan) * peak->as_double() * ranks);
}

std::vector<std::string> warnings_of(const Scenario& scenario, const Job& job) {
  std::vector<std::string> warnings;
  const std::size_t assumed = assumed_figures(scenario.resolved).size();
  if (assumed > 0) {
    warnings.push_back(std::to_string(assumed) +
                       (assumed == 1 ? " catalogue figure is" : " catalogue figures are") +
                       " assumed, not measured; `orrery check --resolved` names them");
  }
  const std::int64_t devices = scenario.cluster.device_count();
  if (job.graph.world_size() < devices) {
    warnings.push_back("the workload uses " + std::to_string(job.graph.world_size()) + " of " +
                       std::to_string(devices) + " devices");
  }
  return warnings;
}

void collect_assumed(const JsonValue& value, const std::string& pointer,
                     std::vector<std::string>& found) {
  const JsonValue* source = value.find("source");
  if (source != nullptr && value.find("value") != nullptr &&
      std::string_view(source->string).starts_with(kAssumed)) {
    found.push_back(pointer);
    return;
  }
  for (std::size_t index = 0; index < value.items.size(); ++index) {
    collect_assumed(value.items[index], pointer + "/" + std::to_string(index), found);
  }
  for (const JsonValue::Member& member : value.members) {
    collect_assumed(member.value, pointer + "/" + pointer_token(member.key), found);
  }
}

}  // namespace

std::vector<std::string> assumed_figures(const JsonValue& resolved) {
  std::vector<std::string> found;
  if (const JsonValue* cluster = resolved.find("cluster")) {
    collect_assumed(*cluster, "/cluster", found);
  }
  return found;
}

Run run_scenario(const Scenario& scenario, const Job& job, const Builtins& builtins,
                 std::span<Observer* const> observers) {
  const TaskGraph& graph = job.graph;
  Run run;
  MemoryMeter meter(graph.world_size(), graph.label_count());
  std::vector<Observer*> all = {&run.timeline, &meter};
  all.insert(all.end(), observers.begin(), observers.end());

  Engine engine;
  Machine machine(engine, scenario.cluster, *scenario.fabric, *scenario.cost, builtins.collectives,
                  scenario.collectives);
  Executor executor(engine, graph, machine, all);
  machine.prepare(graph, executor.listener());
  const Time end = executor.run();

  const std::vector<Span>& spans = run.timeline.spans();
  const std::vector<RankBreakdown> ranks = break_down(graph, spans, end, job.pipelined);
  const std::vector<CriticalStep> path = critical_path(graph, spans);

  Result& result = run.result;
  result.headline = job.headline;
  result.makespan = end.since_start();
  result.ranks = graph.world_size();
  result.tokens = job.tokens;
  result.mfu = model_utilisation(job, machine.device(), result.ranks, result.makespan);
  result.facts = job.facts;
  result.breakdown = summarise(graph, ranks);
  result.memory = {fullest(graph, meter, machine.device())};
  result.collectives = collective_uses(machine.collective_records());
  result.resources = resource_uses(machine.resources(), result.makespan);
  result.critical_path = causes(graph, path, machine);
  result.counters = {.ops = graph.ops().size(),
                     .spans = spans.size(),
                     .events = engine.events_run(),
                     .activities = machine.activities_started(),
                     .solves = machine.solves(),
                     .machine = machine.counters()};
  result.checks = check_all({.makespan = result.makespan,
                             .counters = result.counters.machine,
                             .collectives = result.collectives,
                             .kernels = fastest_kernels(graph, spans, machine),
                             .critical_path = sum(path),
                             .rank_sums = rank_sums(ranks),
                             .unfreed = unfreed(graph, meter),
                             .resources = result.resources});
  result.warnings = warnings_of(scenario, job);
  return run;
}

}  // namespace orrery
