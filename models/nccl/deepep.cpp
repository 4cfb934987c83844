#include "models/nccl/deepep.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>
#include <vector>

#include "models/collective/builtin.hpp"
#include "sim/base/errors.hpp"
#include "sim/base/unit_text.hpp"

namespace orrery {
namespace {

bool is_combine(std::size_t kernel) {
  return kernel % 2 == 1;
}

double seconds_at(double bytes, double rate) {
  return rate > 0 ? bytes / rate : 0;
}

/// Where those of all parts are spread as equally as they can be.
int experts_of_parts(int experts, int parts, int limit) {
  const std::int64_t whole = std::int64_t{experts} * limit;
  return static_cast<int>((whole + parts - 1) / parts);
}

/// Members of each node; 0 where nodes have differently many.
int members_a_node(const CollectiveCall& call) {
  if (call.site.node.empty()) return call.members;
  std::map<int, int> members;
  for (const int node : call.site.node) ++members[node];
  const int first = members.begin()->second;
  const bool equal = std::all_of(members.begin(), members.end(),
                                 [first](const auto& node) { return node.second == first; });
  return equal ? first : 0;
}

class DeepEp final : public CollectiveLibrary {
 public:
  DeepEp(DeepEpFits fits, NcclPlace place, int cores, const DeepEpOptions& options,
         std::shared_ptr<const CollectiveLibrary> nccl)
      : fits_(std::move(fits)),
        place_(std::move(place)),
        device_cores_(cores),
        options_(options),
        nccl_(std::move(nccl)) {
    const auto own = fits_.links.find(place_.link);
    const auto fit = own != fits_.links.end() ? own : fits_.links.find(kDeepEpMeasuredLink);
    ORRERY_CHECK(fit != fits_.links.end(), "fits without those that others borrow");
    fitted_link_ = fit->first;
    device_ = fit->second.device;
    kernel_ = fit->second.kernels[options_.kernel];
  }

  CollectivePlan plan(const CollectiveCall& call,
                      const Registry<CollectiveFactory>::Entry* asked) const override {
    const bool by_pair = call.kind == CollectiveKind::all_to_all_v && call.site.node.empty();
    const bool applies = asked == nullptr && (call.kind == CollectiveKind::all_to_all || by_pair);
    if (!applies) return nccl_->plan(call, asked);
    CollectivePlan plan = own_plan(call, tokens_of(call));
    if (by_pair) plan.make = make_direct_all_to_all_v;
    return plan;
  }
  std::string constants() const override {
    return fitted_link_ + ", measured on " + device_ +
           (fitted_link_ == place_.link ? "" : ", taken for " + place_.link) + "; NCCL's of " +
           nccl_->constants();
  }

 private:
  /// What a member sends, on average.
  struct Tokens {
    double bytes = 0;
    double count = 0;
    double copies = 1;  // of each
    double nodes = 1;   // that each goes to
    int here = 1;       // members of a node; 0: differently many
  };
  Tokens tokens_of(const CollectiveCall& call) const;
  /// Throws ScenarioError where the nodes that a token may go to have too few experts.
  void require_room(int nodes) const;
  CollectivePlan own_plan(const CollectiveCall& call, const Tokens& tokens) const;
  void put_between(CollectivePlan& plan, const Tokens& tokens) const;
  int cores() const;
  /// In which all bytes flow.
  double transfer(const Tokens& tokens) const;

