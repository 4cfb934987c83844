// A folded run against the same run unfolded: every rank does the same things at the same times.
#include "models/symmetry.hpp"

#include <map>
#include <optional>
#include <tuple>

#include "sim/base/random.hpp"
#include "sim/graph/folded_graph.hpp"
#include "tests/theory/small_cluster.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;

/// Nodes of devices behind a crossbar, NICs that devices share in pairs, and a fat tree between the
/// nodes; memory slow enough that kernels and messages meet there, and cores that collectives take.
ClusterSpec nodes_of(int nodes, int devices, double oversubscription) {
  ClusterSpec cluster = crossbar_of(devices, wire(100_GBps, 300_ns),
                                    {.memory = Bandwidth(300'000'000'000),
                                     .memory_efficiency = 0.75,
                                     .launch = 3_us,
                                     .cores = 10,
                                     .collective_core_rate = 20_GBps});
  cluster.node.nics = std::max(1, devices / 2);
  cluster.node.nic_link = wire(25_GBps, 1_us);
  cluster.node.host_link = wire(40_GBps, 500_ns);
  cluster.node.host_memory =
      HostMemorySpec{Bytes(1'000'000'000'000), 90_GBps, 0.8};  // devices share it
  cluster.nodes = nodes;
  cluster.fabric = json_object({{"kind", json_string("fat_tree")},
                                {"nodes_per_leaf", json_integer(2)},
                                {"oversubscription", json_real(oversubscription)},
                                {"link", to_json(wire(25_GBps, 700_ns))}});
  return cluster;
}

struct Outcome {
  Time end;
  std::vector<Span> spans;
  MachineCounters counters;
  std::vector<CollectiveRecord> records;
  std::vector<Machine::ResourceUse> resources;
  std::optional<Symmetry> symmetry;
  std::vector<OpId> original;  // by op of the graph that ran
};

Outcome run(const ClusterSpec& cluster, const TaskGraph& graph, bool fold,
            const CollectiveChoice& choice) {
  Diagnostics diagnostics;
  const auto fabric = Fabric::build(cluster, builtin_topologies(), diagnostics);
  const JsonValue parameters = json_object({{"kind", json_string("roofline")}});
  const auto models = builtin_cost_models();
  const auto cost = models.find("roofline")->make(JsonCursor(parameters, diagnostics), {});
  diagnostics.throw_if_any();
  const auto collectives = builtin_collectives();
  Engine engine;
  Machine machine(engine, cluster, *fabric, *cost, collectives, choice);
  Outcome outcome;
  std::optional<FoldedGraph> folded;
  if (fold) outcome.symmetry = find_symmetry(graph, *fabric, machine.collective_calls());
  if (outcome.symmetry) {
    folded.emplace(graph, outcome.symmetry->rank_class);
    folded->set_runner(machine);
    for (std::size_t op = 0; op < folded->graph().ops().size(); ++op) {
      outcome.original.push_back(folded->original(OpId(op)));
    }
  }
  const TaskGraph& what = folded ? folded->graph() : graph;
  Timeline timeline;
  const std::vector<Observer*> observers = {&timeline};
  Executor executor(engine, what, folded ? static_cast<Runner&>(*folded) : machine, observers);
  machine.prepare(what, executor.listener(), outcome.symmetry ? &*outcome.symmetry : nullptr);
  outcome.end = executor.run();
  outcome.spans = timeline.spans();
  outcome.counters = machine.counters();
  outcome.records = machine.collective_records();
  outcome.resources = machine.resources();
  return outcome;
}

using Times = std::tuple<Time, Time, Time>;
Times times_of(const Span& span) {
  return {span.ready, span.start, span.end};
}

/// Every rank's spans of every op, in order of end.
std::map<std::pair<OpId, Rank>, std::vector<Times>> by_op_and_rank(const Outcome& outcome) {
  std::map<std::pair<OpId, Rank>, std::vector<Times>> result;
  for (const Span& span : outcome.spans) {
    const OpId op =
        outcome.symmetry ? outcome.original[span.instance.op.index()] : span.instance.op;
    result[{op, span.rank}].push_back(times_of(span));
  }
  return result;
}

void expect_the_same(const Outcome& plain, const Outcome& folded) {
  ASSERT_TRUE(folded.symmetry);
  EXPECT_EQ(plain.end, folded.end);
  const auto of_class = by_op_and_rank(folded);
  for (const auto& [key, times] : by_op_and_rank(plain)) {
    const auto& [op, rank] = key;
    const auto of = static_cast<Rank>(folded.symmetry->rank_class[static_cast<std::size_t>(rank)]);
    const auto found = of_class.find({op, of});
    ASSERT_NE(found, of_class.end()) << "op " << op.index() << " of rank " << rank;
    ASSERT_EQ(times, found->second) << "op " << op.index() << " on rank " << rank;
  }
  EXPECT_EQ(plain.counters.messages, folded.counters.messages);
  EXPECT_EQ(plain.counters.kernels, folded.counters.kernels);
  EXPECT_EQ(plain.counters.collectives, folded.counters.collectives);
  EXPECT_EQ(plain.counters.bytes_sent, folded.counters.bytes_sent);
  EXPECT_EQ(plain.counters.bytes_received, folded.counters.bytes_received);
  double carried = 0;
  for (const auto& use : plain.resources) carried += use.carried;
  double folded_carried = 0;
  for (const auto& use : folded.resources) {
    folded_carried += use.carried * static_cast<double>(use.alike);
  }
  EXPECT_NEAR(carried, folded_carried, 1e-12 * carried);  // sums in another order
}

/// A training-like step: computes, collectives in the nodes, across them and of all, a pipeline
/// from the first half of the nodes to the second, everything drawn.
GraphOf random_step(int nodes, int devices, RandomStream& random) {
  GraphOf graph(nodes * devices);
  const auto pick = [&](std::int64_t low, std::int64_t high) { return random.integer(low, high); };
  std::vector<Rank> across;
  for (Rank device = 0; device < devices; ++device) {
    for (Rank node = 0; node < nodes; ++node) across.push_back(node * devices + device);
  }
  std::vector<Rank> first;
  std::vector<Rank> second;
  for (Rank rank = 0; rank < nodes / 2 * devices; ++rank) {
    first.push_back(rank);
    second.push_back(nodes / 2 * devices + rank);
  }
  const RankSetId everybody = graph.rank_set(graph.all());
  const RankSetId columns = graph.rank_set(across);
  OpId last;
  const std::int64_t count = pick(3, 10);
  for (std::int64_t i = 0; i < count; ++i) {
    Op op;
    op.stream = graph.stream(pick(0, 1) == 0 ? "compute" : "network");
    op.bytes = Bytes(pick(1, 40) * nodes * devices * 1000);
    // Seldom those with a root, which sets ranks apart; never a table.
    const std::int64_t kinds = static_cast<std::int64_t>(kCollectiveKinds.size()) - 1;
    op.collective =
        kCollectiveKinds[static_cast<std::size_t>(pick(0, pick(0, 5) > 0 ? 3 : kinds - 1))];
    op.priority = static_cast<std::int16_t>(pick(0, 1));
    const std::int64_t kind = pick(0, 6);
    if (kind == 0) {
      op.kind = OpKind::collective;
      op.ranks = everybody;
      op.group_size = static_cast<std::uint32_t>(devices);
    } else if (kind == 1) {
      op.kind = OpKind::collective;
      op.ranks = columns;
      op.group_size = static_cast<std::uint32_t>(nodes);
    } else if (kind == 6) {
      op.kind = OpKind::collective;
      op.ranks = everybody;
      op.group_size = static_cast<std::uint32_t>(nodes * devices);
    } else if (kind == 5) {
      op.kind = OpKind::transfer;
      op.copy = pick(0, 1) == 0 ? CopyKind::device_to_host : CopyKind::host_to_device;
      op.stream = graph.stream(pick(0, 1) == 0 ? "network" : "host");
      op.ranks = op.peers = pick(0, 1) == 0 ? everybody : graph.rank_set(first);
    } else if (kind == 2 && nodes > 1) {
      op.kind = OpKind::transfer;
      op.ranks = graph.rank_set(first);
      op.peers = graph.rank_set(second);
      if (pick(0, 1) == 0) op.peer_stream = graph.stream("receive");
    } else {
      op.kind = OpKind::compute;
      op.ranks = kind == 3 ? everybody : graph.rank_set(pick(0, 1) == 0 ? first : graph.all());
      op.kernel =
          graph.kernel(kernel_of(Flops(pick(0, 4'000'000'000)), Bytes(pick(1, 20'000'000))));
    }
    if (op.kind == OpKind::collective && has_root(op.collective)) {
      op.root = static_cast<std::uint32_t>(pick(0, std::int64_t{op.group_size} - 1));
    }
    const OpId id = graph.add(op);
    if (last.valid() && pick(0, 1) == 0) graph.depend(id, last);
    last = id;
  }
  return graph;
}

TEST(Symmetry, AFoldedStepTakesTheSameTimesOnEveryRank) {
  int folded_cases = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    RandomStream random(seed, "symmetry");
    const int nodes = static_cast<int>(2 * random.integer(1, 4));
    const int devices = static_cast<int>(2 * random.integer(1, 4));
    const ClusterSpec cluster = nodes_of(nodes, devices, random.integer(0, 1) == 0 ? 1.0 : 2.0);
    CollectiveChoice choice;
    choice.algorithm[static_cast<std::size_t>(CollectiveKind::all_to_all)] =
        random.integer(0, 1) == 0 ? "direct" : "pairwise";
    if (random.integer(0, 1) == 0) choice.chunk = Bytes(random.integer(1, 50) * 1000);
    const GraphOf graph = random_step(nodes, devices, random);
    const Outcome folded = run(cluster, graph, true, choice);
    if (!folded.symmetry) continue;
    ++folded_cases;
    expect_the_same(run(cluster, graph, false, choice), folded);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(folded_cases, 150) << "too few had a symmetry for this to say much";
}

// Alone, so that all rates are those of whole numbers of messages on a link, which no order of
// adding changes.
TEST(Symmetry, EveryAlgorithmOverSeveralNodesTakesTheSameTimesFolded) {
  const auto registry = builtin_collectives();
  int folded_cases = 0;
  for (const auto& entry : registry.entries()) {
    const std::size_t slash = entry.name.find('/');
    for (const int nodes : {1, 2, 4}) {
      SCOPED_TRACE(testing::Message() << entry.name << " over " << nodes << " nodes");
      const int devices = 4;
      GraphOf graph(nodes * devices);
      CollectiveChoice choice;
      for (const CollectiveKind kind : kCollectiveKinds) {
        if (to_string(kind) != entry.name.substr(0, slash)) continue;
        choice.algorithm[static_cast<std::size_t>(kind)] = entry.name.substr(slash + 1);
        graph.collective(kind, nodes * devices * 1_MiB, nodes * devices);
      }
      ClusterSpec cluster = nodes_of(nodes, devices, 1.0);
      cluster.node.nics = devices;
      cluster.node.device.memory_bandwidth = Bandwidth(8'000'000'000'000);
      const Outcome folded = run(cluster, graph, true, choice);
      if (!folded.symmetry) continue;  // of a tree or a chain every member is another
      ++folded_cases;
      expect_the_same(run(cluster, graph, false, choice), folded);
    }
  }
  EXPECT_GE(folded_cases, 12);
}

/// Two real spines, and what chooses between them: folding stays exact, whatever it chooses.
TEST(Symmetry, AFoldedStepTakesTheSameTimesWithEveryRouting) {
  for (const std::string routing : {"ecmp", "minimal", "spray", "up_down", "valiant"}) {
    int folded_cases = 0;
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
      SCOPED_TRACE(routing + ", seed " + std::to_string(seed));
      RandomStream random(seed, "symmetry and routing");
      const int nodes = static_cast<int>(2 * random.integer(1, 4));
      const int devices = static_cast<int>(2 * random.integer(1, 2));
      ClusterSpec cluster = nodes_of(nodes, devices, 2.0);
      cluster.fabric->members.push_back({"spines", json_integer(2)});
      cluster.fabric->members.push_back({"routing", json_string(routing)});
      const GraphOf graph = random_step(nodes, devices, random);
      const Outcome folded = run(cluster, graph, true, {});
      if (!folded.symmetry) continue;
      ++folded_cases;
      expect_the_same(run(cluster, graph, false, {}), folded);
      if (HasFatalFailure()) return;
    }
    EXPECT_GT(folded_cases, 3) << routing << ": too few had a symmetry for this to say much";
  }
}

TEST(Symmetry, ALockStepRingIsOneRank) {
  const int n = 64;
  GraphOf graph(n);
  graph.collective(CollectiveKind::all_reduce, n * 1_MB, n);
  const Outcome folded = run(crossbar_of(n, wire(100_GBps, 300_ns)), graph, true, {});
  ASSERT_TRUE(folded.symmetry);
  EXPECT_EQ(folded.symmetry->ranks_in, std::vector<std::uint32_t>{n});
  // Up and down links.
  EXPECT_EQ(folded.symmetry->links_in, (std::vector<std::uint32_t>{n, n}));
}

TEST(Symmetry, WhatMakesARankDifferentIsSeen) {
  const int n = 16;
  const ClusterSpec cluster = crossbar_of(n, wire(100_GBps, 300_ns));
  const auto classes = [&](const GraphOf& graph) {
    const Outcome outcome = run(cluster, graph, true, {});
    return outcome.symmetry ? outcome.symmetry->ranks_in.size() : std::size_t{0};
  };
  GraphOf pairs(n);  // neighbours in pairs, the second pair starts later
  pairs.delay(2, 5_us, "network");
  pairs.collective(CollectiveKind::all_reduce, 16_MB, 2);
  EXPECT_EQ(classes(pairs), 3U) << "rank 2, rank 3, and all others";

  GraphOf ring(n);  // around a ring nobody is like rank 2
  ring.delay(2, 5_us, "network");
  ring.collective(CollectiveKind::all_reduce, 16_MB, n);
  EXPECT_EQ(classes(ring), 0U) << "folding does not pay";

  GraphOf uneven(n);  // blocks that differ by a byte
  uneven.collective(CollectiveKind::all_reduce, 16_MB + Bytes(1), n);
  EXPECT_EQ(classes(uneven), 0U);
}

TEST(Symmetry, APairwiseExchangeOnOneStreamIsLeftAlone) {
  // Each rank sends and receives on one stream, so the first pair of the op goes first.
  const int n = 4;
  GraphOf graph(n);
  Op op;
  op.kind = OpKind::transfer;
  op.stream = op.peer_stream = graph.stream("network");
  op.ranks = graph.rank_set({0, 1, 2, 3});
  op.peers = graph.rank_set({1, 2, 3, 0});
  op.bytes = 1_MB;
  graph.add(op);
  EXPECT_FALSE(run(crossbar_of(n, wire(100_GBps, 300_ns)), graph, true, {}).symmetry);
}

TEST(Symmetry, ANodesHostIsSharedByDevicesOfDifferentClasses) {
  const int n = 8;
  ClusterSpec cluster = crossbar_of(n, wire(100_GBps, 300_ns));
  cluster.node.host_link = wire(40_GBps, 500_ns);
  cluster.node.host_memory = HostMemorySpec{Bytes(1'000'000'000'000), 90_GBps, 1};
  GraphOf graph(n);
  Op op;
  op.kind = OpKind::transfer;
  op.copy = CopyKind::device_to_host;
  op.stream = graph.stream("store");
  for (const auto& ranks : {std::vector<Rank>{0, 1, 2}, std::vector<Rank>{3, 4, 5, 6, 7}}) {
    op.ranks = op.peers = graph.rank_set(ranks);
    op.bytes = Bytes(static_cast<std::int64_t>(ranks.size()) * 10'000'000);
    graph.add(op);
  }
  const Outcome folded = run(cluster, graph, true, {});
  ASSERT_TRUE(folded.symmetry);
  EXPECT_EQ(folded.symmetry->ranks_in, (std::vector<std::uint32_t>{3, 5}));
  expect_the_same(run(cluster, graph, false, {}), folded);
}

TEST(Symmetry, IdleRanksAreOneClass) {
  const int n = 12;
  GraphOf graph(n);
  graph.transfer(0, 1, 1_MB);
  const ClusterSpec cluster = crossbar_of(n, wire(100_GBps, 300_ns));
  const Outcome folded = run(cluster, graph, true, {});
  ASSERT_TRUE(folded.symmetry);
  EXPECT_EQ(folded.symmetry->ranks_in, (std::vector<std::uint32_t>{1, 1, n - 2}));
  expect_the_same(run(cluster, graph, false, {}), folded);
}

}  // namespace
}  // namespace orrery
