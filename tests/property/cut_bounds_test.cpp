// Nothing is faster than the bandwidth bound of any cut. Let bytes D have to cross a set of links
// that all paths from one side to the other use; together these carry at most C bytes a second, so
// that they need D/C seconds: the max-flow min-cut bound in its easy direction (Ford and Fulkerson
// 1956, Canadian Journal of Mathematics 8, §1), whatever the schedule.
//
// An end is rounded to the nearest picosecond, so each message may come off half a picosecond
// early, worth half a picosecond of the cut's rate. Bounds are held to within 1 ps a message.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/property/cluster_vertices.hpp"
#include "tests/property/must_cross.hpp"
#include "tests/property/simulate.hpp"
#include "tests/sampled.hpp"

namespace orrery {
namespace {

constexpr std::uint64_t kCases = sampled(1'000);
constexpr double kPicoseconds = 1e12;

/// A random cluster with random traffic on it, and what came of it.
struct Case {
  explicit Case(std::uint64_t seed, const TrafficLimits& limits = {.streams = 3})
      : cluster(seed, shape_of(seed)),
        devices(cluster.busy_devices()),
        traffic(RandomTraffic(seed, devices, limits).traffic()),
        made(graph_of(traffic, devices)),
        fabric(fabric_of(cluster.spec())),
        outcome(simulate(cluster.spec(), made.graph, traffic.choice)) {}

  /// Expects that `bytes` at `capacity` have had the time they need, and says how much of the time
  /// they needed.
  double expect_time_for(double bytes, double capacity, const std::string& cut) const {
    const auto taken = static_cast<double>(outcome.end.picoseconds());
    const double needed = bytes / capacity * kPicoseconds;
    EXPECT_GE(taken + static_cast<double>(outcome.counters.messages), needed) << cut;
    return taken > 0 ? needed / taken : 0;
  }

  RandomCluster cluster;
  int devices;
  DrawnTraffic traffic;
  TrafficGraph made;
  std::unique_ptr<Fabric> fabric;
  Outcome outcome;
};

/// Bounds that leave no more than a hundredth free: without some, the tests would say little.
struct Tightness {
  std::uint64_t tight = 0;
  void add(double ratio) { tight += ratio > 0.99 ? 1 : 0; }
};

TEST(CutBounds, NoLinkMovesItsBytesFasterThanItsCapacity) {
  Tightness tightness;
  for (std::uint64_t seed = 0; seed < kCases; ++seed) {
    SCOPED_TRACE(seed);
    const Case that(seed);
    double closest = 0;
    for (std::size_t i = 0; i < that.fabric->links().size(); ++i) {
      const double bytes = that.outcome.carried_by_link(that.devices, i);
      const Fabric::Link& link = that.fabric->links()[i];
      closest = std::max(closest, that.expect_time_for(bytes, link.capacity, link.name));
    }
    tightness.add(closest);
  }
  EXPECT_GE(tightness.tight, sampled(20));
}

// A message takes 1/efficiency of its bytes at the source, and as much at the destination.
TEST(CutBounds, NoDeviceMovesItsBytesFasterThanItsMemory) {
  Tightness tightness;
  for (std::uint64_t seed = 0; seed < kCases; ++seed) {
    SCOPED_TRACE(seed);
    const Case that(seed);
    std::vector<double> touched(static_cast<std::size_t>(that.devices));
    for (const Flow& flow : that.traffic.flows) {
      if (!flow.is_collective) {
        for (const Rank rank : flow.ranks) {
          touched[static_cast<std::size_t>(rank)] += flow.bytes.as_double();
        }
        continue;
      }
      for_each_send(
          *that.fabric, that.traffic, flow,
          [&](auto group, int member, const Send& send, const CollectiveProgram::Load& load) {
            touched[static_cast<std::size_t>(group[static_cast<std::size_t>(member)])] +=
                load.out * send.bytes.as_double();
            touched[static_cast<std::size_t>(group[static_cast<std::size_t>(send.to)])] +=
                load.in * send.bytes.as_double() * (send.reduces ? 2 : 1);
          });
    }
    const DeviceSpec& device = that.cluster.spec().node.device;
    const double capacity = device.memory_bandwidth.as_double() * device.memory_efficiency;
    double closest = 0;
    for (const double bytes : touched) {
      closest = std::max(closest, that.expect_time_for(bytes, capacity, "memory"));
    }
    tightness.add(closest);
  }
  EXPECT_GE(tightness.tight, sampled(5));
}

TEST(CutBounds, NothingLeavesOrEntersADeviceFasterThanItsLinksTogether) {
  Tightness tightness;
  for (std::uint64_t seed = 0; seed < kCases; ++seed) {
    SCOPED_TRACE(seed);
    const Case that(seed);
    const ClusterVertices vertices(that.cluster.spec());
    double closest = 0;
    for (int device = 0; device < that.devices; ++device) {
      std::vector<bool> inside(static_cast<std::size_t>(vertices.count()), false);
      inside[static_cast<std::size_t>(device)] = true;
      for (const char* direction : {"out of ", "into "}) {
        const double bytes = must_cross(that.traffic, inside);
        const double capacity = capacity_out_of(inside, *that.fabric, vertices.ends());
        closest = std::max(
            closest, that.expect_time_for(bytes, capacity, direction + std::to_string(device)));
        inside.flip();
      }
    }
    tightness.add(closest);
  }
  EXPECT_GE(tightness.tight, sampled(5));
}

TEST(CutBounds, NothingCrossesARandomCutFasterThanItsLinksTogether) {
  constexpr int kCuts = 40;
  Tightness tightness;
  for (std::uint64_t seed = 0; seed < kCases; ++seed) {
    SCOPED_TRACE(seed);
    const Case that(seed);
    const ClusterVertices vertices(that.cluster.spec());
    RandomStream random(seed, "cuts");
    double closest = 0;
    for (int cut = 0; cut < kCuts; ++cut) {
      std::vector<bool> inside(static_cast<std::size_t>(vertices.count()));
      for (std::size_t v = 0; v < inside.size(); ++v) inside[v] = random.integer(0, 1) == 1;
      const double bytes = must_cross(that.traffic, inside);
      if (bytes == 0) continue;
      const double capacity = capacity_out_of(inside, *that.fabric, vertices.ends());
      closest = std::max(closest, that.expect_time_for(bytes, capacity, std::to_string(cut)));
    }
    tightness.add(closest);
  }
  EXPECT_GE(tightness.tight, 1);
}

}  // namespace
}  // namespace orrery
