#include "models/nccl/library.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <set>
#include <utility>
#include <vector>

#include "models/collective/builtin.hpp"
#include "models/collective/parts.hpp"
#include "models/nccl/formulas.hpp"
#include "sim/base/unit_text.hpp"

namespace orrery {
namespace {

/// Members of a call, and the nodes and adapters that they are spread over.
struct Spread {
  int members;
  int nodes;
  int in_node;   // members of a node
  int adapters;  // of a node, that they use
};

Spread spread_of(const CollectiveCall& call) {
  const std::set<int> nodes(call.site.node.begin(), call.site.node.end());
  const std::set<int> adapters(call.site.nic.begin(), call.site.nic.end());
  const int count = std::max<int>(1, static_cast<int>(nodes.size()));
  return {.members = call.members,
          .nodes = count,
          .in_node = std::max(1, call.members / count),
          .adapters = std::max<int>(1, static_cast<int>(adapters.size()))};
}

/// Each ring passes every boundary of nodes once a round; there is one ring for each adapter.
NcclWork around_a_ring(const CollectiveCall& call, int rounds, double moved) {
  const Spread over = spread_of(call);
  const int between = over.nodes > 1 ? rounds * (over.nodes - 1) : 0;
  return {.steps = rounds * (over.members - 1) - between,
          .steps_between = between,
          .moved = moved,
          .port = over.in_node > 1 ? moved : 0,
          .adapter = over.nodes > 1 ? moved / over.adapters : 0};
}

double all_but_own(const CollectiveCall& call) {
  return call.size.as_double() * (call.members - 1) / call.members;
}

NcclWork ring_work(const CollectiveCall& call) {
  switch (call.kind) {
    case CollectiveKind::all_reduce:
      return around_a_ring(call, 2, 2 * all_but_own(call));
    case CollectiveKind::broadcast:
    case CollectiveKind::reduce:
      return around_a_ring(call, 1, call.size.as_double());
    default:
      return around_a_ring(call, 1, all_but_own(call));
  }
}

/// Up and down two binary trees with half of the buffer each, in chunks. A member gets both halves
/// up from two below it in the tree where it is inside, and each once from above: twice the buffer
/// in all. The nodes' first members carry what leaves nodes, over one adapter.
NcclWork tree_work(const CollectiveCall& call) {
  const Spread over = spread_of(call);
  const auto height = [](int of) {
    return static_cast<int>(std::bit_width(static_cast<unsigned>(of - 1)));
  };
  NcclWork work{.steps = 2 * height(over.in_node), .steps_between = 2 * height(over.nodes)};
  const Bytes chunk = call.chunk > Bytes(0) ? call.chunk : kPipelineChunk;
  const double first = std::min(call.size.as_double() / 2, chunk.as_double());
  work.moved = 2 * call.size.as_double() + (work.steps + work.steps_between) * first;
  work.port = over.in_node > 1 ? work.moved : 0;
  work.adapter = over.nodes > 1 ? work.moved : 0;
  return work;
}

/// To all others at once.
NcclWork direct_work(const CollectiveCall& call) {
  const Spread over = spread_of(call);
  if (call.kind == CollectiveKind::send_recv) {  // to the next, which may be in another node
    const double bytes = call.size.as_double();
    return {.steps = over.nodes > 1 ? 0 : 1,
            .steps_between = over.nodes > 1 ? 1 : 0,
            .moved = bytes,
            .port = bytes,
            .adapter = over.nodes > 1 ? bytes : 0};
  }
  const double part = call.size.as_double() / over.members;
  const double leaves = part * (over.members - over.in_node);
  return {.steps = over.nodes > 1 ? 0 : 1,
          .steps_between = over.nodes > 1 ? 1 : 0,
          .moved = all_but_own(call),
          .port = part * (over.in_node - 1),
          .adapter = leaves * over.in_node / over.adapters};
}

/// Bytes on a member's link either way (models/collective/nvls.cpp).
double in_the_switch(const CollectiveCall& call) {
  return call.size.as_double() * (call.members + 1) / call.members;
}

/// An algorithm that was asked for by name: as many steps as its program has, else as a ring.
NcclWork work_of(const CollectiveCall& call, const CollectiveProgram& program) {
  NcclWork work = ring_work(call);
  if (has_root(call.kind)) return work;  // chunks are steps of its program
  work.steps = std::max(0, program.steps() / program.lag() - work.steps_between);
  return work;
}

/// Sends and receives of pairs, grouped.
bool is_point_to_point(CollectiveKind kind) {
  using Kind = CollectiveKind;
  return kind == Kind::all_to_all || kind == Kind::all_to_all_v || kind == Kind::gather ||
         kind == Kind::scatter || kind == Kind::send_recv;
}

class Nccl final : public CollectiveLibrary {
 public:
  Nccl(NcclFits fits, NcclPlace place, NcclOptions options)
      : fits_(std::move(fits)),
        place_(std::move(place)),
        options_(std::move(options)),
        formulas_(fits_, place_) {}

