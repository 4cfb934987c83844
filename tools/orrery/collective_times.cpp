#include "tools/orrery/collective_times.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "models/collective/collective_site.hpp"
#include "models/machine.hpp"
#include "sim/engine/engine.hpp"
#include "sim/graph/executor.hpp"
#include "tools/orrery/checks.hpp"
#include "tools/orrery/command_line.hpp"
#include "tools/orrery/libraries.hpp"
#include "tools/orrery/simulated_job.hpp"
#include "tools/orrery/warnings.hpp"

namespace orrery {
namespace {

constexpr const char* kNvidia = "NVIDIA";

/// {"cluster": …} with all that the catalogue has of it.
JsonValue resolved_cluster(const std::string& name, const Catalog& catalog) {
  Diagnostics mistakes;
  JsonValue document = json_object({{"cluster", json_string(name)}});
  set_origin(document.members.front().value,
             {std::make_shared<const std::string>("--cluster"), ""});
  catalog.resolve(document, mistakes);
  mistakes.throw_if_any();
  return document;
}

ClusterSpec cluster_from(const JsonValue& document) {
  Diagnostics mistakes;
  ClusterSpec cluster = read_cluster(JsonCursor(document.members.front().value, mistakes));
  mistakes.throw_if_any();
  return cluster;
}

std::unique_ptr<Fabric> fabric_of(const ClusterSpec& cluster, const Builtins& builtins) {
  Diagnostics mistakes;
  auto fabric = Fabric::build(cluster, builtins.topologies, mistakes, builtins.link_kinds);
  mistakes.throw_if_any();
  return fabric;
}

/// Switches add floats only.
Registry<CollectiveFactory> algorithms_for(bool floats, const Builtins& builtins) {
  Registry<CollectiveFactory> algorithms = {};
  for (const auto& entry : builtins.collectives.entries()) {
    const bool by_switches = entry.name.ends_with("/nvls") || entry.name.ends_with("/sharp");
    if (floats || !by_switches) algorithms.add(entry);
  }
  return algorithms;
}

TaskGraph graph_of(CollectiveKind kind, Bytes size, int ranks) {
  TaskGraph graph(ranks);
  std::vector<Rank> all(static_cast<std::size_t>(ranks));
  std::iota(all.begin(), all.end(), 0);
  Op op;
  op.kind = OpKind::collective;
  op.collective = kind;
  op.stream = graph.stream("collective");
  op.ranks = graph.rank_set(std::move(all));
  op.group_size = static_cast<std::uint32_t>(ranks);
  op.bytes = size;
  graph.add(op);
  return graph;
}

}  // namespace

struct CollectiveTimes::Impl {
  CollectiveQuestion question;
  const Builtins* builtins = nullptr;
  JsonValue resolved;  // {"cluster": …}, where it was read here
  ClusterSpec cluster;
  std::unique_ptr<Fabric> fabric;
  CollectiveChoice choice;
  Registry<CollectiveFactory> algorithms = {};
  std::unique_ptr<CostModel> cost;
};

CollectiveTimes::CollectiveTimes(CollectiveQuestion question, const Builtins& builtins,
                                 const Catalog& catalog)
    : CollectiveTimes(question, resolved_cluster(question.cluster, catalog), builtins) {}

CollectiveTimes::CollectiveTimes(CollectiveQuestion question, JsonValue resolved,
                                 const Builtins& builtins)
    : CollectiveTimes(std::move(question), cluster_from(resolved), builtins) {
  impl_->resolved = std::move(resolved);
}

CollectiveTimes::CollectiveTimes(CollectiveQuestion question, ClusterSpec cluster,
                                 const Builtins& builtins)
    : impl_(std::make_unique<Impl>()) {
  impl_->question = std::move(question);
  impl_->builtins = &builtins;
  impl_->cluster = std::move(cluster);
  const std::int64_t devices = impl_->cluster.device_count();
  if (devices < 2) {
    throw UsageError("--cluster: expected two devices or more, " + impl_->question.cluster +
                     " is one; `orrery list clusters` has clusters of several nodes");
  }
  int& ranks = impl_->question.ranks;
  if (ranks == 0) ranks = static_cast<int>(devices);
  if (ranks > devices || ranks < 2) {
    throw UsageError("--ranks: expected 2 to " + std::to_string(devices) + ", the devices of " +
                     impl_->question.cluster + ", got " + std::to_string(ranks));
  }
  impl_->fabric = fabric_of(impl_->cluster, builtins);
  CollectiveChoice& choice = impl_->choice;
  choice.algorithm[static_cast<std::size_t>(impl_->question.kind)] = impl_->question.algorithm;
  std::vector<Rank> all(static_cast<std::size_t>(ranks));
  std::iota(all.begin(), all.end(), 0);
  const std::string name =
      std::string(to_string(impl_->question.kind)) + "/" + impl_->question.algorithm;
  const std::string cannot = collective_refusal(name, site_of(*impl_->fabric, all));
  if (!cannot.empty()) throw UsageError("--algorithm: " + cannot);
  const DeviceSpec& device = impl_->cluster.node.device;
  std::string& library = impl_->question.library;
  if (library == "auto") library = device.vendor == kNvidia ? "nccl" : "predicted";
  const std::string refusal = library_refusal(library, impl_->cluster, *impl_->fabric);
  if (!refusal.empty()) throw UsageError("--library: " + library + ": " + refusal);
  const std::string cores = deepep_cores_refusal(impl_->question.deepep, device);
  if (!cores.empty()) throw UsageError("--deepep: cores: " + cores);
  const std::vector<std::string>& libraries = collective_libraries();
  const bool is_one = std::find(libraries.begin(), libraries.end(), library) != libraries.end();
  if (is_one) {
    choice.library = make_library(library, impl_->cluster, *impl_->fabric,
                                  {.protocol = impl_->question.protocol,
                                   .floats = impl_->question.floats,
                                   .graphs = impl_->question.graphs},
                                  find_data_folders(), impl_->question.deepep);
  } else if (impl_->question.protocol != "auto") {
    throw UsageError("--protocol: expected auto, as " + library + " has none, got \"" +
                     impl_->question.protocol + "\"");
  }
  impl_->algorithms = algorithms_for(impl_->question.floats, builtins);
  choice.predicts = choice.library == nullptr && library != "plain";
  Diagnostics mistakes;
  const JsonValue parameters = json_object({{"kind", json_string("roofline")}});
  impl_->cost = builtins.cost_models.find("roofline")->make(JsonCursor(parameters, mistakes), {});
  mistakes.throw_if_any();
}

CollectiveTimes::~CollectiveTimes() = default;

int CollectiveTimes::ranks() const {
  return impl_->question.ranks;
}

const std::string& CollectiveTimes::library() const {
  return impl_->question.library;
}

std::string CollectiveTimes::provenance() const {
  return impl_->choice.library == nullptr ? "the catalogue's links"
                                          : impl_->choice.library->constants();
}

CollectiveTime CollectiveTimes::time_of(Bytes size) const {
  const TaskGraph graph = graph_of(impl_->question.kind, size, impl_->question.ranks);
  Engine engine;
  Machine machine(engine, impl_->cluster, *impl_->fabric, *impl_->cost, impl_->algorithms,
                  impl_->choice);
  SimulatedJob simulated(graph, find_symmetry(graph, *impl_->fabric, machine.collective_calls()));
  Executor executor(engine, simulated.graph(), simulated.runner_on(machine), {});
  machine.prepare(simulated.graph(), executor.listener(), simulated.symmetry());
  const Duration time = executor.run().since_start();
  const CollectiveRecord record = machine.collective_records().front();
  return {.size = size,
          .time = time,
          .algorithm = record.algorithm,
          .protocol = record.protocol.empty() ? "none" : record.protocol,
          .channels = record.channels,
          .reason = record.reason,
          .warning = impl_->fabric->adapts()
                         ? ""
                         : idle_links_warning(
                               record, bus_bandwidth(record.kind, size, record.members, time))};
}

std::vector<std::string> CollectiveTimes::warnings() const {
  std::vector<std::string> warnings;
  const Job job{.graph = TaskGraph(ranks()), .facts = {}};
  if (impl_->resolved.find("cluster") != nullptr) {
    warnings.push_back(assumed_figures_warning(impl_->resolved, job));
  }
  warnings.push_back(unused_devices_warning(ranks(), impl_->cluster.device_count()));
  std::erase(warnings, "");
  return warnings;
}

}  // namespace orrery
