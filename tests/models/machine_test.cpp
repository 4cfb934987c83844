#include "models/machine.hpp"

#include <gtest/gtest.h>

#include <map>

#include "tests/theory/small_cluster.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;

const LinkSpec kWire = wire(100_GBps, 1_us);

TEST(Machine, CountsWhatItCarries) {
  const int members = 4;
  const Bytes size = 1_MB;
  GraphOf graph(members);
  graph.compute(graph.all(), kernel_of(Flops(1'000'000), 1_MB));
  graph.collective(CollectiveKind::all_gather, size, members);
  graph.transfer(0, 1, size);
  const Finished done = run(crossbar_of(members, kWire), graph);
  const int steps = members - 1;
  EXPECT_EQ(done.counters.messages, static_cast<std::uint64_t>(members * steps + 1));
  EXPECT_DOUBLE_EQ(done.counters.bytes_sent, size.as_double() * steps + size.as_double());
  EXPECT_EQ(done.counters.kernels, static_cast<std::uint64_t>(members));
  EXPECT_EQ(done.counters.collectives, 1U);
}

TEST(Machine, RecordsCollectivesBySizeAndGroupSize) {
  GraphOf graph(4);
  graph.collective(CollectiveKind::all_reduce, 1_MB, 4);
  graph.collective(CollectiveKind::all_reduce, 1_MB, 4);
  graph.collective(CollectiveKind::all_reduce, 1_MB, 2);  // two groups
  graph.collective(CollectiveKind::all_reduce, 2_MB, 4);
  graph.collective(CollectiveKind::all_reduce, 2_MB, 1);  // nobody to talk to: no record
  const Finished done = run(crossbar_of(4, kWire), graph);
  ASSERT_EQ(done.records.size(), 3U);
  for (const CollectiveRecord& record : done.records) {
    EXPECT_EQ(record.runs, record.size == 1_MB ? 2U : 1U);
    EXPECT_EQ(record.algorithm, "ring");
    EXPECT_LE(record.fastest * static_cast<std::int64_t>(record.runs), record.total);
  }
}

// Two nodes of two devices and one NIC: a group of one node enters a member by its crossbar link, a
// group of all by that and by the host link.
TEST(Machine, ThePortLimitIsThatOfTheGroupNotOfItsFirstRank) {
  const LinkSpec inside = wire(100_GBps, 1_us);
  const LinkSpec host = wire(30_GBps, 1_us);
  ClusterSpec cluster = crossbar_of(2, inside);
  cluster.node.nics = 1;
  cluster.node.nic_link = kWire;
  cluster.node.host_link = host;
  cluster.nodes = 2;
  cluster.fabric = json_object({{"kind", json_string("crossbar")}});
  GraphOf graph(4);
  graph.collective(CollectiveKind::all_reduce, 1_MB, 4);
  graph.collective(CollectiveKind::all_reduce, 1_MB, 2);
  const Finished done = run(cluster, graph);
  std::map<int, double> limits;
  for (const CollectiveRecord& record : done.records) limits[record.members] = record.port_limit;
  EXPECT_DOUBLE_EQ(limits[2], inside.bandwidth.as_double());
  EXPECT_DOUBLE_EQ(limits[4], (inside.bandwidth + host.bandwidth).as_double());
}

TEST(Machine, UtilisationCountsEveryTouchOfMemory) {
  const DeviceNumbers numbers;
  const Bytes size = 1_MB;
  const ClusterSpec cluster = crossbar_of(2, kWire, numbers);
  GraphOf graph(2);
  graph.transfer(0, 1, size);
  Diagnostics diagnostics;
  const auto fabric = Fabric::build(cluster, builtin_topologies(), diagnostics);
  const JsonValue parameters = json_object({});
  const auto models = builtin_cost_models();
  const auto cost = models.find("roofline")->make(JsonCursor(parameters, diagnostics), {});
  const auto collectives = builtin_collectives();
  Engine engine;
  Machine machine(engine, cluster, *fabric, *cost, collectives, {});
  Executor executor(engine, graph, machine, {});
  machine.prepare(graph, executor.listener());
  executor.run();
  for (const Machine::ResourceUse& use : machine.resources()) {
    double expected = 0;
    if (use.kind == "memory") expected = size.as_double() / numbers.memory_efficiency;
    if (use.name == "node 0, device 0 -> switch" || use.name == "node 0, switch -> device 1") {
      expected = size.as_double();
    }
    EXPECT_DOUBLE_EQ(use.carried, expected) << use.name;
  }
}

