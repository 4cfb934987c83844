#include <algorithm>
#include <array>

#include "workloads/plan/micro_batch_plan.hpp"

namespace orrery {
namespace {

constexpr int kBisections = 40;
constexpr std::size_t kStarts = 4;  // groupings of which the sizes are changed, of few devices
constexpr std::int64_t kFewDevices = 16;
constexpr double kProgress = 1e-9;  // relative; less is no improvement

/// Groups while they are filled, within a time.
class Filling {
 public:
  Filling(const GroupingProblem& problem, double target)
      : problem_(&problem), cost_(problem.cost), target_(target), free_(problem.devices) {}

  std::vector<PlannedGroup> take_groups() { return std::move(groups_); }

  /// Adds an empty group; false when there are too few devices.
  bool open(std::size_t size) {
    if (cost_->sizes[size].devices > free_) return false;
    free_ -= cost_->sizes[size].devices;
    groups_.push_back({size, std::vector<std::int64_t>(problem_->buckets.size())});
    const double seconds = target_ - cost_->overhead_s(size);
    room_.push_back(
        {seconds * static_cast<double>(cost_->sizes[size].devices), cost_->capacity(size)});
    return true;
  }

  /// The smallest size, from `least` on, on which a sequence of a bucket meets the time.
  std::size_t size_for(std::size_t bucket, std::size_t least) const {
    const std::int64_t tokens = problem_->buckets[bucket].tokens;
    std::size_t size = std::max(least, cost_->smallest_for(tokens));
    while (size < cost_->sizes.size() &&
           cost_->time_s(size, cost_->work_s(size, tokens)) > target_) {
      ++size;
    }
    return size;
  }

  /// Puts up to `count` sequences of a bucket into groups of sizes in [from, to), small and full
  /// ones first; how many are left.
  std::int64_t fill(std::size_t bucket, std::int64_t count, std::size_t from, std::size_t to) {
    std::vector<std::size_t> order;
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      if (groups_[g].size >= from && groups_[g].size < to) order.push_back(g);
    }
    std::stable_sort(order.begin(), order.end(), [this](std::size_t a, std::size_t b) {
      if (groups_[a].size != groups_[b].size) return groups_[a].size < groups_[b].size;
      return room_[a].work < room_[b].work;
    });
    for (const std::size_t g : order) {
      if (count == 0) break;
      count -= put(g, bucket, count);
    }
    return count;
  }

 private:
  struct Room {
    double work;
    std::int64_t tokens;
  };

  std::int64_t put(std::size_t g, std::size_t bucket, std::int64_t count) {
    const std::int64_t tokens = problem_->buckets[bucket].tokens;
    const double work = cost_->work_s(groups_[g].size, tokens);
    std::int64_t fits = std::min(count, room_[g].tokens / tokens);
    if (work > 0) {
      fits = std::min(fits, static_cast<std::int64_t>(std::max(0.0, room_[g].work / work)));
    }
    groups_[g].sequences[bucket] += fits;
    room_[g].tokens -= fits * tokens;
    room_[g].work -= static_cast<double>(fits) * work;
    return fits;
  }

