// orrery_jobs JOB: runs one of the jobs of the comparison and prints what it took, as JSON. With
// "_folded" behind its name interchangeable ranks are simulated once.
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <optional>

#include "models/machine.hpp"
#include "sim/graph/executor.hpp"
#include "sim/graph/folded_graph.hpp"
#include "tests/bench/jobs.hpp"
#include "tests/bench/layered_run.hpp"
#include "tests/bench/leaf_spine.hpp"
#include "tests/bench/peer_jobs.hpp"
#include "tests/bench/three_level.hpp"

namespace orrery::jobs {
namespace {

ClusterSpec leaves(int devices) {
  ClusterSpec cluster = star(devices, kHopPicoseconds);
  cluster.node.fabric = json_object({{"kind", json_string("leaf_spine")}});
  return cluster;
}

/// Blocks of one message.
Bytes size_of(const TaskGraph& graph) {
  return Bytes(kBlock) * graph.world_size();
}

TaskGraph ring(int ranks) {
  TaskGraph graph(ranks);
  graph.add(collective(graph, CollectiveKind::all_reduce, size_of(graph)));
  return graph;
}

TaskGraph jittered_ring(int ranks) {
  TaskGraph graph(ranks);
  for (Rank rank = 0; rank < ranks; ++rank) {
    Op op;
    op.kind = OpKind::delay;
    op.stream = graph.stream("network");
    op.ranks = graph.rank_set({rank});
    op.delay = Duration(jitter_picoseconds(rank));
    graph.add(op);
  }
  graph.add(collective(graph, CollectiveKind::all_reduce, size_of(graph)));
  return graph;
}

TaskGraph all_to_all(int ranks) {
  TaskGraph graph(ranks);
  graph.add(collective(graph, CollectiveKind::all_to_all, size_of(graph)));
  return graph;
}

TaskGraph random_all_to_all(int ranks) {
  TaskGraph graph(ranks);
  for (int shift = 1; shift < ranks; ++shift) {
    const StreamId stream = graph.stream("shift " + std::to_string(shift));
    for (Rank from = 0; from < ranks; ++from) {
      const Rank to = (from + shift) % ranks;
      Op op;
      op.kind = OpKind::transfer;
      op.stream = stream;
      op.ranks = graph.rank_set({from});
      op.peers = graph.rank_set({to});
      op.bytes =
          Bytes(random_bytes(static_cast<std::uint64_t>(from), static_cast<std::uint64_t>(to)));
      graph.add(op);
    }
  }
  return graph;
}

TaskGraph permutation() {
  TaskGraph graph(three_level::kHosts);
  const std::vector<int> target = three_level::permutation();
  for (Rank from = 0; from < three_level::kHosts; ++from) {
    const int to = target[static_cast<std::size_t>(from)];
    Op op;
    op.kind = OpKind::transfer;
    op.stream = graph.stream("network");
    op.ranks = graph.rank_set({from});
    op.peers = graph.rank_set({to});
    op.bytes =
        Bytes(random_bytes(static_cast<std::uint64_t>(from), static_cast<std::uint64_t>(to)));
    graph.add(op);
  }
  return graph;
}

TaskGraph layered_graph(int layers) {
  using namespace layered;
  TaskGraph graph(kHosts);
  std::vector<KernelId> kernels;
  for (int kernel = 0; kernel < kKernels; ++kernel) {
    Kernel work;
    work.kind = "work";
    work.operations = Flops(flops_of(kernel));
    kernels.push_back(graph.kernel(work));
  }
  std::vector<RankSetId> hosts;
  for (Rank host = 0; host < kHosts; ++host) hosts.push_back(graph.rank_set({host}));
  const StreamId compute = graph.stream("compute");
  const StreamId network = graph.stream("network");
  std::vector<OpId> incoming(kHosts);
  for (int layer = 0; layer < layers; ++layer) {
    std::vector<OpId> computes(kHosts);
    for (int host = 0; host < kHosts; ++host) {
      const auto h = static_cast<std::size_t>(host);
      Op op;
      op.kind = OpKind::compute;
      op.stream = compute;
      op.ranks = hosts[h];
      op.kernel = kernels[static_cast<std::size_t>(kernel_of(layer, host))];
      computes[h] = graph.add(op);
      if (incoming[h].valid()) graph.depend(computes[h], incoming[h]);
    }
    for (int host = 0; host < kHosts; ++host) {
      const auto h = static_cast<std::size_t>(host);
      const auto target = static_cast<std::size_t>(target_of(layer, host));
      if (target == h) continue;
      Op op;
      op.kind = OpKind::transfer;
      op.stream = network;
      op.ranks = hosts[h];
      op.peers = hosts[target];
      op.bytes = Bytes(bytes_of(layer, host));
      const OpId transfer = graph.add(op);
      graph.depend(transfer, computes[h], Side::source);
      incoming[target] = transfer;
    }
  }
  return graph;
}

constexpr int kShortLayers = 10;
constexpr int kCountedLayers = 200;  // enough to fill the queues, seconds under valgrind
constexpr int kLayers = 8'000;       // a million activities

Job ring_job(int ranks) {
  return {star(ranks, kHopPicoseconds), ring(ranks)};
}
Job jittered_ring_job(int ranks) {
  return {star(ranks, kHopPicoseconds), jittered_ring(ranks)};
}
Job graph_job(int layers) {
  return {star(layered::kHosts, 0), layered_graph(layers)};
}
Job idle_job(int ranks) {
  return {star(ranks, kHopPicoseconds), TaskGraph(ranks)};
}

std::map<std::string, JobMaker> machine_jobs() {
  std::map<std::string, JobMaker> jobs = {
      {"ring_256", [] { return ring_job(256); }},
      {"ring_1024", [] { return ring_job(1024); }},
      {"ring_4096", [] { return ring_job(4096); }},
      {"ring_256_jitter", [] { return jittered_ring_job(256); }},
      {"ring_1024_jitter", [] { return jittered_ring_job(1024); }},
      {"ring_4096_jitter", [] { return jittered_ring_job(4096); }},
      {"all_to_all_64_random",
       [] {
         return Job{leaves(64), random_all_to_all(64)};
       }},
      {"all_to_all_256",
       [] {
         return Job{leaves(256), all_to_all(256)};
       }},
      {"permutation_4096",
       [] {
         ClusterSpec cluster = star(three_level::kHosts, 0);
         cluster.node.fabric = json_object({{"kind", json_string("three_level")}});
         return Job{cluster, permutation()};
       }},
      {"graph_short_tasks", [] { return graph_job(kShortLayers); }},
      {"graph_25k_tasks", [] { return graph_job(kCountedLayers); }},
      {"graph_1m_tasks", [] { return graph_job(kLayers); }},
      {"graph_10m_tasks", [] { return graph_job(10 * kLayers); }},
      {"idle_4096", [] { return idle_job(4096); }},
      {"start_16384", [] { return idle_job(16'384); }},
  };
  jobs.merge(peer_jobs());
  return jobs;
}

/// On the engine alone.
const std::map<std::string, int>& engine_jobs() {
  static const std::map<std::string, int> layers = {{"graph_short", kShortLayers},
                                                    {"graph_1m", kLayers}};
  return layers;
}

struct Counts {
  std::uint64_t activities = 0;
  std::uint64_t events = 0;
  std::uint64_t messages = 0;
};

void print(const std::string& name, Time end, const Counts& counts) {
  std::printf(
      "{\"job\": \"%s\", \"makespan_s\": %.12f, \"activities\": %llu, \"events\": %llu, "
      "\"messages\": %llu, \"peak_kib\": %ld}\n",
      name.c_str(), to_seconds(end.since_start()),
      static_cast<unsigned long long>(counts.activities),
      static_cast<unsigned long long>(counts.events),
      static_cast<unsigned long long>(counts.messages), peak_kib());
}

void run(const std::string& name, const Job& job, bool fold) {
  Diagnostics diagnostics;
  auto topologies = builtin_topologies();
  topologies.add({"leaf_spine", make_leaf_spine, "the fabric of the all-to-all jobs"});
  topologies.add({"three_level", make_three_level, "the fabric of the permutation job"});
  const auto fabric = Fabric::build(job.cluster, topologies, diagnostics);
  const JsonValue parameters = json_object({{"kind", json_string("roofline")}});
  const auto models = builtin_cost_models();
  const auto cost = models.find("roofline")->make(JsonCursor(parameters, diagnostics), {});
  diagnostics.throw_if_any();
  CollectiveChoice choice;
  choice.algorithm[static_cast<std::size_t>(CollectiveKind::all_to_all)] = "direct";
  choice.chunk = job.chunk;
  const auto collectives = builtin_collectives();
  Engine engine;
  Machine machine(engine, job.cluster, *fabric, *cost, collectives, choice);
  std::optional<Symmetry> symmetry;
  std::optional<FoldedGraph> folded;
  if (fold) symmetry = find_symmetry(job.graph, *fabric, machine.collective_calls());
  if (symmetry) {
    folded.emplace(job.graph, symmetry->rank_class);
    folded->set_runner(machine);
  }
  const TaskGraph& graph = folded ? folded->graph() : job.graph;
  Executor executor(engine, graph, folded ? static_cast<Runner&>(*folded) : machine, {});
  machine.prepare(graph, executor.listener(), symmetry ? &*symmetry : nullptr);
  const Time end = executor.run();
  print(name, end,
        {machine.activities_started(), engine.events_run(), machine.counters().messages});
}

}  // namespace
}  // namespace orrery::jobs

int main(int count, char** arguments) {
  using namespace orrery::jobs;
  const std::string name = count > 1 ? arguments[1] : "";
  const std::string suffix = "_folded";
  const bool fold = name.ends_with(suffix);
  const std::string job = fold ? name.substr(0, name.size() - suffix.size()) : name;
  if (const auto found = engine_jobs().find(name); found != engine_jobs().end()) {
    const LayeredRun done = run_layered(found->second);
    print(name, done.end, {done.activities, done.events, 0});
    return 0;
  }
  const auto jobs = machine_jobs();
  if (const auto found = jobs.find(job); found != jobs.end()) {
    run(name, found->second(), fold);
    return 0;
  }
  for (const auto& [known, layers] : engine_jobs()) std::cerr << known << '\n';
  for (const auto& [known, make] : jobs) std::cerr << known << '\n';
  return 2;
}