/// Collectives that reduce, messages that cross them, and an incast.
GraphOf busy_graph(int ranks) {
  GraphOf graph(ranks);
  graph.collective(CollectiveKind::all_reduce, 7_MB, ranks);
  graph.collective(CollectiveKind::all_to_all, 5_MB, ranks);
  for (Rank rank = 1; rank < ranks; ++rank) graph.transfer(rank, 0, rank * 1_MB);
  return graph;
}

/// The memory that all of a device's links in and out could keep busy: read once, written, and read
/// again to reduce.
Bandwidth memory_for(const LinkSpec& link, const DeviceNumbers& numbers) {
  return Bandwidth(
      static_cast<std::int64_t>(3 * link.bandwidth.as_double() / numbers.memory_efficiency));
}

// A kernel brings memory into the sharing. One that does nothing brings nothing else.
TEST(Machine, MemoryThatCannotBeShortIsLeftOutWithoutATrace) {
  constexpr int kRanks = 6;
  DeviceNumbers numbers;
  numbers.memory = memory_for(kWire, numbers);
  const GraphOf graph = busy_graph(kRanks);
  GraphOf with_kernel = busy_graph(kRanks);
  with_kernel.compute({0}, kernel_of(Flops(0), Bytes(0)));
  const Finished without = run(crossbar_of(kRanks, kWire, numbers), graph);
  const Finished with = run(crossbar_of(kRanks, kWire, numbers), with_kernel);
  EXPECT_GT(without.end, Time());
  for (std::size_t op = 0; op < graph.ops().size(); ++op) {
    EXPECT_EQ(without.end_of(OpId(op)), with.end_of(OpId(op))) << "op " << op;
  }
}

TEST(Machine, MemoryThatTheLinksOutrunIsWhatMessagesWaitFor) {
  DeviceNumbers numbers;
  numbers.memory_efficiency = 1;
  numbers.memory = 50_GBps;  // half of the link's
  GraphOf graph(2);
  graph.transfer(0, 1, 1_MB);
  const Finished done = run(crossbar_of(2, kWire, numbers), graph);
  EXPECT_EQ(done.end.since_start(), transfer_time(1_MB, numbers.memory) + 2 * kWire.latency);
}

// A copy from a device to itself crosses no link, and competes with messages for memory.
TEST(Machine, ACopyOnADeviceMakesItsMemoryScarce) {
  DeviceNumbers numbers;
  numbers.memory_efficiency = 1;
  numbers.memory = 3 * kWire.bandwidth;
  GraphOf graph(2);
  const OpId copy = graph.transfer(0, 0, 30_MB, "copy");
  const OpId message = graph.transfer(0, 1, 10_MB);
  const Finished done = run(crossbar_of(2, kWire, numbers), graph);
  // Byte for byte, the copy touching each twice: 3 shares of the memory, one of them the message's,
  // as fast as its link allows.
  const Bandwidth share = numbers.memory / 3;
  EXPECT_EQ(done.end_of(message), transfer_time(10_MB, share) + 2 * kWire.latency);
  const Bytes rest = 30_MB - 10_MB;
  EXPECT_EQ(done.end_of(copy),
            transfer_time(10_MB, share) + transfer_time(2 * rest, numbers.memory));
}

}  // namespace
}  // namespace orrery