  CollectivePlan plan(const CollectiveCall& call,
                      const Registry<CollectiveFactory>::Entry* asked) const override;
  std::string constants() const override {
    const std::string& link = formulas_.fitted_link();
    const std::string& device = formulas_.fit().device;
    return link + (device.empty() ? ", assumed" : ", measured on " + device) +
           (link == place_.link ? "" : ", scaled to " + place_.link);
  }

 private:
  /// What NCCL chooses from.
  struct Candidate {
    CollectiveKind kind;
    const char* algorithm;
    CollectiveFactory make;
    bool (Nccl::*applies)(const CollectiveCall& call) const;
    NcclPlan (Nccl::*plan)(const CollectiveCall& call) const;
  };
  static const std::vector<Candidate>& candidates();

  bool always(const CollectiveCall&) const { return true; }
  bool trees(const CollectiveCall& call) const { return options_.trees && !call.site.node.empty(); }
  bool switch_adds(const CollectiveCall& call) const {
    return call.site.node.empty() && place_.switch_adds && formulas_.fit().nvls && options_.nvls &&
           options_.floats && options_.protocol == "auto";
  }
  NcclPlan ring(const CollectiveCall& call) const {
    return formulas_.ring(call, ring_work(call), options_.protocol);
  }
  NcclPlan tree(const CollectiveCall& call) const {
    return formulas_.ring(call, tree_work(call), options_.protocol);
  }
  NcclPlan direct(const CollectiveCall& call) const {
    if (call.kind == CollectiveKind::all_to_all_v) {  // its size is without a member's own part
      CollectiveCall whole = call;
      whole.kind = CollectiveKind::all_to_all;
      whole.size = Bytes(call.size.count() / (call.members - 1) * call.members);
      return formulas_.point_to_point(whole, direct_work(whole));
    }
    if (call.kind != CollectiveKind::send_recv) {
      return formulas_.point_to_point(call, direct_work(call));
    }
    CollectiveCall pair = call;  // one other, everything
    pair.members = 2;
    pair.size = 2 * call.size;
    return formulas_.point_to_point(pair, direct_work(call));
  }
  NcclPlan nvls(const CollectiveCall& call) const { return formulas_.nvls(call); }

  CollectivePlan finished(const NcclPlan& plan, double moved) const;

