#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "models/machine.hpp"
#include "sim/graph/executor.hpp"
#include "sim/graph/timeline.hpp"

namespace orrery {

// A cluster made by hand, whose numbers give whole picoseconds, and runs on it. Nothing of it comes
// from the catalogue, so that the theory holds whatever the catalogue says.

inline LinkSpec wire(Bandwidth bandwidth, Duration latency, double efficiency = 1) {
  return {"test wire", "wire", bandwidth, latency, efficiency};
}

inline JsonValue to_json(const LinkSpec& link) {
  return json_object({{"name", json_string(link.name)},
                      {"kind", json_string(link.kind)},
                      {"bandwidth", json_string(std::to_string(link.bandwidth.count()) + " B/s")},
                      {"latency", json_string(std::to_string(link.latency.count()) + " ps")},
                      {"efficiency", json_real(link.efficiency)}});
}

/// Far faster than the links of these tests, so that it never constrains unless a test says so.
struct DeviceNumbers {
  FlopRate peak = FlopRate(100'000'000'000'000);
  double math_efficiency = 0.5;
  Bandwidth memory = Bandwidth(2'000'000'000'000);
  double memory_efficiency = 0.5;
  Duration launch = Duration(0);
  std::int64_t cores = 1;
  std::optional<Bandwidth> collective_core_rate = {};
};

inline DeviceSpec device_of(const DeviceNumbers& numbers) {
  DeviceSpec device;
  device.name = "test device";
  device.peak[static_cast<std::size_t>(Precision::bf16)] = numbers.peak;
  device.math_efficiency[static_cast<std::size_t>(Precision::bf16)] = numbers.math_efficiency;
  device.memory_capacity = Bytes(1'000'000'000'000);
  device.memory_bandwidth = numbers.memory;
  device.memory_efficiency = numbers.memory_efficiency;
  device.kernel_launch = numbers.launch;
  device.cores = numbers.cores;
  device.collective_core_rate = numbers.collective_core_rate;
  return device;
}

/// One node whose devices hang on a crossbar: a route is two links.
inline ClusterSpec crossbar_of(int devices, const LinkSpec& link,
                               const DeviceNumbers& numbers = {}) {
  ClusterSpec cluster;
  cluster.node.device = device_of(numbers);
  cluster.node.devices = devices;
  cluster.node.fabric = json_object({{"kind", json_string("crossbar")},
                                     {"link", to_json(link)},
                                     {"links_per_device", json_integer(1)}});
  cluster.nodes = 1;
  return cluster;
}

/// Nodes of one device and one NIC below the leaves of a fat tree.
struct Tree {
  int nodes = 4;
  int nodes_per_leaf = 2;
  double oversubscription = 1;
};
inline ClusterSpec fat_tree_of(const Tree& tree, const LinkSpec& link) {
  ClusterSpec cluster;
  cluster.node.device = device_of({});
  cluster.node.devices = 1;
  cluster.node.nics = 1;
  cluster.node.nic_link = link;
  cluster.node.host_link = wire(10 * link.bandwidth, link.latency);
  cluster.nodes = tree.nodes;
  cluster.fabric = json_object({{"kind", json_string("fat_tree")},
                                {"nodes_per_leaf", json_integer(tree.nodes_per_leaf)},
                                {"oversubscription", json_real(tree.oversubscription)},
                                {"link", to_json(link)}});
  return cluster;
}

/// What one graph did on one cluster.
struct Finished {
  Time end;
  std::vector<Span> spans;
  MachineCounters counters;
  std::vector<CollectiveRecord> records;

  /// When `op` ended on its last rank.
  Duration end_of(OpId op) const {
    Time last;
    for (const Span& span : spans) {
      if (span.instance.op == op) last = std::max(last, span.end);
    }
    return last.since_start();
  }
};

inline Finished run(const ClusterSpec& cluster, const TaskGraph& graph,
                    const CollectiveChoice& choice = {}, const Variability& variability = {}) {
  Diagnostics diagnostics;
  const auto fabric = Fabric::build(cluster, builtin_topologies(), diagnostics);
  const JsonValue parameters = json_object({{"kind", json_string("roofline")}});
  const auto models = builtin_cost_models();
  const auto cost = models.find("roofline")->make(JsonCursor(parameters, diagnostics), {});
  diagnostics.throw_if_any();
  degrade_links(variability, *fabric);
  const auto collectives = builtin_collectives();
  Engine engine;
  Machine machine(engine, cluster, *fabric, *cost, collectives, choice);
  Timeline timeline;
  const std::vector<Observer*> observers = {&timeline};
  Executor executor(engine, graph, machine, observers);
  machine.prepare(graph, executor.listener(), nullptr, variability);
  const Time end = executor.run();
  EXPECT_EQ(machine.counters().bytes_sent, machine.counters().bytes_received);
  return {end, timeline.spans(), machine.counters(), machine.collective_records()};
}

/// Ops of a graph in few words. Each gets its ranks and the stream's name.
struct GraphOf : TaskGraph {
  using TaskGraph::TaskGraph;

  std::vector<Rank> all() const {
    std::vector<Rank> ranks(static_cast<std::size_t>(world_size()));
    std::iota(ranks.begin(), ranks.end(), 0);
    return ranks;
  }

  /// One-sided: only the source's stream waits for it.
  OpId transfer(Rank from, Rank to, Bytes bytes, const std::string& on = "send") {
    Op op;
    op.kind = OpKind::transfer;
    op.stream = stream(on);
    op.ranks = rank_set({from});
    op.peers = rank_set({to});
    op.bytes = bytes;
    return add(op);
  }
  /// Among all ranks, in groups of `members`.
  OpId collective(CollectiveKind kind, Bytes bytes, int members) {
    Op op;
    op.kind = OpKind::collective;
    op.collective = kind;
    op.stream = stream("network");
    op.ranks = rank_set(all());
    op.group_size = static_cast<std::uint32_t>(members);
    op.bytes = bytes;
    if (kind == CollectiveKind::all_to_all_v) {  // equal parts of `bytes`
      const auto pairs = static_cast<std::size_t>(members) * op.group_size;
      const auto table = std::make_shared<SizeTable>(members, std::vector(pairs, bytes / members));
      op.sizes = sizes(table);
      op.bytes = table->busiest();
    }
    return add(op);
  }
  OpId compute(std::vector<Rank> ranks, const Kernel& what, const std::string& on = "compute") {
    Op op;
    op.kind = OpKind::compute;
    op.stream = stream(on);
    op.ranks = rank_set(std::move(ranks));
    op.kernel = kernel(what);
    return add(op);
  }
  OpId delay(Rank rank, Duration delay, const std::string& on = "compute") {
    Op op;
    op.kind = OpKind::delay;
    op.stream = stream(on);
    op.ranks = rank_set({rank});
    op.delay = delay;
    return add(op);
  }
};

inline Kernel kernel_of(Flops operations, Bytes bytes) {
  Kernel kernel;
  kernel.kind = "test";
  kernel.operations = operations;
  kernel.read = bytes;
  return kernel;
}

}  // namespace orrery
