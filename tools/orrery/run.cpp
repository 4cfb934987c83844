#include "tools/orrery/run.hpp"

#include <utility>

#include "models/machine.hpp"
#include "sim/engine/engine.hpp"
#include "sim/graph/executor.hpp"
#include "tools/orrery/fabric_section.hpp"
#include "tools/orrery/fault_check.hpp"
#include "tools/orrery/job_figures.hpp"
#include "tools/orrery/measure.hpp"
#include "tools/orrery/memory_figures.hpp"
#include "tools/orrery/wait_figures.hpp"
#include "tools/orrery/warnings.hpp"

namespace orrery {
namespace {

/// Operations the model needs over what the devices could do in that time at their peak; none when
/// it needs none.
std::optional<double> model_utilisation(double operations, const Job& job, const DeviceSpec& device,
                                        Duration makespan) {
  const std::optional<FlopRate> peak = device.peak_of(job.precision);
  if (!peak || makespan <= Duration(0) || operations <= 0) {
    return std::nullopt;
  }
  return operations / (to_seconds(makespan) * peak->as_double() * job.graph.world_size());
}

SymmetryUse symmetry_use(const SimulatedJob& simulated, const Fabric& fabric) {
  const Symmetry* symmetry = simulated.symmetry();
  const std::size_t links =
      simulated.graph().uses_host() ? fabric.links().size() : fabric.first_host_link();
  return {.folded = symmetry != nullptr,
          .rank_classes = simulated.classes().size(),
          .link_classes = symmetry != nullptr ? symmetry->links_in.size() : links};
}

}  // namespace

Run run_scenario(const Scenario& scenario, const Job& job, SimulatedJob& simulated,
                 const Builtins& builtins, std::span<Observer* const> observers, LoadLog* load) {
  const TaskGraph& graph = simulated.graph();
  const std::span<const RankClass> classes = simulated.classes();
  Run run;
  run.timeline.reserve(count_spans(graph));
  const NodeSpec& node = scenario.cluster.node;
  PlacedMemory memory(graph, simulated.rank_of(), static_cast<Rank>(node.devices));
  std::vector<Observer*> all = {&run.timeline, &memory};
  all.insert(all.end(), observers.begin(), observers.end());
  if (load != nullptr) all.push_back(load);

  Engine engine;
  Machine machine(engine, scenario.cluster, *scenario.fabric, *scenario.cost, builtins.collectives,
                  scenario.collectives);
  Executor executor(engine, graph, simulated.runner_on(machine), all);
  require_engine(scenario, builtins);
  machine.use_engine(builtins.fabric_engines.find(scenario.flows.engine)->make, scenario.flows);
  Time end;
  try {
    machine.prepare(graph, executor.listener(), simulated.symmetry(), scenario.variability,
                    scenario.faults);
    if (load != nullptr) load->watch(machine);
    end = executor.run();
    if (load != nullptr) load->finish(end);
  } catch (const UnmappableError& error) {
    refuse_engine(scenario, error.what());
  }

  const std::vector<Span>& spans = run.timeline.spans();
  const std::vector<RankBreakdown> ranks = break_down(graph, spans, end, job.pipelined);
  const std::vector<CriticalStep> path = critical_path(graph, spans);

  Result& result = run.result;
  result.headline = job.headline;
  result.makespan = end.since_start();
  result.ranks = job.graph.world_size();
  result.symmetry = symmetry_use(simulated, *scenario.fabric);
  result.fabric_engine = machine.engine_configuration();
  result.tokens = job.tokens;
  result.mfu = model_utilisation(job.model_operations, job, machine.device(), result.makespan);
  result.mfu_full_attention = model_utilisation(job.model_operations_full_attention, job,
                                                machine.device(), result.makespan);
  result.timed_figures =
      timed_values(job, spans, [&simulated](OpId op) { return simulated.original(op); });
  result.facts = job.facts;
  result.breakdown = summarise(graph, ranks, classes);
  result.memory = {fullest(graph, memory.devices(), classes, machine.device())};
  result.host_memory = fullest_host(graph, memory, node);
  result.kv_cache = kv_cache_room(job, graph, memory.devices(), machine.device());
  result.collectives = collective_uses(machine.collective_records());
  result.faults = machine.fault_records();
  // The engine runs until all of them are over; what comes after the last op changed nothing.
  for (FaultRecord& record : result.faults) record.happened = record.fault->at <= end;
  result.resources = resource_uses(machine.resources(), result.makespan);
  result.memory_traffic = machine.memory_traffic();
  if (const TriggerUnits* triggers = machine.triggers()) {
    result.trigger = triggers->figures();
    run.tracker = triggers->samples();
  }
  result.critical_path = causes(graph, path, machine);
  const CriticalCommunication critical = critical_communication(
      job, path, [&simulated](OpId op) { return simulated.original(op); },
      machine.collective_calls(), *scenario.fabric);
  result.critical_between_nodes = critical.between_nodes;
  result.critical_inter_node = critical.inter_node;
  result.critical_host_copies = critical.host_copies;
  result.waits = wait_figures(graph, find_waits(graph, spans, classes), classes);
  result.counters = {.ops = job.graph.ops().size(),
                     .spans = count_spans(job.graph),
                     .events = engine.events_run(),
                     .activities = machine.activities_started(),
                     .solves = machine.solves(),
                     .machine = machine.counters()};
  result.checks = check_all({.makespan = result.makespan,
                             .mfu = result.mfu,
                             .counters = result.counters.machine,
                             .collectives = result.collectives,
                             .kernels = fastest_kernels(graph, spans, machine),
                             .critical_path = sum(path),
                             .rank_sums = rank_sums(ranks, classes),
                             .unfreed = unfreed(graph, memory, classes),
                             .resources = result.resources});
  if (result.trigger) result.checks.push_back(check_triggers(*result.trigger));
  result.warnings = warnings_of(scenario, job, machine, result);
  return run;
}

Run run_scenario(const Scenario& scenario, const Builtins& builtins, Folding folding) {
  const Job job = build_job(scenario);
  check_faults(scenario, job, builtins);
  SimulatedJob simulated(scenario, job, builtins, folding);
  try {
    return run_scenario(scenario, job, simulated, builtins);
  } catch (const DeadlockError&) {
    if (simulated.symmetry() == nullptr) throw;
  }
  return run_scenario(scenario, builtins, Folding::never);
}

}  // namespace orrery