  NcclFits fits_;
  NcclPlace place_;
  NcclOptions options_;
  NcclFormulas formulas_;
};

/// A line for each; the first of a kind that applies wins where predictions are equal.
const std::vector<Nccl::Candidate>& Nccl::candidates() {
  using Kind = CollectiveKind;
  static const std::vector<Candidate> all = {
      {Kind::all_reduce, "ring", make_ring_all_reduce, &Nccl::always, &Nccl::ring},
      {Kind::all_reduce, "nvls", make_nvls_all_reduce, &Nccl::switch_adds, &Nccl::nvls},
      {Kind::all_reduce, "double_binary_tree", make_double_binary_tree_all_reduce, &Nccl::trees,
       &Nccl::tree},
      {Kind::all_gather, "ring", make_ring_all_gather, &Nccl::always, &Nccl::ring},
      {Kind::reduce_scatter, "ring", make_ring_reduce_scatter, &Nccl::always, &Nccl::ring},
      {Kind::all_to_all, "direct", make_direct_all_to_all, &Nccl::always, &Nccl::direct},
      {Kind::broadcast, "ring", make_ring_broadcast, &Nccl::always, &Nccl::ring},
      {Kind::reduce, "ring", make_ring_reduce, &Nccl::always, &Nccl::ring},
      {Kind::gather, "direct", make_direct_gather, &Nccl::always, &Nccl::direct},
      {Kind::scatter, "direct", make_direct_scatter, &Nccl::always, &Nccl::direct},
      {Kind::send_recv, "direct", make_direct_send_recv, &Nccl::always, &Nccl::direct},
      {Kind::all_to_all_v, "direct", make_direct_all_to_all_v, &Nccl::always, &Nccl::direct},
  };
  return all;
}

/// Cores are busy for `transfer` when nothing is in the way, so each byte takes its part of that.
CollectivePlan Nccl::finished(const NcclPlan& plan, double moved) const {
  CollectivePlan result;
  result.protocol = kNcclProtocols[plan.protocol];
  result.channels = plan.channels;
  result.launch = duration_from_seconds(plan.launch);
  MessageTerms terms{.step = duration_from_seconds(plan.step),
                     .replaces = place_.catalogue.step,
                     .share = plan.share,
                     .between = plan.between};
  if (place_.cores > 0 && moved > 0) {
    const double busy = std::min(1.0, static_cast<double>(plan.channels) / place_.cores);
    terms.core_seconds = busy * plan.transfer / moved;
  }
  result.terms = terms;
  return result;
}

CollectivePlan Nccl::plan(const CollectiveCall& call,
                          const Registry<CollectiveFactory>::Entry* asked) const {
  if (asked != nullptr) {
    const bool by_switch = asked->name == "all_reduce/nvls" && formulas_.fit().nvls;
    const NcclWork work = work_of(call, *asked->make(call));
    const NcclPlan of = by_switch ? formulas_.nvls(call)
                        : is_point_to_point(call.kind)
                            ? direct(call)
                            : formulas_.ring(call, work, options_.protocol);
    CollectivePlan plan = finished(of, by_switch ? in_the_switch(call) : work.moved);
    plan.algorithm = asked->name.substr(asked->name.find('/') + 1);
    plan.make = asked->make;
    plan.reason = "algorithm asked for; protocol: " + of.why;
    return plan;
  }
  const Candidate* best = nullptr;
  NcclPlan least;
  std::string predicted;
  for (const Candidate& candidate : candidates()) {
    if (candidate.kind != call.kind || !(this->*candidate.applies)(call)) continue;
    NcclPlan plan = (this->*candidate.plan)(call);
    predicted += (best == nullptr ? "" : ", ") + std::string(candidate.algorithm) + " " +
                 to_text(duration_from_seconds(plan.seconds));
    if (best != nullptr && plan.seconds >= least.seconds) continue;
    best = &candidate;
    least = std::move(plan);
  }
  if (best == nullptr) return {};  // nothing is known of this kind
  const bool by_switch = best->plan == &Nccl::nvls;
  const double moved = by_switch                      ? in_the_switch(call)
                       : is_point_to_point(call.kind) ? direct_work(call).moved
                                                      : ring_work(call).moved;
  CollectivePlan plan = finished(least, moved);
  plan.algorithm = best->algorithm;
  plan.make = best->make;
  plan.reason = "predicted: " + predicted + "; protocol: " + least.why;
  return plan;
}

}  // namespace

NcclPlace place_of(const ClusterSpec& cluster, Fabric& fabric) {
  NcclPlace place;
  const NodeSpec& node = cluster.node;
  place.memory = node.device.memory_bandwidth.as_double();
  place.cores = static_cast<int>(node.device.cores);
  place.catalogue.launch = node.device.collective_launch;
  std::set<int> ports;
  const int local = static_cast<int>(node.devices);
  for (int from = 1; from < local; ++from) {
    const Fabric::Route route = fabric.route(from, 0);
    const Fabric::Link& last = fabric.links()[static_cast<std::size_t>(route.links.back())];
    place.link = last.kind;
    place.catalogue.step = std::max(place.catalogue.step, route.latency);
    place.catalogue.efficiency = last.capacity / last.raw_capacity;
    if (ports.insert(route.links.back()).second) place.port += last.raw_capacity;
  }
  if (cluster.nodes > 1) {
    place.adapter = node.nic_link->bandwidth.as_double() * node.nic_link->efficiency;
    place.between = fabric.route(0, local).latency;
  }
  if (local == 1) {  // no links inside: those of the adapter
    place.link = node.nic_link->name;
    place.port = node.nic_link->bandwidth.as_double();
    place.catalogue.efficiency = node.nic_link->efficiency;
  }
  place.switch_adds = place.link.starts_with("nvlink") && fabric.node_adds();
  return place;
}

std::string link_inside(const ClusterSpec& cluster, Fabric& fabric) {
  if (cluster.node.devices == 1) return "";
  return fabric.links()[static_cast<std::size_t>(fabric.route(1, 0).links.back())].kind;
}

std::shared_ptr<const CollectiveLibrary> make_nccl(NcclFits fits, const ClusterSpec& cluster,
                                                   Fabric& fabric, const NcclOptions& options) {
  return std::make_shared<const Nccl>(std::move(fits), place_of(cluster, fabric), options);
}

}  // namespace orrery
