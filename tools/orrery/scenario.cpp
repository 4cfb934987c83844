#include "tools/orrery/scenario.hpp"

#include <set>
#include <tuple>
#include <utility>

#include "models/collective/collective_site.hpp"
#include "sim/base/hash.hpp"
#include "tools/orrery/calibrations.hpp"
#include "tools/orrery/data_folders.hpp"
#include "tools/orrery/fabric_section.hpp"
#include "tools/orrery/graphml_reader.hpp"
#include "tools/orrery/libraries.hpp"
#include "tools/orrery/scenario_document.hpp"

namespace orrery {
namespace {

constexpr std::int64_t kVersion = 1;

/// Reads the sections of a resolved document. Each collects its mistakes by itself, so that one
/// knows which of them can be relied on, and all are reported in the end.
class Reader {
 public:
  Reader(Scenario& scenario, const Builtins& builtins, Diagnostics& mistakes)
      : scenario_(&scenario),
        builtins_(&builtins),
        unresolved_(scenario.resolved),
        mistakes_(&mistakes) {}

  void read() {
    Diagnostics found;
    JsonCursor root(scenario_->resolved, found);
    read_version(root.at("orrery"));
    scenario_->name = root.find("name").as_string();
    root.find("description").as_string();
    scenario_->seed = static_cast<std::uint64_t>(
        root.find("seed").as_count({.minimum = 0, .maximum = INT64_MAX}));
    for (const char* required : {"cluster", "workload"}) {
      root.at(required);
    }
    for (const char* optional : {"collectives", "cost", "fabric", "faults", "variability"}) {
      root.find(optional);
    }
    root.reject_unknown_keys();
    report(found);

    read_cluster_section();
    read_variability_section();
    read_faults_section();
    read_workload();
    read_collectives();
    read_cost();
    if (degrades_) {  // libraries know the links as they should be
      degrade_links(scenario_->variability, *scenario_->fabric);
    }
    read_fabric();
    if (mistakes_->empty()) {
      unresolved_.report(*mistakes_);
    }
  }

 private:
  /// Hands mistakes on, but for those that the catalogue has reported. True when there were none.
  bool report(const Diagnostics& found) {
    for (const Diagnostic& diagnostic : found.items()) {
      if (!unresolved_.cover(diagnostic)) {
        mistakes_->add(diagnostic);
      }
    }
    return found.empty();
  }

  static void read_version(JsonCursor version) {
    if (version.present() &&
        (version.value().kind != JsonValue::Kind::integer || version.value().integer != kVersion)) {
      version.expected("1, the version of the scenario form that this program reads");
    }
  }

  void read_cluster_section() {
    const JsonValue* value = scenario_->resolved.find("cluster");
    if (value == nullptr) {
      return;
    }
    Diagnostics found;
    JsonCursor cursor(*value, found);
    scenario_->cluster = read_cluster(cursor);
    try {
      scenario_->fabric =
          Fabric::build(scenario_->cluster, builtins_->topologies, found, builtins_->link_kinds);
    } catch (const LimitError& limit) {
      cursor.find("nodes").error(limit.what());
    }
    cluster_is_readable_ = report(found);
  }

  void read_variability_section() {
    const JsonValue* value = scenario_->resolved.find("variability");
    if (value == nullptr) {
      return;
    }
    Diagnostics found;
    Fabric* fabric = cluster_is_readable_ ? scenario_->fabric.get() : nullptr;
    scenario_->variability = read_variability(JsonCursor(*value, found), fabric, scenario_->seed);
    degrades_ = report(found) && fabric != nullptr;
  }

  void read_faults_section() {
    const JsonValue* value = scenario_->resolved.find("faults");
    if (value == nullptr) {
      return;
    }
    Diagnostics found;
    const Fabric* fabric = cluster_is_readable_ ? scenario_->fabric.get() : nullptr;
    scenario_->faults = read_faults(JsonCursor(*value, found), fabric);
    report(found);
  }

  void read_workload() {
    const JsonValue* value = scenario_->resolved.find("workload");
    if (value == nullptr) {
      return;
    }
    Diagnostics found;
    JsonCursor cursor(*value, found);
    const WorkloadContext context{
        .devices = cluster_is_readable_ ? scenario_->cluster.device_count() : 0,
        .seed = scenario_->seed,
        .cores = scenario_->cluster.node.device.cores,
        .cache = scenario_->cluster.node.device.l2,
        .trigger = scenario_->cluster.node.device.trigger.has_value(),
        .op_and_store = scenario_->cluster.node.device.op_and_store.has_value(),
        .host_memory = scenario_->cluster.node.host_memory.has_value()};
    const std::string kind = cursor.at("kind").as_choice(builtins_->workloads.names());
    if (const auto* entry = builtins_->workloads.find(kind)) {
      scenario_->workload = entry->make(cursor, context);
    }
    report(found);
  }

  void read_cost() {
    const JsonValue* value = scenario_->resolved.find("cost");
    if (value == nullptr) {
      return;
    }
    Diagnostics found;
    JsonCursor cursor(*value, found);
    const std::string kind = cursor.at("kind").as_choice(builtins_->cost_models.names());
    if (const auto* entry = builtins_->cost_models.find(kind)) {
      const std::string folder = find_data_folders().calibration;
      const std::vector<Calibration> calibrations = load_calibrations(folder, builtin_op_models());
      scenario_->cost = entry->make(cursor, {.calibrations = &calibrations});
      if (kind == "calibrated") {
        for (Catalog::SourceFile& each : calibration_sources(folder)) {
          scenario_->sources.push_back(std::move(each));
        }
      }
    }
    report(found);
  }

