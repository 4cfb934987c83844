#include "tools/orrery/result_json.hpp"

#include <algorithm>
#include <utility>

#include "tools/orrery/fabric_section.hpp"
#include "tools/orrery/fault_figures.hpp"
#include "tools/orrery/memory_figures.hpp"
#include "tools/orrery/wait_figures.hpp"

namespace orrery {
namespace {

using Members = std::vector<std::pair<std::string, JsonValue>>;

JsonValue count(std::uint64_t number) {
  return json_integer(static_cast<std::int64_t>(number));
}

JsonValue seconds(Duration duration) {
  return json_real(to_seconds(duration));
}

JsonValue bytes(Bytes amount) {
  return json_integer(amount.count());
}

JsonValue average(const Breakdown::Part& part) {
  return json_real(part.average_s);
}

JsonValue extremes(const Breakdown& breakdown) {
  std::vector<const Breakdown::Part*> parts = {&breakdown.compute};
  for (const Breakdown::Part& part : breakdown.exposed) {
    parts.push_back(&part);
  }
  parts.insert(parts.end(), {&breakdown.bubble, &breakdown.idle});
  std::vector<JsonValue> items;
  for (const Breakdown::Part* part : parts) {
    items.push_back(json_object({{"part", json_string(part->name)},
                                 {"average_s", average(*part)},
                                 {"least_s", seconds(part->least)},
                                 {"least_rank", json_integer(part->least_rank)},
                                 {"most_s", seconds(part->most)},
                                 {"most_rank", json_integer(part->most_rank)}}));
  }
  return json_array(std::move(items));
}

JsonValue exposed(const Breakdown& breakdown) {
  Members members;
  for (const Breakdown::Part& part : breakdown.exposed) {
    members.emplace_back(part.name, average(part));
  }
  return json_object(std::move(members));
}

JsonValue collectives(const std::vector<CollectiveUse>& uses) {
  std::vector<JsonValue> items;
  for (const CollectiveUse& use : uses) {
    items.push_back(json_object({{"kind", json_string(std::string(to_string(use.record.kind)))},
                                 {"algorithm", json_string(use.record.algorithm)},
                                 {"protocol", json_string(use.record.protocol)},
                                 {"channels", json_integer(use.record.channels)},
                                 {"reason", json_string(use.record.reason)},
                                 {"members", json_integer(use.record.members)},
                                 {"size_bytes", bytes(use.record.size)},
                                 {"runs", count(use.record.runs)},
                                 {"mean_s", seconds(use.mean)},
                                 {"fastest_s", seconds(use.record.fastest)},
                                 {"bus_bandwidth_Bps", json_real(use.bus_bandwidth)},
                                 {"best_bus_bandwidth_Bps", json_real(use.best_bus_bandwidth)},
                                 {"port_limit_Bps", json_real(use.record.port_limit)}}));
  }
  return json_array(std::move(items));
}

/// One entry for each kind of resource: how many, and their mean and greatest utilisation.
JsonValue by_kind(const std::vector<ResourceUse>& resources) {
  struct Sum {
    std::string kind;
    std::int64_t number = 0;
    double total = 0;
    double most = 0;
  };
  std::vector<Sum> sums;
  for (const ResourceUse& use : resources) {
    auto sum = std::find_if(sums.begin(), sums.end(),
                            [&](const Sum& other) { return other.kind == use.kind; });
    if (sum == sums.end()) {
      sum = sums.insert(sum, Sum{use.kind});
    }
    sum->number += static_cast<std::int64_t>(use.alike);
    sum->total += use.utilisation * static_cast<double>(use.alike);
    sum->most = std::max(sum->most, use.utilisation);
  }
  std::vector<JsonValue> items;
  for (const Sum& sum : sums) {
    items.push_back(
        json_object({{"kind", json_string(sum.kind)},
                     {"count", json_integer(sum.number)},
                     {"mean_utilisation", json_real(sum.total / static_cast<double>(sum.number))},
                     {"greatest_utilisation", json_real(sum.most)}}));
  }
  return json_array(std::move(items));
}

JsonValue resources(const std::vector<ResourceUse>& uses) {
  const std::size_t listed = std::min(uses.size(), kMaximumListedResources);
  std::vector<JsonValue> items;
  std::uint64_t not_listed = 0;
  for (std::size_t index = listed; index < uses.size(); ++index) {
    not_listed += uses[index].alike;
  }
  for (std::size_t index = 0; index < listed; ++index) {
    const ResourceUse& use = uses[index];
    const char* capacity = use.kind == "math" ? "capacity_devices" : "capacity_Bps";
    items.push_back(json_object({{"name", json_string(use.name)},
                                 {"kind", json_string(use.kind)},
                                 {capacity, json_real(use.capacity)},
                                 {"utilisation", json_real(use.utilisation)},
                                 {"alike", count(use.alike)}}));
  }
  return json_object({{"by_kind", by_kind(uses)},
                      {"most_loaded_first", json_array(std::move(items))},
                      {"not_listed", count(not_listed)}});
}

JsonValue critical_path(const Result& result) {
  std::vector<JsonValue> items;
  for (const Cause& cause : result.critical_path) {
    Members members = {{"cause", json_string(to_string(cause.kind))}};
    if (cause.kind == Cause::Kind::communication) {
      members.emplace_back("category", json_string(cause.category));
    }
    members.emplace_back("time_s", seconds(cause.time));
    members.emplace_back("share", json_real(cause.time.as_double() / result.makespan.as_double()));
    items.push_back(json_object(std::move(members)));
  }
  return json_array(std::move(items));
}

JsonValue counters(const Counters& from) {
  return json_object({{"ops", count(from.ops)},
                      {"spans", count(from.spans)},
                      {"kernels", count(from.machine.kernels)},
                      {"collectives", count(from.machine.collectives)},
                      {"messages", count(from.machine.messages)},
                      {"sent_bytes", json_real(from.machine.bytes_sent)},
                      {"events", count(from.events)},
                      {"activities", count(from.activities)},
                      {"solves", count(from.solves)}});
}

JsonValue symmetry(const SymmetryUse& use) {
  return json_object({{"folded", json_boolean(use.folded)},
                      {"rank_classes", count(use.rank_classes)},
                      {"link_classes", count(use.link_classes)}});
}

JsonValue checks(const std::vector<Check>& from) {
  std::vector<JsonValue> items;
  for (const Check& check : from) {
    items.push_back(json_object({{"name", json_string(check.name)},
                                 {"holds", json_boolean(check.holds)},
                                 {"sentence", json_string(check.sentence)}}));
  }
  return json_array(std::move(items));
}

JsonValue facts(const std::vector<WorkloadFact>& from) {
  Members members;
  for (const WorkloadFact& fact : from) {
    members.emplace_back(fact.key, json_object({{"value", json_real(fact.value)},
                                                {"about", json_string(fact.about)}}));
  }
  return json_object(std::move(members));
}

JsonValue hashes(const std::vector<Catalog::SourceFile>& files) {
  Members members;
  for (const Catalog::SourceFile& file : files) {
    members.emplace_back(file.name, json_string(file.hash));
  }
  return json_object(std::move(members));
}

}  // namespace

JsonValue to_json(const Result& result, const Scenario& scenario) {
  std::vector<JsonValue> warnings;
  for (const std::string& warning : result.warnings) {
    warnings.push_back(json_string(warning));
  }
  Members members = {{"orrery_result", json_integer(1)},
                     {"version", json_string(ORRERY_VERSION)},
                     {"status", json_string(result.fits() ? "ok" : "does_not_fit")},
                     {result.headline, seconds(result.makespan)}};
  for (const TimedValue& figure : result.timed_figures) {
    members.emplace_back(figure.key, json_real(figure.seconds));
  }
  if (result.tokens > 0) {
    members.emplace_back("tokens_per_s", json_real(result.tokens_per_s()));
  }
  if (result.mfu) {
    members.emplace_back("mfu", json_real(*result.mfu));
  }
  if (result.mfu_full_attention) {
    members.emplace_back("mfu_full_attention", json_real(*result.mfu_full_attention));
  }
  if (result.kv_cache) {
    members.emplace_back("kv_cache", to_json(*result.kv_cache));
  }
  Members rest = {
      {"ranks", json_integer(result.ranks)},
      {"compute_s", average(result.breakdown.compute)},
      {"exposed_communication_s", exposed(result.breakdown)},
      {"bubble_s", average(result.breakdown.bubble)},
      {"idle_s", average(result.breakdown.idle)},
      {"memory_peak_bytes", memory_peaks(result.memory)},
      {"fits", json_boolean(result.fits())},
      {"bound_by", json_string(bound_by(result))},
      {"facts", facts(result.facts)},
      {"breakdown", extremes(result.breakdown)},
      {"memory", to_json(result.memory)},
      {"collective_library", json_string(library_of(scenario))},
      {"collectives", collectives(result.collectives)},
      {"resources", resources(result.resources)},
      {"memory_traffic_bytes", memory_traffic_json(result)},
      {"critical_path", critical_path(result)},
      {"critical_path_between_nodes_s", seconds(result.critical_between_nodes)},
      {"critical_path_inter_node_s", seconds(result.critical_inter_node)},
      {"critical_path_host_copies_s", seconds(result.critical_host_copies)},
      {"waits", to_json(result.waits)},
      {"checks", checks(result.checks)},
      {"warnings", json_array(std::move(warnings))},
      {"symmetry", symmetry(result.symmetry)},
      {"fabric_engine", fabric_engine_json(scenario.flows, result.fabric_engine)},
      {"counters", counters(result.counters)},
      {"seed", count(scenario.seed)},
      {"catalog_fnv1a", hashes(scenario.sources)},
      {"scenario_fnv1a", json_string(scenario.hash)},
      {"scenario", scenario.resolved},
  };
  if (!result.faults.empty()) {
    members.emplace_back("faults", to_json(result.faults));
  }
  if (result.trigger) members.emplace_back("trigger", to_json(*result.trigger));
  if (result.host_memory) {
    members.emplace_back("host_memory_peak_bytes", bytes(result.host_memory->peak));
    members.emplace_back("host_memory", host_memory_json(*result.host_memory));
  }
  std::move(rest.begin(), rest.end(), std::back_inserter(members));
  return json_object(std::move(members));
}

JsonValue to_json(const RunCost& cost, const Counters& counters) {
  const double events_per_s =
      cost.simulate_s > 0 ? static_cast<double>(counters.events) / cost.simulate_s : 0;
  return json_object({{"wall_s", json_real(cost.load_s + cost.simulate_s)},
                      {"load_s", json_real(cost.load_s)},
                      {"simulate_s", json_real(cost.simulate_s)},
                      {"events_per_s", json_real(events_per_s)},
                      {"peak_resident_bytes", json_integer(cost.peak_resident_bytes)}});
}

}  // namespace orrery
