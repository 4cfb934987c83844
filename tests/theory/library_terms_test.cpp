// What a library's terms do to a collective, in closed form: its launch before the first message,
// its step in place of the latency of a route inside a node and beside that of one between nodes,
// its share of a link's raw bandwidth, its bytes on links between nodes, and its cores.
#include <algorithm>
#include <cmath>

#include "models/collective/builtin.hpp"
#include "tests/theory/transport_cluster.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;

constexpr int kMembers = 4;
constexpr Bandwidth kRaw = 100_GBps;
constexpr double kEfficiency = 0.8;  // of the catalogue: no term of the library's
constexpr Duration kHop = 250_ns;
constexpr Duration kLaunch = 7_us;
constexpr Duration kStep = 2_us;
constexpr double kShare = 0.5;
constexpr Bytes kBlock = 1_MB;

/// A ring all-reduce with these terms, whatever is asked.
class Fixed final : public CollectiveLibrary {
 public:
  explicit Fixed(const MessageTerms& terms) : terms_(terms) {}
  CollectivePlan plan(const CollectiveCall&,
                      const Registry<CollectiveFactory>::Entry* asked) const override {
    CollectivePlan plan;
    plan.algorithm = asked == nullptr ? "ring" : "asked for";
    plan.make = make_ring_all_reduce;
    plan.protocol = "P";
    plan.channels = 3;
    plan.reason = "because";
    plan.launch = kLaunch;
    plan.terms = terms_;
    return plan;
  }
  std::string constants() const override { return "a test"; }

 private:
  MessageTerms terms_;
};

CollectiveChoice with(const MessageTerms& terms) {
  CollectiveChoice choice;
  choice.library = std::make_shared<const Fixed>(terms);
  return choice;
}

Finished all_reduce_on(const ClusterSpec& cluster, int members, const CollectiveChoice& choice) {
  GraphOf graph(members);
  graph.collective(CollectiveKind::all_reduce, members * kBlock, members);
  return run(cluster, graph, choice);
}

TEST(LibraryTerms, ReplaceLatencyAndEfficiencyInsideANode) {
  const ClusterSpec cluster = crossbar_of(kMembers, wire(kRaw, kHop, kEfficiency));
  const Duration round = transfer_time(2 * kBlock, kRaw) + kStep;  // at half of the raw bandwidth
  const Finished done =
      all_reduce_on(cluster, kMembers,
                    with({.step = kStep, .replaces = 2 * kHop, .share = kShare, .between = 7}));
  EXPECT_EQ(done.end, Time(kLaunch + 2 * (kMembers - 1) * round));
  ASSERT_EQ(done.records.size(), 1U);
  EXPECT_EQ(done.records[0].algorithm, "ring");
  EXPECT_EQ(done.records[0].protocol, "P");
  EXPECT_EQ(done.records[0].channels, 3);
  EXPECT_EQ(done.records[0].reason, "because");
}

// A degraded link is longer by what it is longer than it should be.
TEST(LibraryTerms, LeaveWhatALatencyIsLongerThanTheOneTheyReplace) {
  const ClusterSpec cluster = crossbar_of(kMembers, wire(kRaw, 3 * kHop));
  const Finished done =
      all_reduce_on(cluster, kMembers, with({.step = kStep, .replaces = 2 * kHop, .share = 1}));
  const Duration round = transfer_time(kBlock, kRaw) + kStep + 4 * kHop;
  EXPECT_EQ(done.end, Time(kLaunch + 2 * (kMembers - 1) * round));
}

TEST(LibraryTerms, MayGiveMoreThanTheCatalogueDoes) {
  const ClusterSpec cluster = crossbar_of(kMembers, wire(kRaw, kHop, kEfficiency));
  const Finished done =
      all_reduce_on(cluster, kMembers, with({.step = kStep, .replaces = 2 * kHop, .share = 1}));
  const Duration round = transfer_time(kBlock, kRaw) + kStep;
  EXPECT_EQ(done.end, Time(kLaunch + 2 * (kMembers - 1) * round));
}

TEST(LibraryTerms, AddToLatencyAndBytesBetweenNodes) {
  // Device, adapter, leaf, adapter, device; host links are ten times as fast.
  const ClusterSpec cluster = fat_tree_of({.nodes = 2, .nodes_per_leaf = 2}, wire(kRaw, kHop));
  const Duration route = 4 * kHop;
  const Duration round = transfer_time(2 * kBlock, kRaw) + route + kStep;
  const Finished done = all_reduce_on(
      cluster, 2, with({.step = kStep, .replaces = 2 * kHop, .share = 0.1, .between = 2}));
  EXPECT_EQ(done.end, Time(kLaunch + 2 * round));
}

