// One slow device, one slow link and random kernel times in a data-parallel step: a kernel on every
// rank, then an all-reduce that is a barrier as well.
#include <gtest/gtest.h>

#include <cmath>

#include "models/jitter.hpp"
#include "sim/graph/waits.hpp"
#include "tests/theory/small_cluster.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;

constexpr int kRanks = 8;
constexpr Rank kSlow = 5;
const LinkSpec kWire = wire(100_GBps, 700_ns);
const DeviceNumbers kDevice;
const Duration kCompute = 1_ms;

/// What takes a nominal device `time`, bound by arithmetic or by memory.
Kernel math_of(Duration time) {
  const double rate = kDevice.peak.as_double() * kDevice.math_efficiency;
  return kernel_of(Flops(std::llround(to_seconds(time) * rate)), Bytes(0));
}
Kernel memory_of(Duration time) {
  const double rate = kDevice.memory.as_double() * kDevice.memory_efficiency;
  return kernel_of(Flops(0), Bytes(std::llround(to_seconds(time) * rate)));
}

struct Step : GraphOf {
  explicit Step(const Kernel& kernel) : GraphOf(kRanks) {
    work = compute(all(), kernel, "network");
    reduce = collective(CollectiveKind::all_reduce, 8_MB, kRanks);
  }
  OpId work;
  OpId reduce;
};

Variability slowed(double math, double memory) {
  Variability variability;
  variability.devices.resize(kRanks);
  variability.devices[kSlow] = {math, memory};
  return variability;
}

Duration communication() {
  GraphOf graph(kRanks);
  graph.collective(CollectiveKind::all_reduce, 8_MB, kRanks);
  return run(crossbar_of(kRanks, kWire), graph).end.since_start();
}

TEST(Straggler, AStepTakesTheSlowestComputeAndEverybodyWaitsForIt) {
  for (const double speed : {1.0, 0.8, 0.5, 0.25}) {  // kCompute / speed is a whole picosecond
    const Step step(math_of(kCompute));
    const Finished done = run(crossbar_of(kRanks, kWire), step, {}, slowed(speed, 1));
    const Duration slowest = duration_from_seconds(to_seconds(kCompute) / speed);
    EXPECT_EQ(done.end_of(step.work), slowest);
    EXPECT_EQ(done.end, Time(slowest + communication()));
    const Waits waits = find_waits(step, done.spans, each_rank_alone(step.world_size()));
    const Duration wait = slowest - kCompute;
    EXPECT_EQ(waits.pairs.size(), wait > Duration(0) ? kRanks - 1U : 0U);
    for (const Waits::Pair& pair : waits.pairs) {
      EXPECT_EQ(pair.waited_for, kSlow);
      EXPECT_EQ(pair.time, wait);
    }
    EXPECT_NEAR(waits.ranks[kSlow].caused_s, (kRanks - 1) * to_seconds(wait), 1e-15);
  }
}

TEST(Straggler, MathAndMemorySlowDownApart) {
  const auto time = [](const Kernel& kernel, double math, double memory) {
    const Step step(kernel);
    return run(crossbar_of(kRanks, kWire), step, {}, slowed(math, memory)).end_of(step.work);
  };
  EXPECT_EQ(time(math_of(kCompute), 0.5, 1), 2 * kCompute);
  EXPECT_EQ(time(math_of(kCompute), 1, 0.5), kCompute);
  EXPECT_EQ(time(memory_of(kCompute), 0.5, 1), kCompute);
  EXPECT_EQ(time(memory_of(kCompute), 1, 0.5), 2 * kCompute);
}

TEST(Straggler, ADegradedLinkTakesLongerInProportion) {
  const Bytes size = 1_MB;
  for (const double capacity : {1.0, 0.5, 0.25}) {
    Variability variability;
    variability.links = {{.link = 0, .capacity = capacity, .latency = 3}};
    GraphOf graph(2);  // link 0 leads from device 0 to the switch
    const OpId slow = graph.transfer(0, 1, size);
    const OpId other = graph.transfer(1, 0, size);
    const Finished done = run(crossbar_of(2, kWire), graph, {}, variability);
    const Duration nominal = transfer_time(size, kWire.bandwidth);
    EXPECT_EQ(done.end_of(slow),
              duration_from_seconds(to_seconds(nominal) / capacity) + 4 * kWire.latency);
    EXPECT_EQ(done.end_of(other), nominal + 2 * kWire.latency);
  }
}

