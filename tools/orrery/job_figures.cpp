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

/// Which links hold the communication of a graph up: found once for ops that differ in nothing that
/// matters.
class Crossing {
 public:
  enum class Kind { inside, held_inside, held_between };

  Crossing(const TaskGraph& graph, CollectiveCalls& calls, const Fabric& fabric)
      : graph_(&graph), calls_(&calls), fabric_(&fabric) {}

  Kind operator()(const Op& op) {
    if (op.kind != OpKind::transfer && op.kind != OpKind::collective) return Kind::inside;
    const bool pairs = op.kind == OpKind::transfer;
    if (pairs && op.copy != CopyKind::device_to_device) return Kind::inside;
    const auto key =
        std::tuple(op.ranks.index(), pairs ? op.peers.index() : 0,
                   std::uint32_t{pairs ? 0 : op.group_size}, op.collective, op.bytes, op.sizes);
    const auto [known, is_new] = known_.try_emplace(key, Kind::inside);
    if (is_new) known->second = pairs ? of_pairs(op) : of_groups(op);
    return known->second;
  }

 private:
  int node_of(Rank rank) const { return fabric_->place(rank).node; }

  Kind of_pairs(const Op& op) const {
    const std::span<const Rank> from = graph_->ranks(op.ranks);
    const std::span<const Rank> to = graph_->ranks(op.peers);
    for (std::size_t pair = 0; pair < from.size(); ++pair) {
      if (node_of(from[pair]) != node_of(to[pair])) return Kind::held_between;
    }
    return Kind::inside;
  }

  Kind of_groups(const Op& op) const {
    const std::span<const Rank> ranks = graph_->ranks(op.ranks);
    for (std::size_t member = 0; member < ranks.size(); ++member) {
      const std::size_t first = member - member % op.group_size;
      if (node_of(ranks[member]) != node_of(ranks[first])) {
        return busiest_of(op, ranks.subspan(first, op.group_size));
      }
    }
    return Kind::inside;
  }

  /// By bytes over bandwidth, steps that are alike once for all; of a program of more messages than
  /// one cares to follow, the links between nodes.
  Kind busiest_of(const Op& op, std::span<const Rank> group) const {
    constexpr std::size_t kMostMessages = 1 << 14;
    const CollectiveProgram& program = calls_->program_for(*graph_, op, group);
    std::map<int, double> times;  // by step that others are like
    for (int step = 0; step < program.steps(); ++step) ++times[program.pattern(step)];
    std::map<int, double> seconds;  // by link
    std::vector<Send> sends;
    std::size_t messages = 0;
    for (const auto& [step, count] : times) {
      for (std::size_t member = 0; member < group.size(); ++member) {
        sends.clear();
        program.sends(static_cast<int>(member), step, sends);
        messages += sends.size();
        if (messages > kMostMessages) return Kind::held_between;
        for (const Send& send : sends) {
          load(group[member], group[static_cast<std::size_t>(send.to)],
               count * send.bytes.as_double(), seconds);
        }
      }
    }
    double inside = 0;
    double between = 0;
    for (const auto& [link, time] : seconds) {
      double& most = fabric_->inside_node(link) ? inside : between;
      most = std::max(most, time);
    }
    return inside > between ? Kind::held_inside : Kind::held_between;
  }

  void load(Rank from, Rank to, double bytes, std::map<int, double>& seconds) const {
    if (from == to) return;
    std::vector<int> route;
    std::vector<double> shares;
    fabric_->append_route(from, to, route, &shares);
    for (std::size_t i = 0; i < route.size(); ++i) {
      const Fabric::Link& link = fabric_->links()[static_cast<std::size_t>(route[i])];
      if (link.counts_messages) continue;
      seconds[route[i]] += (i < shares.size() ? shares[i] : 1) * bytes / link.capacity;
    }
  }

  const TaskGraph* graph_;
  CollectiveCalls* calls_;
  const Fabric* fabric_;
  std::map<std::tuple<std::size_t, std::size_t, std::uint32_t, CollectiveKind, Bytes, SizesId>,
           Kind>
      known_;
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

CriticalCommunication critical_communication(const Job& job, std::span<const CriticalStep> path,
                                             const std::function<OpId(OpId)>& original,
                                             CollectiveCalls& calls, const Fabric& fabric) {
  Crossing crosses(job.graph, calls, fabric);
  CriticalCommunication result;
  for (const CriticalStep& step : path) {
    const Op& op = job.graph.op(original(step.span.instance.op));
    const Duration time = step.span.end - step.span.start;
    if (op.copy != CopyKind::device_to_device) result.host_copies += time;
    const Crossing::Kind kind = crosses(op);
    if (kind != Crossing::Kind::inside) result.between_nodes += time;
    if (kind == Crossing::Kind::held_between) result.inter_node += time;
  }
  return result;
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
