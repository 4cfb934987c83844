#include "models/nccl/library.hpp"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "models/collective/builtin.hpp"
#include "models/collective/collective_site.hpp"
#include "models/collective/ring_orders.hpp"
#include "models/nccl/formulas.hpp"
#include "sim/base/unit_text.hpp"

namespace orrery {
namespace {

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
        formulas_(fits_, with_graphs(place_, options_.graphs)) {}

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
    const char* needs = nullptr;  // what a user has to set first: then it is only predicted
  };
  static const std::vector<Candidate>& candidates();

  bool always(const CollectiveCall&) const { return true; }
  bool over_nodes(const CollectiveCall& call) const { return !call.site.node.empty(); }
  bool switch_adds(const CollectiveCall& call) const {
    return call.site.node.empty() && place_.switch_adds && formulas_.fit().nvls && options_.nvls &&
           options_.floats && options_.protocol == "auto";
  }
  bool network_adds(const CollectiveCall& call) const {
    return over_nodes(call) && place_.network_adds && options_.floats &&
           options_.protocol == "auto";
  }
  /// One member a node, from NCCL 2.23 on (NVIDIA developer blog on that version).
  bool alone_in_nodes(const CollectiveCall& call) const {
    return over_nodes(call) && options_.protocol == "auto" &&
           std::set<int>(call.site.node.begin(), call.site.node.end()).size() ==
               static_cast<std::size_t>(call.members);
  }
  static NcclPlace with_graphs(NcclPlace place, const NcclGraphs& graphs) {
    place.graphs = graphs;
    return place;
  }
  NcclPlan ring(const CollectiveCall& call) const {
    const int channels = options_.graphs.ring.channels;
    NcclPlan plan = ring_over(call, channels);
    // It opens fewer for little, and then leaves nodes by as many adapters.
    const bool fewer = fits_.tuning.between_nodes && over_nodes(call) &&
                       plan.channels < adapters_of(over_channels(call, channels));
    return fewer ? ring_over(call, plan.channels) : plan;
  }
  NcclPlan ring_over(const CollectiveCall& call, int channels) const {
    const CollectiveCall over = over_channels(call, channels);
    NcclPlan plan = formulas_.ring(
        over, [&](Bytes chunk) { return ring_work(over, chunk); }, options_.protocol);
    plan.adapters = channels;
    return plan;
  }
  NcclPlan tree(const CollectiveCall& call) const {
    const CollectiveCall over = over_channels(call, options_.graphs.tree.channels);
    NcclPlan plan = formulas_.ring(
        over, [&](Bytes) { return tree_work(over); }, options_.protocol);
    plan.adapters = options_.graphs.tree.channels;
    return plan;
  }
  static CollectiveCall over_channels(CollectiveCall call, int channels) {
    call.site = over_adapters(std::move(call.site), channels);
    return call;
  }
  NcclPlan pat(const CollectiveCall& call) const {
    const int rounds = make_pat_all_gather(call)->steps();  // as many up as down
    return simple(call, pat_work(call, rounds), "PAT's only one");
  }
  NcclPlan sharp(const CollectiveCall& call) const {
    return simple(call, sharp_work(call), "that of additions in the network");
  }
  NcclPlan simple(const CollectiveCall& call, const NcclWork& work, const char* why) const {
    NcclPlan plan = formulas_.ring(
        call, [&](Bytes) { return work; }, "simple");
    plan.why = why;
    return plan;
  }
  NcclPlan direct(const CollectiveCall& call) const;
  NcclPlan nvls(const CollectiveCall& call) const { return formulas_.nvls(call); }

  CollectivePlan named(const CollectiveCall& call,
                       const Registry<CollectiveFactory>::Entry& asked) const;
  CollectivePlan finished(const NcclPlan& plan) const;

  NcclFits fits_;
  NcclPlace place_;
  NcclOptions options_;
  NcclFormulas formulas_;
};