  const GroupingProblem* problem_;
  const GroupCost* cost_;
  double target_;
  std::int64_t free_;
  std::vector<PlannedGroup> groups_;
  std::vector<Room> room_;
};

/// How sequences find groups: none smaller than `least`; into larger groups than they need before,
/// or after, new ones are opened.
struct Rule {
  std::size_t least = 0;
  bool larger_first = false;
};

std::optional<Grouping> fill_new(const GroupingProblem& problem, double target, const Rule& rule) {
  Filling filling(problem, target);
  const std::size_t sizes = problem.cost->sizes.size();
  for (std::size_t q = problem.buckets.size(); q-- > 0;) {
    const std::size_t own = filling.size_for(q, rule.least);
    if (own == sizes) return std::nullopt;
    std::int64_t left = filling.fill(q, problem.buckets[q].sequences, 0, own + 1);
    if (rule.larger_first) left = filling.fill(q, left, own + 1, sizes);
    while (left > 0 && filling.open(own)) left = filling.fill(q, left, own, own + 1);
    left = filling.fill(q, left, own + 1, sizes);
    if (left > 0) return std::nullopt;
  }
  return finished(problem, filling.take_groups());
}

/// Into groups of these sizes and no others.
std::optional<Grouping> fill_given(const GroupingProblem& problem, double target,
                                   const std::vector<std::size_t>& sizes) {
  Filling filling(problem, target);
  for (const std::size_t size : sizes) {
    if (!filling.open(size)) return std::nullopt;
  }
  for (std::size_t q = problem.buckets.size(); q-- > 0;) {
    if (filling.fill(q, problem.buckets[q].sequences, 0, problem.cost->sizes.size()) > 0) {
      return std::nullopt;
    }
  }
  return finished(problem, filling.take_groups());
}

/// The same, each sequence where it is over first: longest first.
std::optional<Grouping> fill_evenly(const GroupingProblem& problem,
                                    const std::vector<std::size_t>& sizes) {
  const GroupCost& cost = *problem.cost;
  std::vector<PlannedGroup> groups;
  std::vector<double> work(sizes.size());
  std::vector<std::int64_t> room;
  for (const std::size_t size : sizes) {
    groups.push_back({size, std::vector<std::int64_t>(problem.buckets.size())});
    room.push_back(cost.capacity(size));
  }
  for (std::size_t q = problem.buckets.size(); q-- > 0;) {
    const std::int64_t tokens = problem.buckets[q].tokens;
    for (std::int64_t n = problem.buckets[q].sequences; n > 0; --n) {
      std::size_t best = sizes.size();
      double first = 0;
      for (std::size_t g = 0; g < sizes.size(); ++g) {
        if (room[g] < tokens) continue;
        const double time = cost.time_s(sizes[g], work[g] + cost.work_s(sizes[g], tokens));
        if (best == sizes.size() || time < first) {
          best = g;
          first = time;
        }
      }
      if (best == sizes.size()) return std::nullopt;
      ++groups[best].sequences[q];
      room[best] -= tokens;
      work[best] += cost.work_s(sizes[best], tokens);
    }
  }
  return finished(problem, std::move(groups));
}

/// The least time for which a way to fill groups finds some, bisected between `low`, where none is
/// expected, and `high`.
template <class Fill>
std::optional<Grouping> bisected(double low, double high, Fill fill) {
  std::optional<Grouping> best = fill(high);
  if (!best) return std::nullopt;
  for (int step = 0; step < kBisections && low < high * (1 - kProgress); ++step) {
    const double middle = 0.5 * (low + high);
    if (std::optional<Grouping> found = fill(middle)) {
      if (found->time_s < best->time_s) best = std::move(found);
      high = std::min(middle, best->time_s);
    } else {
      low = middle;
    }
  }
  return best;
}

/// The sizes of all groups, and of what idle devices could be.
std::vector<std::size_t> sizes_of(const GroupingProblem& problem, const Grouping& grouping) {
  const std::vector<GroupSize>& sizes = problem.cost->sizes;
  std::vector<std::size_t> result;
  std::int64_t idle = problem.devices;
  for (const PlannedGroup& group : grouping.groups) {
    result.push_back(group.size);
    idle -= sizes[group.size].devices;
  }
  for (std::size_t z = sizes.size(); z-- > 0;) {
    for (; sizes[z].devices <= idle; idle -= sizes[z].devices) result.push_back(z);
  }
  std::sort(result.begin(), result.end());
  return result;
}

/// Sizes that differ by one split or one merger.
std::vector<std::vector<std::size_t>> neighbours(const std::vector<std::size_t>& sizes,
                                                 std::size_t kinds) {
  std::vector<std::vector<std::size_t>> result;
  for (std::size_t z = 0; z < kinds; ++z) {
    const auto first = std::find(sizes.begin(), sizes.end(), z);
    if (first == sizes.end()) continue;
    if (z > 0) {
      std::vector<std::size_t> split = sizes;
      split.erase(split.begin() + (first - sizes.begin()));
      split.insert(split.end(), 2, z - 1);
      std::sort(split.begin(), split.end());
      result.push_back(std::move(split));
    }
    if (z + 1 < kinds && std::count(sizes.begin(), sizes.end(), z) > 1) {
      std::vector<std::size_t> merged = sizes;
      const auto at = merged.begin() + (first - sizes.begin());
      merged.erase(at, at + 2);
      merged.push_back(z + 1);
      std::sort(merged.begin(), merged.end());
      result.push_back(std::move(merged));
    }
  }
  return result;
}

bool is_faster(const Grouping& one, const Grouping& other) {
  return one.time_s < other.time_s * (1 - kProgress);
}

/// The first faster grouping with groups of one of these lists of sizes.
std::optional<Grouping> faster_with(const GroupingProblem& problem, const Grouping& than,
                                    const std::vector<std::vector<std::size_t>>& lists, double low,
                                    double high) {
  for (const auto& sizes : lists) {
    const auto fitting = [&](double target) { return fill_given(problem, target, sizes); };
    for (std::optional<Grouping>& found : std::array<std::optional<Grouping>, 2>{
             bisected(low, high, fitting), fill_evenly(problem, sizes)}) {
      if (!found) continue;
      Grouping moved = with_sequences_moved(problem, std::move(*found));
      if (is_faster(moved, than)) return moved;
    }
  }
  return std::nullopt;
}

/// Groups split and merged, one at a time, while that makes the slowest faster; two at a time where
/// there are few devices, and where there are many that hardly matters.
Grouping with_sizes_changed(const GroupingProblem& problem, Grouping best, double low,
                            double high) {
  const std::size_t kinds = problem.cost->sizes.size();
  while (best.time_s > low * (1 + kProgress)) {
    const auto near = neighbours(sizes_of(problem, best), kinds);
    std::optional<Grouping> found = faster_with(problem, best, near, low, high);
    for (std::size_t n = 0; n < near.size() && !found && problem.devices <= kFewDevices; ++n) {
      found = faster_with(problem, best, neighbours(near[n], kinds), low, high);
    }
    if (!found) break;
    best = std::move(*found);
  }
  return best;
}

}  // namespace

