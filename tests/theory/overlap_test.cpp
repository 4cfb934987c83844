// Compute beside communication: what hides, what does not, and what both lose where they meet, in
// the memory of a device (HBM). Sharing is max-min fair, byte for byte: a flow that its link holds
// below the fair share gets all it can use, and the kernel the rest.
#include "models/core_queue.hpp"
#include "tests/theory/small_cluster.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;

constexpr int kMembers = 4;
constexpr Bandwidth kBandwidth = 100_GBps;
constexpr Duration kHop = 250_ns;
constexpr Duration kLatency = 2 * kHop;
const LinkSpec kWire = wire(kBandwidth, kHop);
constexpr Bytes kGradients = 40_MB;
// 2(n-1) rounds; the sum of what a member receives in each half is (n-1)/n of the buffer.
constexpr Bytes kHalf = (kMembers - 1) * (kGradients / kMembers);
const Duration kReduce = 2 * transfer_time(kHalf, kBandwidth) + 2 * (kMembers - 1) * kLatency;

// A device-byte is a byte of the memory's full bandwidth; each byte moved occupies kTouch of them.
constexpr std::int64_t kTouch = 2;
constexpr DeviceNumbers kDevice{.memory = 1'000_GBps, .memory_efficiency = 1.0 / kTouch};

Kernel math_for(Duration time) {
  const double rate = kDevice.peak.as_double() * kDevice.math_efficiency;
  return kernel_of(Flops(static_cast<std::int64_t>(rate * to_seconds(time))), Bytes(0));
}
Kernel memory_for(Duration time) {
  const double rate = kDevice.memory.as_double() * kDevice.memory_efficiency;
  return kernel_of(Flops(0), Bytes(static_cast<std::int64_t>(rate * to_seconds(time))));
}

/// One step: a first kernel yields gradients, their all-reduce runs beside a second kernel, and the
/// update waits for both.
Finished step(const Kernel& first, const Kernel& second, const DeviceNumbers& device = kDevice) {
  GraphOf graph(kMembers);
  const OpId gradients = graph.compute(graph.all(), first);
  const OpId reduce = graph.collective(CollectiveKind::all_reduce, kGradients, kMembers);
  graph.depend(reduce, gradients);
  graph.compute(graph.all(), second);
  const OpId update = graph.compute(graph.all(), math_for(Duration(0)));
  graph.depend(update, reduce);
  return run(crossbar_of(kMembers, kWire, device), graph);
}

TEST(Overlap, AnAllReduceThatFitsBesideComputeIsFullyHidden) {
  const Duration first = 100_us;
  for (const Duration second : {kReduce, kReduce + 1_ns, 2 * kReduce}) {
    EXPECT_EQ(step(math_for(first), math_for(second)).end, Time(first + second));
  }
}

TEST(Overlap, WhatDoesNotFitIsExposed) {
  const Duration first = 100_us;
  for (const Duration second : {Duration(0), 100_us, kReduce - 1_ns}) {
    const Duration exposed = kReduce - second;
    EXPECT_EQ(step(math_for(first), math_for(second)).end, Time(first + second + exposed));
  }
}

TEST(Overlap, AComputeBoundKernelWithMemoryToSpareIsNotSlowed) {
  // The reducing half needs most: 1 read for sending, 1 write and 1 read for receiving.
  const Bandwidth left = kDevice.memory - 3 * kTouch * kBandwidth;
  const Duration second = 2 * kReduce;
  Kernel kernel = math_for(second);
  kernel.read = Bytes(static_cast<std::int64_t>(left.as_double() / kTouch * to_seconds(second)));
  EXPECT_EQ(step(math_for(100_us), kernel).end, Time(100_us + second));
}

// The collective takes what its links allow, as that is less than the fair share: with the kernel,
// 4 touches compete while reducing (send, receive twice, kernel), and 4 · touch · B < memory. The
// kernel waits for exactly the memory time that the collective takes: 3 touches of every byte in
// the reducing half, 2 in the copying half.
TEST(Overlap, AMemoryBoundKernelLosesTheMemoryTimeOfTheCollective) {
  ASSERT_LT(4 * kTouch * kBandwidth, kDevice.memory);
  const Duration alone = 3 * kReduce;
  const Duration lost = transfer_time((3 + 2) * kTouch * kHalf, kDevice.memory);
  const Finished done = step(math_for(100_us), memory_for(alone));
  EXPECT_EQ(done.end, Time(100_us + alone + lost));
  ASSERT_EQ(done.records.size(), 1U);
  EXPECT_EQ(done.records[0].fastest, kReduce);  // the collective loses nothing
}

// Two cores of ten keep the link full. The collective takes what its link allows, below the fair
// share of math, and the kernel waits for exactly the time of all cores that its messages take: a
// member sends each half once. So they go together only where both want cores.
TEST(Overlap, AKernelLosesTheCoresThatMoveTheCollective) {
  DeviceNumbers numbers = kDevice;
  numbers.cores = 10;
  numbers.collective_core_rate = kBandwidth / 2;
  const Duration alone = 3 * kReduce;
  const Duration lost = transfer_time(2 * kHalf, numbers.cores * (kBandwidth / 2));
  const Finished done = step(math_for(100_us), math_for(alone), numbers);
  EXPECT_EQ(done.end, Time(100_us + alone + lost));
  ASSERT_EQ(done.records.size(), 1U);
  EXPECT_EQ(done.records[0].fastest, kReduce);  // the collective loses nothing
  numbers.collective_core_rate.reset();
  EXPECT_EQ(step(math_for(100_us), math_for(alone), numbers).end, Time(100_us + alone));
}

// The machine-repairman model: c cores that work for Z by themselves and D at the link, both
// exponential, keep it busy for 1 - 1 / sum over i of c! / (c - i)! (D / Z)^i of the time.
TEST(CoresSetApart, KeepTheLinkAsBusyAsRepairmenWouldBe) {
  const double link = 150e9;
  for (const double core : {5e9, 20e9, 75e9}) {
    const double service_per_own = (1 / link) / (1 / core - 1 / link);
    double before = 0;
    for (const std::int64_t cores : {1, 2, 8, 16, 80}) {
      double term = 1;
      double sum = 1;
      for (std::int64_t i = 0; i < cores; ++i) {
        term *= static_cast<double>(cores - i) * service_per_own;
        sum += term;
      }
      const double rate = rate_over_link(cores, core, link);
      EXPECT_NEAR(rate / (link * (1 - 1 / sum)), 1, 1e-9) << cores << " of " << core;
      EXPECT_LE(rate, std::min(link, static_cast<double>(cores) * core) * (1 + 1e-9));
      EXPECT_GT(rate, before * (1 - 1e-9));
      before = rate;
    }
    EXPECT_NEAR(rate_over_link(1, core, link) / core, 1, 1e-9) << "one alone waits for nobody";
  }
}

/// Of ranks 0 and 1, by cores.
Duration by_cores(Movement movement, Rank to, std::int64_t cores, const DeviceNumbers& numbers) {
  GraphOf graph(2);
  Op op;
  op.kind = OpKind::transfer;
  op.movement = movement;
  op.stream = graph.stream("send");
  op.ranks = graph.rank_set({0});
  op.peers = graph.rank_set({to});
  op.bytes = 40_MB;
  const OpId transfer = graph.add(op);
  return run(crossbar_of(2, wire(kBandwidth, Duration(0)), numbers), graph, {.cores = cores})
      .end_of(transfer);
}

// A copy touches two bytes a byte, a sum of two three; on the device itself there is no link to
// wait for.
TEST(CoresSetApart, TakeAsLongAsTheyTouchBytesAndWaitForTheLink) {
  DeviceNumbers numbers = kDevice;
  numbers.cores = 10;
  numbers.collective_core_rate = kBandwidth / 5;
  const double core = numbers.collective_core_rate->as_double();
  const double bytes = (40_MB).as_double();
  for (const std::int64_t cores : {2, 5}) {
    for (const double touched : {2.0, 3.0}) {
      const Movement movement = touched == 2 ? Movement::core_copy : Movement::core_reduce;
      const double rate = core * 2 / touched;
      EXPECT_NEAR(to_seconds(by_cores(movement, 1, cores, numbers)),
                  bytes / rate_over_link(cores, rate, kBandwidth.as_double()), 1e-9);
      EXPECT_NEAR(to_seconds(by_cores(movement, 0, cores, numbers)),
                  bytes / (static_cast<double>(cores) * rate), 1e-9);
    }
  }
  // All cores are far more than this link needs: memory says how fast a sum is on the device.
  const double memory = numbers.memory.as_double() * numbers.memory_efficiency;
  numbers.collective_core_rate = numbers.memory;
  EXPECT_NEAR(to_seconds(by_cores(Movement::core_reduce, 0, 5, numbers)), 3 * bytes / memory, 1e-9);
}

TEST(Overlap, TransfersTakeNoCores) {
  DeviceNumbers numbers = kDevice;
  numbers.collective_core_rate = kBandwidth / 2;
  const Duration alone = 300_us;
  GraphOf graph(2);
  const OpId kernel = graph.compute({0}, math_for(alone));
  graph.transfer(0, 1, 10_MB);
  EXPECT_EQ(run(crossbar_of(2, kWire, numbers), graph).end_of(kernel), alone);
}

// Where the memory, not a link, holds both, each gets half of it: byte for byte.
TEST(Overlap, AKernelAndATransferShareTheMemoryInHalf) {
  const Bytes size = 10_MB;
  const Duration both = transfer_time(2 * kTouch * size, kDevice.memory);
  const Duration alone = both;  // the kernel outlasts the transfer
  GraphOf graph(2);
  const OpId kernel = graph.compute({0}, memory_for(alone));
  const OpId transfer = graph.transfer(0, 1, size);
  const auto fast = wire(100 * kBandwidth, Duration(0));
  const Finished done = run(crossbar_of(2, fast, kDevice), graph);
  EXPECT_EQ(done.end_of(transfer), both);
  EXPECT_EQ(done.end_of(kernel), alone + both / 2);
}

TEST(Overlap, TwoKernelsOfADeviceShareItsMathEvenly) {
  const Duration small = 10_us;
  const Duration large = 70_us;
  GraphOf graph(1);
  const OpId a = graph.compute({0}, math_for(small), "one");
  const OpId b = graph.compute({0}, math_for(large), "other");
  const Finished done = run(crossbar_of(1, kWire, kDevice), graph);
  EXPECT_EQ(done.end_of(a), 2 * small);
  EXPECT_EQ(done.end_of(b), small + large);
}

TEST(Roofline, AKernelTakesItsLaunchAndTheLongerOfMathAndMemory) {
  const Duration launch = 3_us;
  DeviceNumbers numbers = kDevice;
  numbers.launch = launch;
  const Duration ridge = 40_us;
  for (const Duration math : {Duration(0), ridge - 1_ns, ridge, ridge + 1_ns, 2 * ridge}) {
    Kernel kernel = math_for(math);
    kernel.written = memory_for(ridge).read;
    GraphOf graph(1);
    graph.compute({0}, kernel);
    EXPECT_EQ(run(crossbar_of(1, kWire, numbers), graph).end, Time(launch + std::max(math, ridge)));
  }
}

TEST(Roofline, AKernelWithoutWorkTakesItsLaunch) {
  DeviceNumbers numbers = kDevice;
  numbers.launch = 3_us;
  GraphOf graph(1);
  graph.compute({0}, kernel_of(Flops(0), Bytes(0)));
  EXPECT_EQ(run(crossbar_of(1, kWire, numbers), graph).end, Time(numbers.launch));
}

}  // namespace
}  // namespace orrery
