#include <algorithm>

#include "models/message_flows.hpp"

namespace orrery {
namespace {

/// The least latency of a link that has any; 0 when none has.
Duration least_latency(const Fabric& fabric) {
  Duration least;
  for (const Fabric::Link& link : fabric.links()) {
    if (link.latency == Duration(0)) continue;
    least = least == Duration(0) ? link.latency : std::min(least, link.latency);
  }
  return least;
}

/// On the engine's own sharing.
///
/// rtt_weighted: two flows at one bottleneck get rates in the inverse ratio of their latencies, as
/// SimGrid's CM02 shares (Casanova and Marchal 2002, "A Network Model for Simulation of Grid
/// Applications", INRIA RR-4596: TCP's throughput at a bottleneck goes as 1/RTT). Weights are
/// counted in the least latency of a link, so that a message over one such link competes with
/// kernels for memory as under max_min; a route with less (none at all, say) weighs as much.
class NativeFlows final : public MessageFlows {
 public:
  NativeFlows(SharePolicy policy, const FlowSite& site)
      : policy_(policy),
        activities_(&site.activities),
        least_(policy == SharePolicy::rtt_weighted ? least_latency(site.fabric) : Duration(0)) {}

  ShareId start(const MessageFlow& message, EventHandler& on_left, std::uint64_t token) override {
    if (least_ == Duration(0) || message.latency <= least_) {
      return activities_->start(message.activity, on_left, token);
    }
    Activity activity = message.activity;
    activity.terms.weight *= to_seconds(least_) / to_seconds(message.latency);
    return activities_->start(activity, on_left, token);
  }
  std::vector<std::pair<std::string, std::string>> configuration() const override {
    return {{"share_policy", std::string(to_string(policy_))}};
  }

 private:
  SharePolicy policy_;
  Activities* activities_;
  Duration least_;  // 0: all weigh the same
};

}  // namespace

std::string_view to_string(SharePolicy policy) {
  return policy == SharePolicy::max_min ? "max_min" : "rtt_weighted";
}

std::unique_ptr<MessageFlows> make_native_flows(const FlowChoice& choice, const FlowSite& site) {
  return std::make_unique<NativeFlows>(choice.share_policy, site);
}

Registry<MessageFlowsFactory> builtin_fabric_engines() {
  return {{"native", make_native_flows, "orrery's own sharing of links (default)"}};
}

}  // namespace orrery