/// A line for each; the first of a kind that applies wins where predictions are equal. NVLS gathers
/// and scatters only what users registered: measured H100 do neither (experiments/nccl/README.md).
const std::vector<Nccl::Candidate>& Nccl::candidates() {
  using Kind = CollectiveKind;
  static const std::vector<Candidate> all = {
      {Kind::all_reduce, "ring", make_ring_all_reduce, &Nccl::always, &Nccl::ring},
      {Kind::all_reduce, "nvls", make_nvls_all_reduce, &Nccl::switch_adds, &Nccl::nvls},
      {Kind::all_reduce, "double_binary_tree", make_double_binary_tree_all_reduce,
       &Nccl::over_nodes, &Nccl::tree},
      {Kind::all_reduce, "sharp", make_sharp_all_reduce, &Nccl::network_adds, &Nccl::sharp,
       "NCCL_COLLNET_ENABLE"},
      {Kind::all_gather, "ring", make_ring_all_gather, &Nccl::always, &Nccl::ring},
      {Kind::all_gather, "pat", make_pat_all_gather, &Nccl::alone_in_nodes, &Nccl::pat},
      {Kind::reduce_scatter, "ring", make_ring_reduce_scatter, &Nccl::always, &Nccl::ring},
      {Kind::reduce_scatter, "pat", make_pat_reduce_scatter, &Nccl::alone_in_nodes, &Nccl::pat},
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

NcclPlan Nccl::direct(const CollectiveCall& call) const {
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

/// A channel is a thread block, which has a core for itself as long as the kernel runs.
CollectivePlan Nccl::finished(const NcclPlan& plan) const {
  CollectivePlan result;
  result.protocol = kNcclProtocols[plan.protocol];
  result.channels = plan.channels;
  result.adapters = plan.adapters;
  result.chunk = plan.chunk;
  result.launch = duration_from_seconds(plan.launch);
  result.terms = MessageTerms{.step = duration_from_seconds(plan.step),
                              .replaces = place_.catalogue.step,
                              .share = plan.share,
                              .between = plan.between,
                              .cores = plan.channels};
  return result;
}

/// What was asked for by name.
CollectivePlan Nccl::named(const CollectiveCall& call,
                           const Registry<CollectiveFactory>::Entry& asked) const {
  const auto known =
      std::find_if(candidates().begin(), candidates().end(), [&](const Candidate& candidate) {
        return asked.make == candidate.make &&
               (candidate.plan != &Nccl::nvls || formulas_.fit().nvls);
      });
  const std::shared_ptr<const CollectiveProgram> program = asked.make(call);
  const auto work = [&](Bytes chunk) { return named_work(call, *program, chunk); };
  const NcclPlan of = known != candidates().end()    ? (this->*known->plan)(call)
                      : is_point_to_point(call.kind) ? direct(call)
                      : program->in_network()
                          ? simple(call, work({}), "that of additions and copies by switches")
                          : formulas_.ring(call, work, options_.protocol);
  CollectivePlan plan = finished(of);
  plan.algorithm = asked.name.substr(asked.name.find('/') + 1);
  plan.make = asked.make;
  plan.reason = "algorithm asked for; protocol: " + of.why;
  return plan;
}

CollectivePlan Nccl::plan(const CollectiveCall& call,
                          const Registry<CollectiveFactory>::Entry* asked) const {
  if (asked != nullptr) return named(call, *asked);
  const Candidate* best = nullptr;
  NcclPlan least;
  std::string predicted;
  std::string not_taken;
  for (const Candidate& candidate : candidates()) {
    if (candidate.kind != call.kind || !(this->*candidate.applies)(call)) continue;
    NcclPlan plan = (this->*candidate.plan)(call);
    if (candidate.needs != nullptr) {
      not_taken += std::string(", not without ") + candidate.needs + ": " + candidate.algorithm +
                   " " + to_text(duration_from_seconds(plan.seconds));
      continue;
    }
    predicted += (best == nullptr ? "" : ", ") + std::string(candidate.algorithm) + " " +
                 to_text(duration_from_seconds(plan.seconds));
    if (best != nullptr && plan.seconds >= least.seconds) continue;
    best = &candidate;
    least = std::move(plan);
  }
  if (best == nullptr) return {};  // nothing is known of this kind
  CollectivePlan plan = finished(least);
  plan.algorithm = best->algorithm;
  plan.make = best->make;
  const bool estimated = over_nodes(call) && !is_point_to_point(call.kind);
  plan.reason = estimated ? "NCCL's own estimates, not what it takes: " : "predicted: ";
  plan.reason += predicted + not_taken + "; protocol: " + least.why;
  return plan;
}

}  // namespace

std::shared_ptr<const CollectiveLibrary> make_nccl(NcclFits fits, const ClusterSpec& cluster,
                                                   Fabric& fabric, const NcclOptions& options) {
  return std::make_shared<const Nccl>(std::move(fits), place_of(cluster, fabric), options);
}

}  // namespace orrery
