#include "tools/orrery/measure.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <utility>

namespace orrery {
namespace {

Breakdown::Part part_of(std::string name, std::span<const RankBreakdown> ranks,
                        std::span<const RankClass> classes,
                        const std::function<Duration(const RankBreakdown&)>& pick) {
  Breakdown::Part part;
  part.name = std::move(name);
  // In picoseconds: sums of whole numbers are exact below 2^53, in whatever order they are taken.
  double sum = 0;
  double count = 0;
  for (std::size_t index = 0; index < ranks.size(); ++index) {
    const Duration time = pick(ranks[index]);
    const Rank rank = classes[index].first;
    sum += time.as_double() * classes[index].count;
    count += classes[index].count;
    if (index == 0 || time < part.least) {
      part.least = time;
      part.least_rank = rank;
    }
    if (index == 0 || time > part.most) {
      part.most = time;
      part.most_rank = rank;
    }
  }
  part.average_s = ranks.empty() ? 0 : sum / count * to_seconds(Duration(1));
  return part;
}

void add_cause(std::vector<Cause>& causes, Cause::Kind kind, const std::string& category,
               Duration time) {
  const auto found = std::find_if(causes.begin(), causes.end(), [&](const Cause& cause) {
    return cause.kind == kind && cause.category == category;
  });
  if (found != causes.end()) {
    found->time += time;
  } else if (time > Duration(0)) {
    causes.push_back({kind, category, time});
  }
}

Cause::Kind cause_of(Bound bound) {
  switch (bound) {
    case Bound::math:
      return Cause::Kind::math;
    case Bound::memory:
      return Cause::Kind::memory;
    case Bound::launch:
      break;
  }
  return Cause::Kind::launch;
}

}  // namespace

Breakdown summarise(const TaskGraph& graph, std::span<const RankBreakdown> ranks,
                    std::span<const RankClass> classes) {
  Breakdown result;
  result.compute =
      part_of("compute", ranks, classes, [](const RankBreakdown& r) { return r.compute; });
  result.bubble =
      part_of("bubble", ranks, classes, [](const RankBreakdown& r) { return r.bubble; });
  result.idle = part_of("idle", ranks, classes, [](const RankBreakdown& r) { return r.idle; });
  for (std::size_t label = 0; label < graph.label_count(); ++label) {
    const auto time = [label](const RankBreakdown& rank) {
      return label < rank.exposed.size() ? rank.exposed[label] : Duration(0);
    };
    const bool is_there = std::any_of(ranks.begin(), ranks.end(), [&](const RankBreakdown& rank) {
      return time(rank) > Duration(0);
    });
    if (is_there) {
      result.exposed.push_back(part_of(graph.text(LabelId(label)), ranks, classes, time));
    }
  }
  std::stable_sort(result.exposed.begin(), result.exposed.end(),
                   [](const auto& a, const auto& b) { return a.average_s > b.average_s; });
  return result;
}

namespace {

/// Of the rank, or whatever the meter counts by, that is fullest.
MemoryUse fullest_of(const TaskGraph& graph, const MemoryMeter& meter) {
  MemoryUse use;
  for (Rank rank = 0; rank < meter.world_size(); ++rank) {
    if (rank == 0 || meter.peak(rank).total > use.peak) {
      use.rank = rank;
      use.peak = meter.peak(rank).total;
      use.when = meter.peak(rank).when;
    }
  }
  if (meter.world_size() == 0) {
    return use;
  }
  const std::vector<Bytes>& held = meter.peak(use.rank).by_category;
  for (std::size_t label = 0; label < held.size(); ++label) {
    if (held[label] > Bytes(0)) {
      use.holds.emplace_back(graph.text(LabelId(label)), held[label]);
    }
  }
  std::stable_sort(use.holds.begin(), use.holds.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return use;
}

}  // namespace

MemoryUse fullest(const TaskGraph& graph, const MemoryMeter& meter,
                  std::span<const RankClass> classes, const DeviceSpec& device) {
  MemoryUse use = fullest_of(graph, meter);
  use.device = device.name;
  use.capacity = device.memory_capacity;
  if (!classes.empty()) use.rank = classes[static_cast<std::size_t>(use.rank)].first;
  return use;
}

std::optional<MemoryUse> fullest_host(const TaskGraph& graph, const PlacedMemory& memory,
                                      const NodeSpec& node) {
  if (graph.host_categories().empty() || !node.host_memory) return std::nullopt;
  MemoryUse use = fullest_of(graph, memory.hosts());
  use.device = node.name;
  use.capacity = node.host_memory->capacity;
  use.rank = memory.first_node(use.rank);
  return use;
}

std::vector<CollectiveUse> collective_uses(std::span<const CollectiveRecord> records) {
  std::vector<CollectiveUse> result;
  for (const CollectiveRecord& record : records) {
    if (record.runs == 0) {
      continue;
    }
    CollectiveUse use;
    use.record = record;
    use.mean = record.total / static_cast<std::int64_t>(record.runs);
    use.bus_bandwidth = bus_bandwidth(record.kind, record.size, record.members, use.mean);
    use.best_bus_bandwidth =
        bus_bandwidth(record.kind, record.size, record.members, record.fastest);
    result.push_back(std::move(use));
  }
  return result;
}

std::vector<ResourceUse> resource_uses(std::span<const Machine::ResourceUse> resources,
                                       Duration makespan) {
  std::vector<ResourceUse> result;
  result.reserve(resources.size());
  const double seconds = to_seconds(makespan);
  for (const Machine::ResourceUse& resource : resources) {
    const double possible = resource.capacity * seconds;
    result.push_back({resource.name, resource.kind, resource.capacity,
                      possible > 0 ? resource.carried / possible : 0, resource.alike});
  }
  std::stable_sort(result.begin(), result.end(), [](const ResourceUse& a, const ResourceUse& b) {
    return a.utilisation > b.utilisation;
  });
  return result;
}

namespace {

std::set<OpId> triggers_of(const TaskGraph& graph) {
  std::set<OpId> triggers;
  for (const TrackerEffect& effect : graph.tracker_effects()) {
    if (effect.triggered > Bytes(0)) triggers.insert(effect.op);
  }
  return triggers;
}

}  // namespace

std::vector<Cause> causes(const TaskGraph& graph, std::span<const CriticalStep> path,
                          const Machine& machine) {
  std::vector<Cause> result;
  const std::set<OpId> triggers = triggers_of(graph);
  for (const CriticalStep& step : path) {
    add_cause(result, Cause::Kind::wait, "", step.wait);
    const Op& op = graph.op(step.span.instance.op);
    const Duration stalled = machine.tracker_stall(step.span.instance);
    const Duration time = step.span.end - step.span.start - stalled;
    add_cause(result, Cause::Kind::trigger, "", stalled);
    if (triggers.contains(step.span.instance.op)) {
      add_cause(result, Cause::Kind::trigger, "", time);
    } else if (op.kind == OpKind::compute) {
      const KernelCost& cost = machine.kernel_cost(op.kernel);
      const Duration launch = std::min(cost.launch, time);
      add_cause(result, Cause::Kind::launch, "", launch);
      add_cause(result, cause_of(cost.bound), "", time - launch);
    } else if (op.kind == OpKind::delay) {
      add_cause(result, Cause::Kind::delay, "", time);
    } else {
      const std::string category = op.category.valid() ? graph.text(op.category) : "other";
      add_cause(result, Cause::Kind::communication, category, time);
    }
  }
  std::stable_sort(result.begin(), result.end(),
                   [](const Cause& a, const Cause& b) { return a.time > b.time; });
  return result;
}

std::vector<Evidence::KernelSpan> fastest_kernels(const TaskGraph& graph,
                                                  std::span<const Span> spans,
                                                  const Machine& machine) {
  std::vector<const Span*> fastest(graph.kernels().size());
  for (const Span& span : spans) {
    const Op& op = graph.op(span.instance.op);
    if (op.kind != OpKind::compute) {
      continue;
    }
    const Span*& best = fastest[op.kernel.index()];
    if (best == nullptr || span.end - span.start < best->end - best->start) {
      best = &span;
    }
  }
  std::vector<Evidence::KernelSpan> result;
  for (const Span* span : fastest) {
    if (span != nullptr) {
      const Op& op = graph.op(span->instance.op);
      result.push_back({op.label.valid() ? graph.text(op.label) : "a kernel",
                        span->end - span->start, machine.kernel_cost(op.kernel).floor_seconds});
    }
  }
  return result;
}

std::vector<Evidence::RankSum> rank_sums(std::span<const RankBreakdown> ranks,
                                         std::span<const RankClass> classes) {
  std::vector<Evidence::RankSum> result;
  for (std::size_t index = 0; index < ranks.size(); ++index) {
    Duration total = ranks[index].compute + ranks[index].bubble + ranks[index].idle;
    for (const Duration exposed : ranks[index].exposed) {
      total += exposed;
    }
    result.push_back({classes[index].first, total, classes[index].count});
  }
  return result;
}

std::vector<Evidence::Unfreed> unfreed(const TaskGraph& graph, const PlacedMemory& memory,
                                       std::span<const RankClass> classes) {
  using Held = std::map<std::pair<Rank, LabelId>, Bytes>;
  Held on_devices;  // what stays to the end, by design
  Held in_hosts;
  std::set<LabelId> categories;
  for (const StaticMemory& there : graph.static_memory()) {
    categories.insert(there.category);
    const bool hosted = graph.is_on_host(there.category);
    for (const Rank rank : graph.ranks(there.ranks)) {
      if (!hosted) on_devices[{rank, there.category}] += there.bytes;
      for (const PlacedMemory::Share& share : memory.shares(rank)) {
        if (hosted) in_hosts[{share.host, there.category}] += there.bytes * share.devices;
      }
    }
  }
  for (const MemoryEffect& effect : graph.memory_effects()) categories.insert(effect.category);
  std::vector<Evidence::Unfreed> result;
  const auto compare = [&](const MemoryMeter& meter, const Held& expected, const auto& named) {
    const bool hosts = &expected == &in_hosts;
    for (Rank place = 0; place < meter.world_size(); ++place) {
      for (const LabelId category : categories) {
        const auto found = expected.find({place, category});
        const Bytes kept = found != expected.end() ? found->second : Bytes(0);
        const Bytes left = meter.in_use(place, category) - kept;
        if (left != Bytes(0)) result.push_back({named(place), graph.text(category), left, hosts});
      }
    }
  };
  compare(memory.devices(), on_devices,
          [&](Rank rank) { return classes[static_cast<std::size_t>(rank)].first; });
  compare(memory.hosts(), in_hosts, [&](Rank host) { return memory.first_node(host); });
  return result;
}

Duration sum(std::span<const CriticalStep> path) {
  Duration total;
  for (const CriticalStep& step : path) {
    total += step.wait + (step.span.end - step.span.start);
  }
  return total;
}

}  // namespace orrery
