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
  const auto cost = models.find("roofline")->make(JsonCursor(parameters, diagnostics));
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

}  // namespace
}  // namespace orrery
