// Copies between a device and the memory of its node's host, against closed forms.
#include <gtest/gtest.h>

#include <tuple>

#include "tests/theory/small_cluster.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;

const LinkSpec kPort = wire(40_GBps, 500_ns);

/// Nodes of devices that hang on a host by a link each.
ClusterSpec hosted(int nodes, int devices, Bandwidth host, const DeviceNumbers& numbers = {}) {
  ClusterSpec cluster = crossbar_of(devices, wire(100_GBps, 1_us), numbers);
  cluster.node.host_link = kPort;
  cluster.node.host_memory = HostMemorySpec{Bytes(1'000'000'000'000), host, 1};
  cluster.nodes = nodes;
  if (nodes > 1) {
    cluster.node.nics = devices;
    cluster.node.nic_link = wire(1000_GBps, 1_us);
    cluster.fabric = json_object({{"kind", json_string("crossbar")}});
  }
  return cluster;
}

OpId copy(GraphOf& graph, std::vector<Rank> ranks, CopyKind kind, Bytes bytes) {
  Op op;
  op.kind = OpKind::transfer;
  op.copy = kind;
  op.stream = graph.stream(kind == CopyKind::device_to_host ? "store" : "fetch");
  op.ranks = op.peers = graph.rank_set(std::move(ranks));
  op.bytes = bytes;
  return graph.add(op);
}

/// What an observer hears of memory.
struct Seen final : Observer {
  std::vector<std::tuple<LabelId, std::int64_t, Time>> memory;
  Time end;
  void on_span(const Span& span) override { end = std::max(end, span.end); }
  void on_memory(Time time, Rank, LabelId category, std::int64_t delta) override {
    memory.emplace_back(category, delta, time);
  }
};

/// Runs on one node of two devices.
std::vector<Machine::ResourceUse> look(const GraphOf& graph, Seen& seen) {
  const ClusterSpec cluster = hosted(1, 2, 1000_GBps);
  Diagnostics diagnostics;
  const auto fabric = Fabric::build(cluster, builtin_topologies(), diagnostics);
  const JsonValue parameters = json_object({{"kind", json_string("roofline")}});
  const auto models = builtin_cost_models();
  const auto cost = models.find("roofline")->make(JsonCursor(parameters, diagnostics), {});
  const auto collectives = builtin_collectives();
  Engine engine;
  Machine machine(engine, cluster, *fabric, *cost, collectives, {});
  const std::vector<Observer*> observers = {&seen};
  Executor executor(engine, graph, machine, observers);
  machine.prepare(graph, executor.listener());
  executor.run();
  return machine.resources();
}

TEST(HostCopy, AloneItTakesTheTimeOfItsLink) {
  for (const CopyKind kind : {CopyKind::device_to_host, CopyKind::host_to_device}) {
    GraphOf graph(2);
    copy(graph, {0}, kind, 40_MB);
    const Finished done = run(hosted(1, 2, 1000_GBps), graph);
    EXPECT_EQ(done.end.since_start(), transfer_time(40_MB, kPort.bandwidth) + kPort.latency);
    EXPECT_DOUBLE_EQ(done.counters.bytes_sent, (40_MB).as_double());
  }
}

TEST(HostCopy, TheTwoDirectionsDoNotShareALink) {
  GraphOf graph(1);
  copy(graph, {0}, CopyKind::device_to_host, 40_MB);
  copy(graph, {0}, CopyKind::host_to_device, 40_MB);
  const Finished done = run(hosted(1, 1, 1000_GBps), graph);
  EXPECT_EQ(done.end.since_start(), transfer_time(40_MB, kPort.bandwidth) + kPort.latency);
}

TEST(HostCopy, TheDevicesOfANodeShareTheMemoryOfItsHostAndNoOther) {
  const Bandwidth host = 50_GBps;
  GraphOf graph(4);  // three devices' worth on node 0, one on node 1
  copy(graph, {0, 1, 2}, CopyKind::device_to_host, 40_MB);
  GraphOf two_nodes(4);
  const OpId near = copy(two_nodes, {0, 1}, CopyKind::device_to_host, 40_MB);
  const OpId far = copy(two_nodes, {2}, CopyKind::device_to_host, 40_MB);
  EXPECT_EQ(run(hosted(1, 4, host), graph).end.since_start(),
            transfer_time(3 * 40_MB, host) + kPort.latency);
  const Finished done = run(hosted(2, 2, host), two_nodes);
  EXPECT_EQ(done.end_of(near), transfer_time(2 * 40_MB, host) + kPort.latency);
  EXPECT_EQ(done.end_of(far), transfer_time(40_MB, kPort.bandwidth) + kPort.latency);
}

TEST(HostCopy, ItWaitsForTheMemoryOfTheDevice) {
  DeviceNumbers numbers;
  numbers.memory = 20_GBps;
  numbers.memory_efficiency = 0.5;
  GraphOf graph(1);
  copy(graph, {0}, CopyKind::host_to_device, 40_MB);
  EXPECT_EQ(run(hosted(1, 1, 1000_GBps, numbers), graph).end.since_start(),
            transfer_time(40_MB, 10_GBps) + kPort.latency);
}

TEST(HostCopy, ItSharesTheHostLinkWithTheNic) {
  GraphOf graph(2);
  const OpId store = copy(graph, {0}, CopyKind::device_to_host, 40_MB);
  graph.transfer(0, 1, 40_MB);
  const Finished done = run(hosted(2, 1, 1000_GBps), graph);
  EXPECT_EQ(done.end_of(store), transfer_time(2 * 40_MB, kPort.bandwidth) + kPort.latency);
}

TEST(HostCopy, ItTakesAndFreesMemoryOnceWhenItHasArrived) {
  const Bytes size = 40_MB;
  GraphOf graph(1);
  const LabelId device = graph.label("activations");
  const LabelId host = graph.host_category("activations_on_host");
  graph.add_static_memory(graph.rank_set({0}), device, size);
  const OpId store = copy(graph, {0}, CopyKind::device_to_host, size);
  graph.take_memory(store, host, size);
  graph.free_memory(store, device, size);
  Seen seen;
  look(graph, seen);
  const std::vector<std::tuple<LabelId, std::int64_t, Time>> expected = {
      {device, size.count(), Time()},
      {host, size.count(), Time()},
      {device, -size.count(), seen.end}};
  EXPECT_EQ(seen.memory, expected);
  EXPECT_TRUE(graph.is_on_host(host));
  EXPECT_FALSE(graph.is_on_host(device));
}

TEST(HostCopy, NothingOfTheHostIsListedWhereNothingIsCopied) {
  GraphOf graph(2);
  graph.transfer(0, 1, 1_MB);
  GraphOf copying(2);
  copy(copying, {0}, CopyKind::device_to_host, 1_MB);
  const auto hosts = [](const GraphOf& of) {
    Seen seen;
    int found = 0;
    for (const auto& use : look(of, seen)) found += use.kind == "host_memory" ? 1 : 0;
    return found;
  };
  EXPECT_EQ(hosts(graph), 0);
  EXPECT_EQ(hosts(copying), 1);
}

}  // namespace
}  // namespace orrery
