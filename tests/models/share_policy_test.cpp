#include <gtest/gtest.h>

#include <utility>

#include "tests/property/simulate.hpp"

namespace orrery {
namespace {

using namespace literals;

// Endpoints 0 and 1 reach endpoint 2 over a link that both share, and have links of their own
// before it:
//   0 --(first latency)--+
//                       (switch)--(kShared, shared latency)--> 2
//   1 --(second latency)-+
struct TwoFlows {
  static constexpr std::int64_t kShared = 10'000'000'000;  // bytes/s
  static constexpr std::int64_t kBytes = 10'000'000;
  Duration first;
  Duration second;
  Duration shared;

  /// When each has arrived.
  std::pair<Duration, Duration> arrivals(SharePolicy policy) const {
    const auto wide = [](Duration latency) { return wire(100 * Bandwidth(kShared), latency); };
    const LinkSpec narrow = wire(Bandwidth(kShared), shared);
    const DrawnGraph graph{.switches = 1,
                           .links = {{0, -1, wide(first)},
                                     {1, -1, wide(second)},
                                     {-1, 2, narrow},
                                     {2, -1, wide(shared)},
                                     {-1, 0, wide(shared)},
                                     {-1, 1, wide(shared)}}};
    ClusterSpec cluster;
    cluster.node.device = device_of({.memory = Bandwidth(1'000'000'000'000'000)});
    cluster.node.devices = 3;
    cluster.node.fabric = to_json(graph);
    cluster.nodes = 1;
    GraphOf tasks(3);
    const OpId a = tasks.transfer(0, 2, Bytes(kBytes));
    const OpId b = tasks.transfer(1, 2, Bytes(kBytes));
    const Outcome outcome =
        simulate(cluster, tasks, {}, {make_native_flows, {.share_policy = policy}});
    std::pair<Duration, Duration> ends;
    for (const Span& span : outcome.spans) {
      if (span.instance.op == a) ends.first = std::max(ends.first, span.end.since_start());
      if (span.instance.op == b) ends.second = std::max(ends.second, span.end.since_start());
    }
    return ends;
  }
};

Duration sending(double bytes, double rate) {
  return duration_from_seconds(bytes / rate);
}

// Rates as 1/latency: 8 and 2 GB/s while both send. When the first is done, the other has sent a
// quarter of as much, and has the link for itself.
TEST(SharePolicy, RttWeightedSharesInTheInverseRatioOfLatencies) {
  const TwoFlows flows{.first = 0_us, .second = 3_us, .shared = 1_us};  // 1 and 4 us in all
  const auto [a, b] = flows.arrivals(SharePolicy::rtt_weighted);
  const Duration together = sending(TwoFlows::kBytes, 0.8 * TwoFlows::kShared);
  const Duration rest = sending(0.75 * TwoFlows::kBytes, TwoFlows::kShared);
  EXPECT_EQ(a, together + 1_us);
  EXPECT_EQ(b, together + rest + 4_us);
}

TEST(SharePolicy, MaxMinSharesEvenly) {
  const TwoFlows flows{.first = 0_us, .second = 3_us, .shared = 1_us};
  const auto [a, b] = flows.arrivals(SharePolicy::max_min);
  const Duration both = sending(2 * TwoFlows::kBytes, TwoFlows::kShared);
  EXPECT_EQ(a, both + 1_us);
  EXPECT_EQ(b, both + 4_us);
}

// Else it would take all: it weighs as a route of the least latency that a link has.
TEST(SharePolicy, ARouteWithoutLatencyWeighsAsTheShortestLink) {
  const TwoFlows flows{.first = 0_us, .second = 3_us, .shared = 0_us};  // none, and 3 us
  const auto [a, b] = flows.arrivals(SharePolicy::rtt_weighted);
  const Duration both = sending(2 * TwoFlows::kBytes, TwoFlows::kShared);
  EXPECT_EQ(a, both);
  EXPECT_EQ(b, both + 3_us);
}

TEST(SharePolicy, WithoutAnyLatencyRttWeightedIsMaxMin) {
  const TwoFlows flows{.first = 0_us, .second = 0_us, .shared = 0_us};
  EXPECT_EQ(flows.arrivals(SharePolicy::rtt_weighted), flows.arrivals(SharePolicy::max_min));
}

}  // namespace
}  // namespace orrery
