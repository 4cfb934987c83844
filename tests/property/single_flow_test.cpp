// Flows whose time has a closed form on any fabric: one alone, and several between the same two
// devices. Where there is a closed form there is monotony: more bytes take longer, more capacity
// takes less time.
//
// For flows in general that is no theorem. Max-min fairness gives what one link gains to flows that
// then take more of another: SingleFlow.AFasterLinkCanDelayOthersAndTheEndOfAll.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/property/simulate.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;

constexpr std::uint64_t kCases = 400;
constexpr double kPicoseconds = 1e12;

/// The slowest of a route: of its links and of both memories. Bytes per second.
double bottleneck(const ClusterSpec& cluster, const Fabric::Route& route,
                  std::span<const Fabric::Link> links) {
  const DeviceSpec& device = cluster.node.device;
  double slowest = device.memory_bandwidth.as_double() / (1 / device.memory_efficiency);
  for (const int link : route.links) {
    slowest = std::min(slowest, links[static_cast<std::size_t>(link)].capacity);
  }
  return slowest;
}

Flow transfer_of(Rank from, Rank to, Bytes bytes) {
  Flow flow;
  flow.ranks = {from, to};
  flow.bytes = bytes;
  return flow;
}

Duration alone(const RandomCluster& cluster, Flow flow) {
  flow.after.reset();
  const DrawnTraffic traffic{.flows = {flow}, .choice = {}};
  const TrafficGraph made = graph_of(traffic, cluster.busy_devices());
  return simulate(cluster.spec(), made.graph, {}).end.since_start();
}

/// A cluster, two of its devices and a size.
struct Drawn {
  explicit Drawn(std::uint64_t seed) : cluster(seed, shape_of(seed)), random(seed, "single flow") {
    from = static_cast<Rank>(random.integer(0, cluster.busy_devices() - 1));
    to = static_cast<Rank>(random.integer(0, cluster.busy_devices() - 2));
    to += to >= from ? 1 : 0;
    bytes = Bytes(random.integer(1, 40'000'000));
  }
  RandomCluster cluster;
  RandomStream random;
  Rank from = 0;
  Rank to = 0;
  Bytes bytes;
};

TEST(SingleFlow, TakesItsBytesOverTheBottleneckAndTheLatencyOfItsRoute) {
  for (std::uint64_t seed = 0; seed < kCases; ++seed) {
    SCOPED_TRACE(seed);
    const Drawn drawn(seed);
    const ClusterSpec& cluster = drawn.cluster.spec();
    const auto fabric = fabric_of(cluster);
    const Fabric::Route& route = fabric->route(drawn.from, drawn.to);
    const double seconds = drawn.bytes.as_double() / bottleneck(cluster, route, fabric->links());
    const Duration took = alone(drawn.cluster, transfer_of(drawn.from, drawn.to, drawn.bytes));
    // The nearest picosecond of a double: where a half is near, either neighbour.
    const double exact = seconds * kPicoseconds + route.latency.as_double();
    EXPECT_NEAR(took.as_double(), exact, 0.501);
  }
}

// Whatever else goes on: a flow never gets more than the bottleneck of its route.
TEST(SingleFlow, IsNeverFasterAmongOthersThanAlone) {
  int slower = 0;
  for (std::uint64_t seed = 0; seed < kCases; ++seed) {
    SCOPED_TRACE(seed);
    const RandomCluster cluster(seed, shape_of(seed));
    const int devices = cluster.busy_devices();
    const DrawnTraffic traffic = RandomTraffic(seed, devices, {.streams = 4}).traffic();
    const TrafficGraph made = graph_of(traffic, devices);
    const Outcome outcome = simulate(cluster.spec(), made.graph, traffic.choice);
    for (std::size_t i = 0; i < traffic.flows.size(); ++i) {
      if (traffic.flows[i].is_collective) continue;
      const Duration least = alone(cluster, traffic.flows[i]);
      for (const Span& span : outcome.spans) {
        if (span.instance.op != made.ids[i] || span.position != 1) continue;
        // Each change of its rate leaves the same work, so that only the end is rounded: once.
        EXPECT_GE(span.end - span.start + 1_ps, least);
        slower += span.end - span.start > least ? 1 : 0;
      }
    }
  }
  EXPECT_GE(slower, static_cast<int>(kCases) / 4);
}

