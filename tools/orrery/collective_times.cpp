#include "tools/orrery/collective_times.hpp"

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

#include "models/collective/builtin.hpp"
#include "models/collective/collective_site.hpp"
#include "models/machine.hpp"
#include "sim/engine/engine.hpp"
#include "sim/graph/executor.hpp"
#include "tools/orrery/command_line.hpp"

namespace orrery {
namespace {

constexpr const char* kNvls = "nvls";

ClusterSpec read_named_cluster(const std::string& name, const Catalog& catalog) {
  Diagnostics mistakes;
  JsonValue document = json_object({{"cluster", json_string(name)}});
  set_origin(document.members.front().value,
             {std::make_shared<const std::string>("--cluster"), ""});
  catalog.resolve(document, mistakes);
  mistakes.throw_if_any();
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
  Registry<CollectiveFactory> collectives = builtin_collectives();
  ClusterSpec cluster;
  CollectiveSite site;
  NcclPlace place;
  std::string link;      // inside a node
  std::size_t hops = 1;  // links of a route there
  std::string fit_link;  // whose fit it is
  NcclFit fit;
  std::unique_ptr<CostModel> cost;

  bool one_node() const { return site.node.empty(); }
  CollectiveCall call_of(Bytes size) const;
  std::vector<std::string> algorithms() const;
  CollectiveTime run(Bytes size, const std::string& algorithm) const;
  ClusterSpec with(const NcclPlan& plan) const;
  void look_at_node();
};

CollectiveCall CollectiveTimes::Impl::call_of(Bytes size) const {
  CollectiveCall call;
  call.kind = question.kind;
  call.members = question.ranks;
  call.size = size;
  call.site = site;
  return call;
}

/// The port of a member, and by which links it reaches the others of its node.
void CollectiveTimes::Impl::look_at_node() {
  const auto fabric = fabric_of(cluster, *builtins);
  std::vector<Rank> ranks(static_cast<std::size_t>(question.ranks));
  std::iota(ranks.begin(), ranks.end(), 0);
  site = site_of(*fabric, ranks);
  place.memory = cluster.node.device.memory_bandwidth.as_double();
  place.catalogue.launch = cluster.node.device.collective_launch;
  std::set<int> ports;
  const int local = static_cast<int>(cluster.node.devices);
  for (int from = 1; from < local; ++from) {
    const Fabric::Route route = fabric->route(from, 0);
    hops = route.links.size();
    const Fabric::Link& last = fabric->links()[static_cast<std::size_t>(route.links.back())];
    link = last.kind;
    place.catalogue.step = route.latency;
    place.catalogue.efficiency = last.capacity / last.raw_capacity;
    if (ports.insert(route.links.back()).second) place.port += last.raw_capacity;
  }
  if (local == 1) {  // no links inside: those of the adapter
    link = cluster.node.nic_link->name;
    place.port = cluster.node.nic_link->bandwidth.as_double();
    place.catalogue.efficiency = cluster.node.nic_link->efficiency;
  }
}

CollectiveTimes::CollectiveTimes(CollectiveQuestion question, const Builtins& builtins,
                                 const Catalog& catalog, NcclFits fits)
    : impl_(std::make_unique<Impl>()) {
  impl_->question = std::move(question);
  impl_->builtins = &builtins;
  impl_->cluster = read_named_cluster(impl_->question.cluster, catalog);
  impl_->collectives.add({"all_reduce/nvls", make_nvls_all_reduce, "the switch adds"});
  const std::int64_t devices = impl_->cluster.device_count();
  int& ranks = impl_->question.ranks;
  if (ranks == 0) ranks = static_cast<int>(devices);
  if (ranks > devices || ranks < 2) {
    throw UsageError("--ranks: expected 2 to " + std::to_string(devices) + ", the devices of " +
                     impl_->question.cluster + ", got " + std::to_string(ranks));
  }
  const JsonValue* link_of_all = impl_->cluster.node.fabric.find("link");
  if (impl_->cluster.node.devices > 1 && link_of_all == nullptr) {
    throw UsageError(
        "--cluster: expected nodes whose fabric has one \"link\" for all, as NCCL's "
        "constants are those of one; " +
        impl_->question.cluster + " has another");
  }
  impl_->look_at_node();
  const auto& [link, fit] = nccl_fit_of(fits, impl_->link);
  impl_->fit_link = link;
  impl_->fit = fit;
  Diagnostics mistakes;
  const JsonValue parameters = json_object({{"kind", json_string("roofline")}});
  impl_->cost = builtins.cost_models.find("roofline")->make(JsonCursor(parameters, mistakes));
  mistakes.throw_if_any();
}

CollectiveTimes::~CollectiveTimes() = default;

int CollectiveTimes::ranks() const {
  return impl_->question.ranks;
}

std::string CollectiveTimes::provenance() const {
  const bool own = impl_->fit_link == impl_->link;
  return impl_->fit_link + ", measured on " + impl_->fit.device +
         (own ? "" : ", scaled to " + impl_->link);
}

std::vector<std::string> CollectiveTimes::Impl::algorithms() const {
  if (question.algorithm != "auto") return {question.algorithm};
  switch (question.kind) {
    case CollectiveKind::all_reduce: {
      std::vector<std::string> names = {"ring"};
      const JsonValue* fabric = cluster.node.fabric.find("kind");
      const bool has_switch = fabric != nullptr && fabric->string == "crossbar";
      if (one_node() && has_switch && link.starts_with("nvlink") && fit.nvls && question.floats &&
          question.protocol == "auto") {
        names.push_back(kNvls);
      }
      if (!one_node()) names.push_back("double_binary_tree");
      return names;
    }
    case CollectiveKind::all_to_all:
      return {"direct"};
    default:
      return {"ring"};
  }
}

/// The cluster whose links inside the nodes do what the plan says; between the nodes LL and LL128
/// carry the same share of what the links could as inside.
ClusterSpec CollectiveTimes::Impl::with(const NcclPlan& plan) const {
  ClusterSpec changed = cluster;
  const auto set = [&](const std::string& key, JsonValue value) {
    const std::string mistake = set_at(changed.node.fabric, "/link/" + key, std::move(value));
    ORRERY_CHECK(mistake.empty(), "a fabric without a link: " + mistake);
  };
  if (cluster.node.devices > 1) {
    const auto hop = plan.step.count() / static_cast<std::int64_t>(hops);
    set("latency", json_string(std::to_string(hop) + " ps"));
    set("efficiency", json_real(plan.efficiency));
  }
  if (changed.node.nic_link && !one_node() && plan.protocol.starts_with("LL")) {
    const double simple = fit.protocols.back().efficiency;
    changed.node.nic_link->efficiency *= std::min(1.0, plan.efficiency / simple);
  }
  return changed;
}

CollectiveTime CollectiveTimes::Impl::run(Bytes size, const std::string& algorithm) const {
  const std::string name = std::string(to_string(question.kind)) + "/" + algorithm;
  const CollectiveCall call = call_of(size);
  const auto program = collectives.find(name)->make(call);
  // A chain is as many steps as it has members below its root.
  const int steps = question.kind == CollectiveKind::broadcast ? call.members - 1
                                                               : program->steps() / program->lag();
  const NcclPlan plan = algorithm == kNvls ? nvls_plan(fit, place, call)
                                           : nccl_plan(fit, place, call, steps, question.protocol);
  const ClusterSpec changed = with(plan);
  const auto fabric = fabric_of(changed, *builtins);
  CollectiveChoice choice;
  choice.algorithm[static_cast<std::size_t>(question.kind)] = algorithm;
  choice.launch = plan.launch;
  const TaskGraph graph = graph_of(question.kind, size, question.ranks);
  Engine engine;
  Machine machine(engine, changed, *fabric, *cost, collectives, choice);
  Executor executor(engine, graph, machine, {});
  machine.prepare(graph, executor.listener());
  return {size, executor.run().since_start(), algorithm, plan.protocol, plan.reason};
}

CollectiveTime CollectiveTimes::time_of(Bytes size) const {
  std::vector<CollectiveTime> all;
  for (const std::string& algorithm : impl_->algorithms()) {
    all.push_back(impl_->run(size, algorithm));
  }
  CollectiveTime best = *std::min_element(
      all.begin(), all.end(),
      [](const CollectiveTime& a, const CollectiveTime& b) { return a.time < b.time; });
  for (const CollectiveTime& other : all) {
    if (other.algorithm == best.algorithm) continue;
    best.reason += "; " + other.algorithm + " would take " +
                   std::to_string(to_seconds(other.time) / to_seconds(best.time)) +
                   " times as long";
  }
  return best;
}

}  // namespace orrery
