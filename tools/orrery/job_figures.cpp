#include "tools/orrery/job_figures.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>

namespace orrery {
namespace {

/// The end of each op of the job on its last rank; index: op.
std::vector<Time> ends(const Job& job, std::span<const Span> spans,
                       const std::function<OpId(OpId)>& original) {
  std::vector<Time> result(job.graph.ops().size());
  for (const Span& span : spans) {
    Time& end = result[original(span.instance.op).index()];
    end = std::max(end, span.end);
  }
  return result;
}

std::vector<Bytes> static_memory(const TaskGraph& graph) {
  std::vector<Bytes> result(static_cast<std::size_t>(graph.world_size()));
  for (const StaticMemory& memory : graph.static_memory()) {
    for (const Rank rank : graph.ranks(memory.ranks)) {
      result[static_cast<std::size_t>(rank)] += memory.bytes;
    }
  }
  return result;
}

/// Whether ops of a graph bring ranks of several nodes together; the answer for one set of ranks
/// serves all ops that have it.
class Crossing {
 public:
  Crossing(const TaskGraph& graph, Rank devices_per_node)
      : graph_(&graph), devices_(devices_per_node) {}

  bool operator()(const Op& op) {
    if (op.kind != OpKind::transfer && op.kind != OpKind::collective) return false;
    const bool pairs = op.kind == OpKind::transfer;
    if (pairs && op.copy != CopyKind::device_to_device) return false;
    const auto key = std::tuple(op.ranks.index(), pairs ? op.peers.index() : 0,
                                std::uint32_t{pairs ? 0 : op.group_size});
    const auto [known, is_new] = known_.try_emplace(key, false);
    if (is_new) known->second = pairs ? any_pair(op) : any_group(op);
    return known->second;
  }

 private:
  bool any_pair(const Op& op) const {
    const std::span<const Rank> from = graph_->ranks(op.ranks);
    const std::span<const Rank> to = graph_->ranks(op.peers);
    for (std::size_t pair = 0; pair < from.size(); ++pair) {
      if (from[pair] / devices_ != to[pair] / devices_) return true;
    }
    return false;
  }

  bool any_group(const Op& op) const {
    const std::span<const Rank> ranks = graph_->ranks(op.ranks);
    for (std::size_t member = 0; member < ranks.size(); ++member) {
      const std::size_t first = member - member % op.group_size;
      if (ranks[member] / devices_ != ranks[first] / devices_) return true;
    }
    return false;
  }

  const TaskGraph* graph_;
  Rank devices_;
  std::map<std::tuple<std::size_t, std::size_t, std::uint32_t>, bool> known_;
};

std::int64_t at_least_zero(std::int64_t number) {
  return std::max<std::int64_t>(number, 0);
}

}  // namespace

std::vector<TimedValue> timed_values(const Job& job, std::span<const Span> spans,
                                     const std::function<OpId(OpId)>& original) {
  if (job.timed_figures.empty()) {
    return {};
  }
  const std::vector<Time> end = ends(job, spans, original);
  std::vector<TimedValue> values;
  for (const TimedFigure& figure : job.timed_figures) {
    const Time from = figure.from.valid() ? end[figure.from.index()] : Time();
    const Duration time = end[figure.to.index()] - from;
    values.push_back({figure.key, to_seconds(time) / static_cast<double>(figure.parts)});
  }
  return values;
}

Duration time_between_nodes(const Job& job, std::span<const CriticalStep> path,
                            const std::function<OpId(OpId)>& original, Rank devices_per_node) {
  Crossing crosses(job.graph, devices_per_node);
  Duration time;
  for (const CriticalStep& step : path) {
    const Op& op = job.graph.op(original(step.span.instance.op));
    if (crosses(op)) time += step.span.end - step.span.start;
  }
  return time;
}

std::optional<KvCacheRoom> kv_cache_room(const Job& job, const TaskGraph& graph,
                                         const MemoryMeter& meter, const DeviceSpec& device) {
  if (!job.kv_cache || job.kv_cache->per_token_on_rank == Bytes(0)) {
    return std::nullopt;
  }
  const KvCacheDemand& demand = *job.kv_cache;
  const std::vector<Bytes> fixed = static_memory(graph);
  std::int64_t tokens = std::numeric_limits<std::int64_t>::max();
  std::int64_t batch = tokens;
  for (Rank rank = 0; rank < meter.world_size(); ++rank) {
    const MemoryMeter::Peak& peak = meter.peak(rank);
    const Bytes fixed_here = fixed[static_cast<std::size_t>(rank)];
    const Bytes beside = peak.total - peak.by_category[demand.category.index()];
    const Bytes room = device.memory_capacity - beside;
    tokens = std::min(tokens, room.count() / demand.per_token_on_rank.count());
    const std::int64_t grows = (peak.total - fixed_here).count();
    const std::int64_t per_sequence = (grows + demand.batch - 1) / demand.batch;
    const std::int64_t grow_room = (device.memory_capacity - fixed_here).count();
    batch = std::min(batch, grow_room / std::max<std::int64_t>(per_sequence, 1));
  }
  return KvCacheRoom{.per_token_on_rank = demand.per_token_on_rank,
                     .per_token = demand.per_token,
                     .capacity_tokens = at_least_zero(tokens),
                     .largest_batch = at_least_zero(batch) / demand.batch_step * demand.batch_step};
}

}  // namespace orrery
