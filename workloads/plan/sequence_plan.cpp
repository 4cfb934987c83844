#include "workloads/plan/sequence_plan.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

namespace orrery {
namespace {

using Lengths = std::vector<std::int64_t>;

std::int64_t sum(std::span<const std::int64_t> lengths) {
  return std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0});
}

SequenceGroup group_of(const GroupCost& cost, std::size_t size, Lengths lengths) {
  SequenceGroup group{.devices = cost.sizes[size].devices, .lengths = std::move(lengths)};
  std::sort(group.lengths.begin(), group.lengths.end(), std::greater<>());
  double work = 0;
  for (const std::int64_t length : group.lengths) work += cost.work_s(size, length);
  group.tokens = sum(group.lengths);
  group.time_s = cost.time_s(size, work);
  group.memory_bytes = cost.fixed_bytes + cost.token_bytes * static_cast<double>(group.tokens) /
                                              static_cast<double>(group.devices);
  return group;
}

void total(SequenceMicroBatch& micro_batch) {
  for (const SequenceGroup& group : micro_batch.groups) {
    micro_batch.tokens += group.tokens;
    micro_batch.time_s = std::max(micro_batch.time_s, group.time_s);
  }
}

SequencePlan total(std::vector<SequenceMicroBatch> micro_batches) {
  SequencePlan plan{.micro_batches = std::move(micro_batches)};
  for (const SequenceMicroBatch& each : plan.micro_batches) plan.time_s += each.time_s;
  return plan;
}

/// Packs of at most `capacity` tokens, longest sequences first, each into the pack that it fills
/// best.
std::vector<Lengths> best_fit(const Lengths& descending, std::int64_t capacity) {
  std::vector<Lengths> packs;
  Lengths room;
  for (const std::int64_t length : descending) {
    std::size_t best = packs.size();
    for (std::size_t p = 0; p < packs.size(); ++p) {
      if (room[p] >= length && (best == packs.size() || room[p] < room[best])) best = p;
    }
    if (best == packs.size()) {
      packs.emplace_back();
      room.push_back(capacity);
    }
    packs[best].push_back(length);
    room[best] -= length;
  }
  return packs;
}

/// Groups that are alike go through equally many micro-batches, as data parallelism asks: as few as
/// memory allows, the packs as even as best fit makes them. The packs.
std::vector<Lengths> even_packs(const Lengths& descending, std::int64_t capacity,
                                std::size_t at_once) {
  std::vector<Lengths> packs = best_fit(descending, capacity);
  const std::size_t most = (packs.size() + at_once - 1) / at_once * at_once;
  std::int64_t too_little = descending.front() - 1;
  std::int64_t enough = capacity;
  while (enough - too_little > 1) {
    const std::int64_t middle = too_little + (enough - too_little) / 2;
    std::vector<Lengths> found = best_fit(descending, middle);
    if (found.size() > most) {
      too_little = middle;
    } else {
      enough = middle;
      packs = std::move(found);
    }
  }
  return packs;
}

SequencePlan plan_alike(const PlanSettings& settings, const Lengths& descending, std::size_t size) {
  const GroupCost& cost = settings.cost;
  const auto at_once = static_cast<std::size_t>(settings.devices / cost.sizes[size].devices);
  std::vector<SequenceGroup> groups;
  for (Lengths& pack : even_packs(descending, cost.capacity(size), at_once)) {
    groups.push_back(group_of(cost, size, std::move(pack)));
  }
  std::stable_sort(groups.begin(), groups.end(),
                   [](const auto& a, const auto& b) { return a.time_s > b.time_s; });
  std::vector<SequenceMicroBatch> micro_batches;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    if (g % at_once == 0) micro_batches.emplace_back();
    micro_batches.back().groups.push_back(std::move(groups[g]));
  }
  for (SequenceMicroBatch& each : micro_batches) total(each);
  return total(std::move(micro_batches));
}

SequencePlan plan_adaptive(const PlanSettings& settings, const Lengths& descending) {
  SequencePlan best;
  for (std::size_t z = settings.cost.smallest_for(descending.front());
       z < settings.cost.sizes.size(); ++z) {
    SequencePlan plan = plan_alike(settings, descending, z);
    if (best.micro_batches.empty() || plan.time_s < best.time_s) best = std::move(plan);
  }
  return best;
}

/// Sequences of a micro-batch, and the groups for their buckets.
struct Grouped {
  Lengths ascending;
  GroupingProblem problem;
  Grouping grouping;
  double bound_s = 0;
  std::optional<Solved> solved;
};

std::optional<Grouped> grouped(const PlanSettings& settings,
                               std::span<const std::int64_t> descending) {
  Grouped result;
  result.ascending.assign(descending.rbegin(), descending.rend());
  result.problem = {&settings.cost, settings.devices, bucketed(result.ascending, settings.buckets)};
  std::optional<Grouping> grouping = greedy_grouping(result.problem);
  if (!grouping) return std::nullopt;
  result.grouping = std::move(*grouping);
  result.bound_s = std::min(result.grouping.time_s, time_bound_s(result.problem));
  return result;
}

