// What a span costs in Perfetto's format: time here, bytes in the counter. The goals are 0.15 us
// and 50 bytes.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "traces/perfetto.hpp"

namespace {

using namespace orrery;
using namespace orrery::literals;

constexpr std::int64_t kStreams = 64;
constexpr std::int64_t kSpans = 1'000'000;

/// Sends with an amount and a flow, a few names, one stream behind the other.
void perfetto_span(benchmark::State& state) {
  TaskGraph graph(static_cast<Rank>(kStreams));
  std::vector<OpId> ops;
  std::vector<Rank> all;
  for (Rank rank = 0; rank < graph.world_size(); ++rank) all.push_back(rank);
  Op op;
  op.kind = OpKind::transfer;
  op.stream = graph.stream("send");
  op.peer_stream = graph.stream("receive");
  op.ranks = op.peers = graph.rank_set(all);
  op.bytes = 25_MiB;
  op.category = graph.label("data_parallel");
  for (int name = 0; name < 20; ++name) {
    op.label = graph.label("gradients of bucket " + std::to_string(name));
    ops.push_back(graph.add(op));
  }
  std::vector<Span> spans;
  for (std::int64_t i = 0; i < kSpans; ++i) {
    const auto rank = static_cast<std::uint32_t>(i % kStreams);
    const Time start(i / kStreams * 100_us);
    spans.push_back({{ops[static_cast<std::size_t>(i) % ops.size()], rank},
                     0,
                     static_cast<Rank>(rank),
                     op.stream,
                     start,
                     start,
                     start + 70_us});
  }
  const auto path =
      std::filesystem::temp_directory_path() / ("orrery_trace_bench_" + std::to_string(::getpid()));
  for (auto _ : state) write_perfetto_trace(path.string(), {.graph = graph, .spans = spans});
  state.SetItemsProcessed(state.iterations() * kSpans);
  state.counters["bytes_per_span"] =
      static_cast<double>(std::filesystem::file_size(path)) / static_cast<double>(kSpans);
  state.counters["us_per_span"] = benchmark::Counter(
      static_cast<double>(kSpans) * 1e-6,
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  std::filesystem::remove(path);
}
BENCHMARK(perfetto_span)->Unit(benchmark::kMillisecond);

}  // namespace