TEST(LibraryTerms, GiveWayToTheLaunchAndTheAlgorithmThatTheScenarioNames) {
  const ClusterSpec cluster = crossbar_of(kMembers, wire(kRaw, kHop));
  CollectiveChoice choice = with({.step = kStep, .replaces = 2 * kHop, .share = 1});
  choice.launch = 3_us;
  choice.algorithm[static_cast<std::size_t>(CollectiveKind::all_reduce)] = "ring";
  const Finished done = all_reduce_on(cluster, kMembers, choice);
  EXPECT_EQ(done.end, Time(3_us + 2 * (kMembers - 1) * (transfer_time(kBlock, kRaw) + kStep)));
  EXPECT_EQ(done.records.at(0).algorithm, "asked for");
}

/// Of kCores cores, a kernel of the library has one. When all members are there at once it holds it
/// for the whole of the collective: the launch, latencies and bytes.
constexpr std::int64_t kCores = 5;
const Duration kWhole = kLaunch + 2 * (kMembers - 1) * (transfer_time(kBlock, kRaw) + kStep);

ClusterSpec cores_of(std::int64_t cores) {
  DeviceNumbers numbers;
  numbers.cores = cores;
  return crossbar_of(kMembers, wire(kRaw, kHop), numbers);
}

Kernel busy_for(Duration alone) {
  const DeviceNumbers numbers;
  const double rate = numbers.peak.as_double() * numbers.math_efficiency;
  return kernel_of(Flops(std::llround(rate * to_seconds(alone))), Bytes(0));
}

CollectiveChoice that_holds(int cores) {
  return with({.step = kStep, .replaces = 2 * kHop, .share = 1, .cores = cores});
}

TEST(LibraryTerms, CoresOfACollectiveAreTakenFromAKernelFromItsStartToItsEnd) {
  const Duration alone = 1_ms;
  const auto end_of_kernel = [&](int cores) {
    GraphOf graph(kMembers);
    const OpId kernel = graph.compute(graph.all(), busy_for(alone));
    graph.collective(CollectiveKind::all_reduce, kMembers * kBlock, kMembers);
    return run(cores_of(kCores), graph, that_holds(cores)).end_of(kernel);
  };
  EXPECT_EQ(end_of_kernel(0), alone);
  EXPECT_EQ(end_of_kernel(1), alone + kWhole / kCores);
  EXPECT_EQ(end_of_kernel(2), alone + kWhole * 2 / kCores);
  // One core is left, whatever is asked for.
  EXPECT_EQ(end_of_kernel(100), alone + kWhole * (kCores - 1) / kCores);
}

// Rank 0 comes late. The others' kernels of the library hold their cores while they wait for it.
TEST(LibraryTerms, CoresAreHeldWhileOneWaitsForOthers) {
  const Duration late = 300_us;
  const Duration alone = 2_ms;
  GraphOf graph(kMembers);
  const OpId first = graph.compute({0}, busy_for(late));
  const OpId beside = graph.compute({0, 1, 2, 3}, busy_for(alone), "beside");
  const OpId all = graph.collective(CollectiveKind::all_reduce, kMembers * kBlock, kMembers);
  graph.depend(all, first);
  const Finished done = run(cores_of(kCores), graph, that_holds(1));
  // Beside the first kernel the second has half of rank 0, so that it comes after twice as long.
  EXPECT_EQ(done.end_of(all), 2 * late + kWhole);
  const auto end_on = [&](Rank rank) {
    const auto span = std::find_if(done.spans.begin(), done.spans.end(), [&](const Span& of) {
      return of.instance.op == beside && of.rank == rank;
    });
    return span == done.spans.end() ? Duration(0) : span->end.since_start();
  };
  EXPECT_EQ(end_on(1), alone + (2 * late + kWhole) / kCores);
  EXPECT_EQ(end_on(0), alone + late + kWhole / kCores);
}

// The window of a socket holds what the library makes of a message: two bytes for one.
TEST(LibraryTerms, WhatALibraryPutsOnLinksBetweenNodesTravelsByTheirTransport) {
  constexpr Bytes kWindow = 40_KB;
  constexpr Duration kPort = 10_us;
  constexpr double kBetween = 2;
  const ClusterSpec cluster =
      star_of({.nodes = 2},
              link_of(link_json("tcp", 10_GBps, kPort,
                                R"(, "mss": "1448 B", "efficiency": 1, "window": "40000 B")")));
  const Duration route = 2 * kPort;
  const auto rate = Bandwidth(
      std::llround(kWindow.as_double() / to_seconds(2 * route)));  // a window a round trip
  const auto end = [&](double between) {
    return all_reduce_on(
               cluster, 2,
               with({.step = kStep, .replaces = Duration(0), .share = kShare, .between = between}))
        .end;
  };
  const auto twice = [&](Bytes block) {
    return Time(kLaunch + 2 * (transfer_time(block, rate) + route + kStep));
  };
  EXPECT_EQ(end(1), twice(kBlock));
  EXPECT_EQ(end(kBetween), twice(2 * kBlock));
}

}  // namespace
}  // namespace orrery
