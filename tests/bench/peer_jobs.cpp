#include "tests/bench/peer_jobs.hpp"

#include <numeric>
#include <utility>
#include <vector>

#include "tests/bench/jobs.hpp"

namespace orrery::jobs {
namespace {

constexpr std::int64_t kChunks = 4;
constexpr Bytes kRingSize = Bytes(1 << 20);
constexpr Bytes kAllToAllSize = Bytes(1 << 24);

std::vector<Rank> ranks_below(int count) {
  std::vector<Rank> ranks(static_cast<std::size_t>(count));
  std::iota(ranks.begin(), ranks.end(), 0);
  return ranks;
}

std::string join_key(const std::string& kind) {
  return kind == "crossbar" ? "links_per_device" : "links_per_pair";
}

/// `chunks` messages for every block of a rank.
Bytes chunk_of(Bytes size, int ranks, std::int64_t chunks) {
  return Bytes(size.count() / ranks / chunks);
}

Job ring(int ranks, std::int64_t chunks) {
  TaskGraph graph(ranks);
  graph.add(collective(graph, CollectiveKind::all_reduce, kRingSize));
  return {star(ranks, kHopPicoseconds, "ring"), std::move(graph),
          chunk_of(kRingSize, ranks, chunks)};
}

Job all_to_all(int ranks) {
  TaskGraph graph(ranks);
  graph.add(collective(graph, CollectiveKind::all_to_all, kAllToAllSize));
  return {star(ranks, kHopPicoseconds), std::move(graph), chunk_of(kAllToAllSize, ranks, kChunks)};
}

/// 16 layers of 24 computes and 5 all-reduces, one after the other: 464 nodes a rank.
Job language_model() {
  constexpr int kRanks = 64;
  constexpr int kLayers = 16;
  constexpr int kComputes = 24;
  constexpr int kAllReduces = 5;
  TaskGraph graph(kRanks);
  Kernel kernel;
  kernel.kind = "work";
  kernel.operations = Flops(10'000'000);  // 10 us on a host
  Op compute;
  compute.kind = OpKind::compute;
  compute.stream = graph.stream("network");  // the same: nothing overlaps
  compute.ranks = graph.rank_set(ranks_below(kRanks));
  compute.kernel = graph.kernel(kernel);
  const Op reduce = collective(graph, CollectiveKind::all_reduce, kRingSize);
  for (int layer = 0; layer < kLayers; ++layer) {
    for (int node = 0; node < kComputes + kAllReduces; ++node) {
      const bool reduces = node % kAllReduces == kAllReduces - 1;  // five of twenty-nine
      graph.add(reduces && node / kAllReduces < kAllReduces ? reduce : compute);
    }
  }
  return {star(kRanks, kHopPicoseconds), std::move(graph), chunk_of(kRingSize, kRanks, kChunks)};
}

}  // namespace

ClusterSpec star(int devices, std::int64_t hop_picoseconds, const std::string& kind) {
  ClusterSpec cluster;
  DeviceSpec& device = cluster.node.device;
  device.name = "host";
  device.peak[static_cast<std::size_t>(Precision::bf16)] =
      FlopRate(static_cast<std::int64_t>(kHostFlopsPerSecond));
  device.math_efficiency[static_cast<std::size_t>(Precision::bf16)] = 1;
  device.memory_capacity = Bytes(1'000'000'000'000);
  device.memory_bandwidth = Bandwidth(1'000'000'000'000'000);
  device.memory_efficiency = 1;
  cluster.node.devices = devices;
  const std::string hop = std::to_string(hop_picoseconds) + " ps";
  cluster.node.fabric = json_object(
      {{"kind", json_string(kind)},
       {"link",
        json_object({{"name", json_string("link")},
                     {"kind", json_string("wire")},
                     {"bandwidth", json_string(std::to_string(kLinkBytesPerSecond) + " B/s")},
                     {"latency", json_string(hop)},
                     {"efficiency", json_real(1)}})},
       {join_key(kind), json_integer(1)}});
  cluster.nodes = 1;
  return cluster;
}

Op collective(TaskGraph& graph, CollectiveKind kind, Bytes size) {
  Op op;
  op.kind = OpKind::collective;
  op.collective = kind;
  op.stream = graph.stream("network");
  op.ranks = graph.rank_set(ranks_below(graph.world_size()));
  op.group_size = static_cast<std::uint32_t>(graph.world_size());
  op.bytes = size;
  return op;
}

std::map<std::string, JobMaker> peer_jobs() {
  return {{"astra_ring_256", [] { return ring(256, kChunks); }},
          {"astra_ring_1024", [] { return ring(1024, kChunks); }},
          {"astra_ring_4096", [] { return ring(4096, 1); }},
          {"astra_all_to_all_64", [] { return all_to_all(64); }},
          {"astra_all_to_all_128", [] { return all_to_all(128); }},
          {"astra_all_to_all_256", [] { return all_to_all(256); }},
          {"astra_all_to_all_512", [] { return all_to_all(512); }},
          {"astra_llm_64", language_model}};
}

}  // namespace orrery::jobs
