#include <algorithm>

#include "workloads/plan/micro_batch_plan.hpp"

namespace orrery {

double time_s(const GroupingProblem& problem, const PlannedGroup& group) {
  double work = 0;
  for (std::size_t q = 0; q < group.sequences.size(); ++q) {
    if (group.sequences[q] == 0) continue;
    work += static_cast<double>(group.sequences[q]) *
            problem.cost->work_s(group.size, problem.buckets[q].tokens);
  }
  return problem.cost->time_s(group.size, work);
}

std::int64_t tokens_of(const GroupingProblem& problem, const PlannedGroup& group) {
  std::int64_t tokens = 0;
  for (std::size_t q = 0; q < group.sequences.size(); ++q) {
    tokens += group.sequences[q] * problem.buckets[q].tokens;
  }
  return tokens;
}

Grouping finished(const GroupingProblem& problem, std::vector<PlannedGroup> groups) {
  std::erase_if(groups, [](const PlannedGroup& group) {
    return std::all_of(group.sequences.begin(), group.sequences.end(),
                       [](std::int64_t count) { return count == 0; });
  });
  std::stable_sort(groups.begin(), groups.end(),
                   [](const auto& a, const auto& b) { return a.size > b.size; });
  Grouping grouping{.groups = std::move(groups)};
  for (const PlannedGroup& group : grouping.groups) {
    grouping.time_s = std::max(grouping.time_s, time_s(problem, group));
  }
  return grouping;
}

double time_bound_s(const GroupingProblem& problem) {
  const GroupCost& cost = *problem.cost;
  double device_seconds = 0;
  double longest = 0;
  for (const Bucket& bucket : problem.buckets) {
    double least = 0;  // of a sequence, over the sizes on which it fits
    double alone = 0;
    for (std::size_t z = cost.smallest_for(bucket.tokens); z < cost.sizes.size(); ++z) {
      if (cost.sizes[z].devices > problem.devices) break;
      const double work = cost.work_s(z, bucket.tokens);
      const double time = cost.time_s(z, work);
      if (least == 0 || work < least) least = work;
      if (alone == 0 || time < alone) alone = time;
    }
    device_seconds += least * static_cast<double>(bucket.sequences);
    longest = std::max(longest, alone);
  }
  const double area = device_seconds / static_cast<double>(problem.devices);
  return std::max(longest, area > 0 ? area + cost.fixed_s : 0);
}

}  // namespace orrery