/// Which of the sequences of a bucket go where makes no difference to the plan: the longest to the
/// first group, and so on.
SequenceMicroBatch micro_batch_of(const PlanSettings& settings, const Grouped& grouped) {
  std::vector<Lengths> lengths(grouped.grouping.groups.size());
  std::size_t end = 0;
  for (std::size_t q = 0; q < grouped.problem.buckets.size(); ++q) {
    end += static_cast<std::size_t>(grouped.problem.buckets[q].sequences);
    std::size_t next = end;
    for (std::size_t g = 0; g < lengths.size(); ++g) {
      for (std::int64_t n = grouped.grouping.groups[g].sequences[q]; n > 0; --n) {
        lengths[g].push_back(grouped.ascending[--next]);
      }
    }
  }
  SequenceMicroBatch result{
      .bucketing_error = bucketing_error(grouped.ascending, grouped.problem.buckets),
      .grouping_s = grouped.grouping.time_s,
      .bound_s = grouped.bound_s,
      .solved = grouped.solved};
  for (std::size_t g = 0; g < lengths.size(); ++g) {
    result.groups.push_back(
        group_of(settings.cost, grouped.grouping.groups[g].size, std::move(lengths[g])));
  }
  total(result);
  return result;
}

/// In so many micro-batches, the longest sequences first; nothing when one of them does not fit.
std::vector<Grouped> in_micro_batches(const PlanSettings& settings, const Lengths& descending,
                                      std::int64_t count) {
  std::vector<Grouped> result;
  std::size_t begin = 0;
  for (const std::size_t end : balanced_cuts(descending, count)) {
    std::optional<Grouped> each =
        grouped(settings, std::span(descending).subspan(begin, end - begin));
    if (!each) return {};
    result.push_back(std::move(*each));
    begin = end;
  }
  return result;
}

double time_of(const std::vector<Grouped>& micro_batches) {
  double time = 0;
  for (const Grouped& each : micro_batches) time += each.grouping.time_s;
  return time;
}

SequencePlan plan_heterogeneous(const PlanSettings& settings, const Lengths& descending) {
  const auto most = static_cast<std::int64_t>(descending.size());
  const std::int64_t capacity =
      std::max<std::int64_t>(1, settings.cost.capacity(0) / settings.cost.sizes[0].devices) *
      settings.devices;
  const std::int64_t least = std::min(most, (sum(descending) + capacity - 1) / capacity);
  std::vector<Grouped> best;
  for (std::int64_t count = least;
       count <= most && (count <= least + settings.more_micro_batches || best.empty()); ++count) {
    std::vector<Grouped> found = in_micro_batches(settings, descending, count);
    if (found.empty()) continue;
    if (best.empty() || time_of(found) < time_of(best)) best = std::move(found);
  }
  std::vector<SequenceMicroBatch> micro_batches;
  for (Grouped& each : best) {
    if (settings.mixed_integer) {
      each.solved = mixed_integer_grouping(each.problem, each.grouping, settings.limits);
      each.grouping = each.solved->grouping;
      each.bound_s = each.solved->bound_s;
    }
    micro_batches.push_back(micro_batch_of(settings, each));
  }
  SequencePlan plan = total(std::move(micro_batches));
  // Micro-batches above are cut by length, which packs of alike groups are not: for few sequences
  // of like lengths those may be fuller.
  SequencePlan alike = plan_adaptive(settings, descending);
  return alike.time_s < plan.time_s ? alike : plan;
}

}  // namespace

SequencePlan plan_sequences(const PlanSettings& settings, std::span<const std::int64_t> lengths) {
  Lengths descending(lengths.begin(), lengths.end());
  std::sort(descending.begin(), descending.end(), std::greater<>());
  if (descending.empty()) return {};
  const std::vector<GroupSize>& sizes = settings.cost.sizes;
  std::size_t size = settings.cost.smallest_for(descending.front());
  if (settings.method == PlanMethod::fixed) {
    const auto found = std::find_if(sizes.begin(), sizes.end(), [&](const GroupSize& each) {
      return each.devices == settings.group;
    });
    const auto given = static_cast<std::size_t>(found - sizes.begin());
    size = size <= given ? given : sizes.size();
  }
  if (size >= sizes.size()) {
    throw DoesNotFit("a sequence of " + std::to_string(descending.front()) +
                     " tokens does not fit in the memory of " +
                     (settings.method == PlanMethod::fixed
                          ? "a group of " + std::to_string(settings.group)
                          : "any group of") +
                     " devices");
  }
  switch (settings.method) {
    case PlanMethod::heterogeneous:
      return plan_heterogeneous(settings, descending);
    case PlanMethod::batch_adaptive:
      return plan_adaptive(settings, descending);
    case PlanMethod::fixed:
      break;
  }
  return plan_alike(settings, descending, size);
}

std::string to_text(const SequenceMicroBatch& micro_batch) {
  std::string text;
  const std::vector<SequenceGroup>& groups = micro_batch.groups;
  for (std::size_t g = 0; g < groups.size();) {
    std::size_t end = g;
    while (end < groups.size() && groups[end].devices == groups[g].devices) ++end;
    text += (text.empty() ? "" : ", ") + std::to_string(groups[g].devices);
    if (end - g > 1) text += "x" + std::to_string(end - g);
    g = end;
  }
  return "⟨" + text + "⟩";
}

}  // namespace orrery