TEST(SingleFlow, GrowsWithItsSizeAndLatencyAndShrinksWithCapacity) {
  for (std::uint64_t seed = 0; seed < kCases; ++seed) {
    SCOPED_TRACE(seed);
    const Shape shape = shape_of(seed);
    const Drawn drawn(seed);
    const Flow flow = transfer_of(drawn.from, drawn.to, drawn.bytes);
    const Flow larger = transfer_of(drawn.from, drawn.to, drawn.bytes + 1_MB);
    const Duration took = alone(drawn.cluster, flow);
    EXPECT_LT(took, alone(drawn.cluster, larger));
    EXPECT_LE(took, alone(RandomCluster(seed, shape, {.latency_factor = 3}), flow));
    EXPECT_GT(took, alone(RandomCluster(seed, shape, {.capacity_factor = 2}), flow));
  }
}

/// Ends of flows over one route of rate C that start at once, all equal in its eyes (processor
/// sharing, Kleinrock 1967, JACM 14(2)): by the end of flow i every flow j has moved min(s_j, s_i).
double shared_end(const std::vector<Bytes>& sizes, std::size_t i, double rate) {
  double moved = 0;
  for (const Bytes size : sizes) moved += std::min(size, sizes[i]).as_double();
  return moved / rate * kPicoseconds;
}

// That form grows with each size, of a flow itself or of another, and shrinks with the rate.
TEST(SingleFlow, FlowsOfOneRouteShareItEvenlyToTheLast) {
  for (std::uint64_t seed = 0; seed < kCases; ++seed) {
    SCOPED_TRACE(seed);
    Drawn drawn(seed);
    DrawnTraffic traffic;
    std::vector<Bytes> sizes;
    for (std::int64_t flows = drawn.random.integer(2, 12); flows > 0; --flows) {
      sizes.emplace_back(drawn.random.integer(1, 9'000'000));
      traffic.flows.push_back(transfer_of(drawn.from, drawn.to, sizes.back()));
      traffic.flows.back().stream = static_cast<int>(flows);
    }
    const ClusterSpec& cluster = drawn.cluster.spec();
    const auto fabric = fabric_of(cluster);
    const Fabric::Route& route = fabric->route(drawn.from, drawn.to);
    const double rate = bottleneck(cluster, route, fabric->links());
    const TrafficGraph made = graph_of(traffic, drawn.cluster.busy_devices());
    const Outcome outcome = simulate(cluster, made.graph, {});
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      for (const Span& span : outcome.spans) {
        if (span.instance.op != made.ids[i] || span.position != 1) continue;
        // Every end before this one is off by half a picosecond at most, and so is this one.
        const double exact = shared_end(sizes, i, rate) + route.latency.as_double();
        EXPECT_NEAR(span.end.since_start().as_double(), exact,
                    0.501 * static_cast<double>(sizes.size()));
      }
    }
  }
}

// A over the first link, B over both, C over the second, all at once; D over the third after C.
//
//   device 0 --first--> device 1 --second--> device 2 --third--> device 3
//
// With a first link of 1 GB/s, A and B get 0.5 GB/s each, and C the 9.5 GB/s that B leaves of the
// second: 95 MB end at 10 ms. With a first link of 20 GB/s, B and C halve the second: B's 10 MB end
// at 2 ms, and C, which has 85 MB left for 10 GB/s, at 10.5 ms. D takes 10 ms more, and ends last.
TEST(SingleFlow, AFasterLinkCanDelayOthersAndTheEndOfAll) {
  DrawnTraffic traffic;
  traffic.flows = {transfer_of(0, 1, 5_MB), transfer_of(0, 2, 10_MB), transfer_of(1, 2, 95_MB),
                   transfer_of(2, 3, 100_MB)};
  for (int i = 0; i < 4; ++i) traffic.flows[static_cast<std::size_t>(i)].stream = i;
  traffic.flows[3].after = 2;
  const TrafficGraph made = graph_of(traffic, 4);
  const auto ends_of_c_and_all = [&](Bandwidth first) {
    DrawnGraph line;
    line.links = {
        {0, 1, wire(first, 0_ns)}, {1, 2, wire(10_GBps, 0_ns)}, {2, 3, wire(10_GBps, 0_ns)}};
    ClusterSpec cluster;
    cluster.nodes = 1;
    cluster.node.device = device_of({});
    cluster.node.devices = 4;
    cluster.node.fabric = to_json(line);
    const Outcome outcome = simulate(cluster, made.graph, {});
    Time end_of_c;
    for (const Span& span : outcome.spans) {
      if (span.instance.op == made.ids[2]) end_of_c = std::max(end_of_c, span.end);
    }
    return std::pair(end_of_c, outcome.end);
  };
  EXPECT_EQ(ends_of_c_and_all(1_GBps), std::pair(Time(10_ms), Time(20_ms)));
  EXPECT_EQ(ends_of_c_and_all(20_GBps), std::pair(Time(10_ms + 500_us), Time(20_ms + 500_us)));
}

}  // namespace
}  // namespace orrery