std::optional<Grouping> greedy_grouping(const GroupingProblem& problem) {
  const double low = time_bound_s(problem);
  double high = 1;  // a time that none exceeds: everything on the smallest group, one device each
  for (const Bucket& bucket : problem.buckets) {
    double most = 0;
    for (std::size_t z = 0; z < problem.cost->sizes.size(); ++z) {
      most = std::max(most, problem.cost->work_s(z, bucket.tokens));
    }
    high += most * static_cast<double>(bucket.sequences);
  }
  high += problem.cost->fixed_s + problem.cost->fixed_exchange_s;
  std::vector<Grouping> found;
  for (std::size_t least = 0; least < problem.cost->sizes.size(); ++least) {
    for (const bool larger_first : {false, true}) {
      std::optional<Grouping> filled = bisected(low, high, [&](double target) {
        return fill_new(problem, target, {least, larger_first});
      });
      if (filled) found.push_back(with_sequences_moved(problem, std::move(*filled)));
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.time_s < b.time_s; });
  const std::size_t starts = problem.devices <= kFewDevices ? kStarts : 1;
  if (found.size() > starts) found.resize(starts);
  std::optional<Grouping> best;
  for (Grouping& each : found) {
    Grouping climbed = with_sizes_changed(problem, std::move(each), low, high);
    if (!best || is_faster(climbed, *best)) best = std::move(climbed);
  }
  return best;
}

}  // namespace orrery