// The greatest of n independent exponentials of mean 1 has mean H_n = 1 + 1/2 + … + 1/n and
// variance sum of 1/k² < pi²/6; the mean of `steps` of them is off by the root of that / steps.
// Four of these are allowed. Steps are chained by the barrier, so the run is a sum of maxima. The
// device has no floor to speak of: its efficiency is small.
TEST(Straggler, ABarrierWaitsForTheGreatestOfAllExponentialTimes) {
  constexpr int kSteps = 1000;
  DeviceNumbers lazy;
  lazy.math_efficiency = 1e-3;
  const double rate = lazy.peak.as_double() * lazy.math_efficiency;
  const Kernel kernel = kernel_of(Flops(std::llround(to_seconds(kCompute) * rate)), Bytes(0));
  GraphOf graph(kRanks);
  for (int step = 0; step < kSteps; ++step) {
    graph.compute(graph.all(), kernel, "network");
    graph.collective(CollectiveKind::all_reduce, 8_MB, kRanks);
  }
  Variability variability;
  variability.kernel_jitter = {JitterLaw::Kind::exponential, 1};
  variability.seed = 7;
  const Finished done = run(crossbar_of(kRanks, kWire, lazy), graph, {}, variability);
  const Duration computing = done.end.since_start() - kSteps * communication();
  const double mean_maximum = to_seconds(computing) / (kSteps * to_seconds(kCompute));
  double harmonic = 0;
  double variance = 0;
  for (int k = 1; k <= kRanks; ++k) {
    harmonic += 1.0 / k;
    variance += 1.0 / (k * k);
  }
  EXPECT_NEAR(mean_maximum, harmonic, 4 * std::sqrt(variance / kSteps));
}

TEST(Straggler, JitterLeavesAKernelItsFloor) {
  Variability variability;
  variability.kernel_jitter = {JitterLaw::Kind::uniform, 0.5};
  variability.seed = 3;
  GraphOf graph(1);
  for (int i = 0; i < 200; ++i) graph.compute({0}, math_of(kCompute));
  DeviceNumbers perfect = kDevice;  // no kernel can be faster than the mean on it
  perfect.peak = FlopRate(std::llround(kDevice.peak.as_double() * kDevice.math_efficiency));
  perfect.math_efficiency = 1;
  const Finished done = run(crossbar_of(1, kWire, perfect), graph, {}, variability);
  int longer = 0;
  for (const Span& span : done.spans) {
    EXPECT_GE(span.end - span.start, kCompute);
    longer += span.end - span.start > kCompute ? 1 : 0;
  }
  EXPECT_EQ(done.counters.kernels_at_floor + static_cast<std::uint64_t>(longer),
            done.counters.kernels);
  EXPECT_GT(longer, 0);
  EXPECT_GT(done.counters.kernels_at_floor, 0U);
}

TEST(Straggler, LaunchJitterMovesTheLaunchAlone) {
  DeviceNumbers launching = kDevice;
  launching.launch = 10_us;
  Variability variability;
  variability.launch_jitter = {JitterLaw::Kind::uniform, 0.5};
  GraphOf graph(1);
  const OpId work = graph.compute({0}, math_of(kCompute));
  const Jitter jitter(graph, variability);
  const Duration launch =
      duration_from_seconds(to_seconds(launching.launch) * jitter.launch({work, 0}, 0));
  const Finished done = run(crossbar_of(1, kWire, launching), graph, {}, variability);
  EXPECT_NE(launch, launching.launch);
  EXPECT_EQ(done.end, Time(launch + kCompute));
}

}  // namespace
}  // namespace orrery