  void read_fabric() {
    const JsonValue* value = scenario_->resolved.find("fabric");
    if (value == nullptr) {
      return;
    }
    Diagnostics found;
    scenario_->flows = read_fabric_section(JsonCursor(*value, found));
    if (found.empty()) refuse_changing_ways(*scenario_, *value, found);
    report(found);
  }

  void read_collectives() {
    const JsonValue* value = scenario_->resolved.find("collectives");
    if (value == nullptr) {
      return;
    }
    Diagnostics found;
    JsonCursor cursor(*value, found);
    auto& algorithm = scenario_->collectives.algorithm;
    for (std::size_t index = 0; index < algorithm.size(); ++index) {
      const std::string kind{to_string(static_cast<CollectiveKind>(index))};
      algorithm[index] = cursor.find(kind).as_choice(algorithms(kind));
    }
    scenario_->collectives.chunk = cursor.find("chunk").as_bytes();
    if (JsonCursor launch = cursor.find("launch"); launch.present()) {
      scenario_->collectives.launch = launch.as_duration();
    }
    read_library(cursor, scenario_->cluster,
                 cluster_is_readable_ ? scenario_->fabric.get() : nullptr, scenario_->collectives,
                 scenario_->sources);
    cursor.reject_unknown_keys();
    report(found);
  }

  std::vector<std::string> algorithms(const std::string& kind) const {
    std::vector<std::string> result = {"auto"};
    for (const std::string& name : builtins_->collectives.names()) {
      if (name.starts_with(kind + "/")) {
        result.push_back(name.substr(kind.size() + 1));
      }
    }
    return result;
  }

  Scenario* scenario_;
  const Builtins* builtins_;
  UnresolvedPlaces unresolved_;
  Diagnostics* mistakes_;
  bool cluster_is_readable_ = false;
  bool degrades_ = false;
};

/// Algorithms that some site refuses ask something of the places of the groups that run them.
void report_refused_collectives(const Scenario& scenario, const TaskGraph& graph,
                                Diagnostics& mistakes) {
  std::set<std::tuple<CollectiveKind, RankSetId, std::uint32_t>> seen;
  for (const Op& op : graph.ops()) {
    if (op.kind != OpKind::collective || op.group_size < 2) continue;
    const std::string kind{to_string(op.collective)};
    const std::string name =
        kind + "/" + scenario.collectives.algorithm[static_cast<std::size_t>(op.collective)];
    if (collective_refusal(name, CollectiveSite{}).empty()) continue;
    if (!seen.insert({op.collective, op.ranks, op.group_size}).second) continue;
    const std::span<const Rank> ranks = graph.ranks(op.ranks);
    for (std::size_t first = 0; first < ranks.size(); first += op.group_size) {
      const std::string refusal =
          collective_refusal(name, site_of(*scenario.fabric, ranks.subspan(first, op.group_size)));
      if (refusal.empty()) continue;
      const JsonValue* place = value_at(scenario.resolved, "/collectives/" + kind);
      ORRERY_CHECK(place != nullptr, "an algorithm that was read stands in the document");
      report_at(*place,
                refusal + "; one of " + std::to_string(op.group_size) + " begins at rank " +
                    std::to_string(ranks[first]),
                mistakes);
      return;
    }
  }
}

}  // namespace

Scenario load_scenario(const std::string& path, std::span<const std::string> overrides,
                       const Builtins& builtins, const Catalog& catalog) {
  Diagnostics mistakes;
  JsonValue document = load_json(path, path);
  apply_overrides(document, overrides, mistakes);
  return scenario_from(std::move(document), std::move(mistakes), builtins, catalog);
}

Scenario scenario_from(JsonValue document, Diagnostics mistakes, const Builtins& builtins,
                       const Catalog& catalog) {
  Scenario scenario;
  scenario.resolved = std::move(document);
  scenario.sources = catalog.resolve(scenario.resolved, mistakes);
  const std::size_t known = mistakes.count();
  if (inline_graphml(scenario.resolved, mistakes)) {
    if (mistakes.count() > known) mistakes.throw_if_any();  // without its links nothing is right
    catalog.resolve(scenario.resolved, mistakes);           // what edges name
  }
  write_defaults(scenario.resolved);
  Reader(scenario, builtins, mistakes).read();
  mistakes.throw_if_any();
  ORRERY_CHECK(scenario.fabric && scenario.workload && scenario.cost,
               "a scenario without mistakes has all its parts");
  write_workload_defaults(scenario.resolved, scenario.workload->resolved());
  anchor_files(scenario.resolved);
  scenario.hash = hash_of(scenario.resolved);
  return scenario;
}

Job build_job(const Scenario& scenario) {
  Job job = scenario.workload->build();
  const JsonValue* place = value_at(scenario.resolved, "/workload/precision");
  if (place == nullptr || is_default(*place)) {
    place = value_at(scenario.resolved, "/workload");  // what the user wrote
  }
  Diagnostics mistakes;
  for (const Kernel& kernel : job.graph.kernels()) {
    const std::string refusal = scenario.cost->refusal(kernel, scenario.cluster.node.device);
    if (refusal.empty()) continue;
    const std::string key = refusal.substr(0, refusal.find(": "));  // "/cost/attention", or none
    const JsonValue* asked = key.starts_with("/") ? value_at(scenario.resolved, key) : nullptr;
    report_at(asked ? *asked : *place, asked ? refusal.substr(key.size() + 2) : refusal, mistakes);
  }
  report_refused_collectives(scenario, job.graph, mistakes);
  mistakes.throw_if_any();
  return job;
}

std::string hash_of(const JsonValue& value) {
  return fnv1a_hex(to_text(value, false));
}

}  // namespace orrery