  DeepEpFits fits_;
  NcclPlace place_;
  int device_cores_;
  DeepEpOptions options_;
  std::shared_ptr<const CollectiveLibrary> nccl_;
  std::string fitted_link_;
  std::string device_;
  DeepEpKernel kernel_;
};

void DeepEp::require_room(int nodes) const {
  const int limit = options_.node_limit;
  if (is_low_latency_kernel(options_.kernel) || limit == 0 || limit >= nodes) return;
  const int there = experts_of_parts(options_.experts, nodes, limit);
  if (options_.top_k <= there) return;
  throw ScenarioError({{options_.limit_file, options_.limit_pointer,
                        "expected enough nodes for the " + std::to_string(options_.top_k) +
                            " experts of a token: " + std::to_string(limit) + " of " +
                            std::to_string(nodes) + " nodes have " + std::to_string(there)}});
}

DeepEp::Tokens DeepEp::tokens_of(const CollectiveCall& call) const {
  Tokens tokens;
  const bool by_pair = call.kind == CollectiveKind::all_to_all_v;  // without a member's own part
  tokens.bytes = call.size.as_double() * (by_pair ? call.members / (call.members - 1.0) : 1);
  tokens.here = members_a_node(call);
  const int nodes = tokens.here > 0 ? call.members / tokens.here : 1;
  require_room(nodes);
  const DeepEpCopies sent = copies_of(options_, call.members, nodes);
  tokens.copies = sent.copies;
  tokens.nodes = sent.nodes;
  tokens.count = tokens.bytes / (tokens.copies * options_.token.as_double());
  return tokens;
}

int DeepEp::cores() const {
  if (!is_low_latency_kernel(options_.kernel))
    return options_.cores > 0 ? options_.cores : fits_.cores;
  const int experts_a_core = (options_.experts + device_cores_ - 1) / device_cores_;
  return (options_.experts + experts_a_core - 1) / experts_a_core;
}

double DeepEp::transfer(const Tokens& tokens) const {
  const double core = (tokens.count * tokens.nodes * to_seconds(kernel_.token) +
                       seconds_at(tokens.bytes, kernel_.copy) +
                       seconds_at(tokens.bytes / tokens.copies * tokens.nodes, kernel_.read)) /
                      cores();
  const int here = std::max(2, tokens.here);
  const double link = tokens.bytes * (here - 1) / here / (kernel_.port * place_.port);
  const double longer = std::max(core, link);
  if (longer <= 0) return 0;
  return longer * std::pow(1 + std::pow(std::min(core, link) / longer, kDeepEpSharpness),
                           1 / kDeepEpSharpness);
}

CollectivePlan DeepEp::own_plan(const CollectiveCall& call, const Tokens& tokens) const {
  CollectivePlan plan;
  plan.algorithm = "direct";
  plan.make = make_direct_all_to_all;
  plan.protocol = kDeepEpKernels[options_.kernel];
  plan.channels = cores();
  std::array<char, 200> text{};
  std::snprintf(text.data(), text.size(), "%.0f tokens of %s, each sent %.2f times", tokens.count,
                to_text(options_.token).c_str(), tokens.copies);
  plan.reason = text.data();
  const double ramp = kernel_.ramp_bytes > Bytes(0)
                          ? std::min(1.0, tokens.bytes / kernel_.ramp_bytes.as_double())
                          : 0;
  const double first = seconds_at(tokens.copies * options_.token.as_double(), kernel_.first);
  plan.launch = kernel_.launch + options_.experts * kernel_.expert +
                duration_from_seconds(first + ramp * to_seconds(kernel_.ramp));
  const int here = std::max(2, tokens.here);
  const double moved = tokens.bytes * (here - 1) / here;
  const double share = moved > 0 ? moved / (transfer(tokens) * place_.port) : kernel_.port;
  plan.terms = MessageTerms{.step = Duration(0),
                            .replaces = place_.catalogue.step,
                            .share = std::min(share, kernel_.port),
                            .cores = plan.channels};
  if (!call.site.node.empty()) put_between(plan, tokens);
  return plan;
}

/// On a rail there is one of a token's copies for a node, of which `tokens` has one for each GPU.
void DeepEp::put_between(CollectivePlan& plan, const Tokens& tokens) const {
  plan.terms->between = 1 / fits_.rail;
  if (is_low_latency_kernel(options_.kernel) || tokens.here < 1) return;
  const double handed_on = tokens.copies / tokens.nodes;
  plan.terms->between = 1 / (fits_.rail * handed_on);
  plan.algorithm = is_combine(options_.kernel) ? "hierarchical" : "rail_first";
  plan.make =
      is_combine(options_.kernel) ? make_hierarchical_all_to_all : make_rail_first_all_to_all;
  const double channels = std::max(1, plan.channels / 2);
  plan.chunk =
      Bytes(std::llround(fits_.chunk_tokens * channels * options_.token.as_double() * handed_on));
  std::array<char, 80> text{};
  std::snprintf(text.data(), text.size(), ", to %.2f nodes", tokens.nodes);
  plan.reason += text.data();
}

}  // namespace

double parts_hit(int experts, int top_k, int parts, int limit) {
  const int drawn = experts_of_parts(experts, parts, limit);
  if (top_k >= drawn) return std::min(drawn, limit);
  const auto hit = [&](int with) {
    double missed = 1;
    for (int i = 0; i < top_k; ++i) missed *= std::max(0.0, drawn - with - i * 1.0) / (drawn - i);
    return 1 - missed;
  };
  const int fewer = drawn / limit;
  const int with_more = drawn % limit;
  return with_more * hit(fewer + 1) + (limit - with_more) * hit(fewer);
}

/// A token's nodes are those of its best experts where they are limited: it goes to each of them.
DeepEpCopies copies_of(const DeepEpOptions& options, int members, int nodes) {
  if (is_low_latency_kernel(options.kernel)) return {.copies = static_cast<double>(options.top_k)};
  const bool limited = options.node_limit > 0 && options.node_limit < nodes;
  const int limit = limited ? options.node_limit : nodes;
  DeepEpCopies sent;
  sent.nodes = limited ? std::min(limit, options.top_k)
                       : parts_hit(options.experts, options.top_k, nodes, nodes);
  sent.copies = std::max(
      sent.nodes, parts_hit(options.experts, options.top_k, members, limit * (members / nodes)));
  return sent;
}

std::shared_ptr<const CollectiveLibrary> make_deepep(
    DeepEpFits fits, const ClusterSpec& cluster, Fabric& fabric, const DeepEpOptions& options,
    std::shared_ptr<const CollectiveLibrary> nccl) {
  return std::make_shared<const DeepEp>(std::move(fits), place_of(cluster, fabric),
                                        static_cast<int>(cluster.node.device.cores), options,
                                        std::move(nccl));
}

}  // namespace orrery
