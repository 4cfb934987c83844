#include "tools/orrery/sweep/search.hpp"

#include <algorithm>
#include <limits>
#include <mutex>
#include <set>

#include "tools/orrery/command_line.hpp"
#include "tools/orrery/fault_check.hpp"
#include "tools/orrery/sweep/lower_bound.hpp"
#include "workloads/plan/sequence_plan.hpp"

namespace orrery {
namespace {

using State = SearchPoint::State;
using Clock = std::chrono::steady_clock;

constexpr double kNone = std::numeric_limits<double>::infinity();

class Search {
 public:
  Search(const Sweep& sweep, const SweepFolder& folder, const SearchOptions& options,
         const Builtins& builtins, const Catalog& catalog)
      : sweep_(&sweep),
        folder_(&folder),
        options_(&options),
        builtins_(&builtins),
        catalog_(&catalog) {
    result_.points.resize(sweep.size());
  }

  SearchResult run(const std::vector<Sweep::Named>& names) {
    take_what_is_there(names);
    const PoolEnd bounds = find_bounds(deadline(0.5));
    const PoolEnd end = bounds == PoolEnd::signalled ? bounds : simulate(deadline(1));
    result_.complete = bounds == PoolEnd::done && end == PoolEnd::done && !out_of_budget_;
    finish();
    return std::move(result_);
  }

 private:
  std::optional<Clock::time_point> deadline(double share) const {
    if (!options_->time) return std::nullopt;
    return options_->start + std::chrono::duration_cast<Clock::duration>(*options_->time * share);
  }

  double cost_of(double value) const { return options_->objective.maximise ? -value : value; }

  /// Nothing, unless it ran and fits.
  std::optional<double> cost_of(const PointRow& row) const {
    if (row.status != "ok") return std::nullopt;
    const std::optional<double> value = row.metric(options_->objective.metric);
    if (!value) return std::nullopt;
    return cost_of(*value);
  }

  void take_what_is_there(const std::vector<Sweep::Named>& names) {
    std::set<std::string> seen;
    for (std::size_t i = 0; i < names.size(); ++i) {
      SearchPoint& point = result_.points[i];
      point.id = names[i].id;
      point.mistakes = names[i].mistakes;
      if (!point.mistakes.empty()) {
        point.state = State::invalid;
      } else if (!seen.insert(point.id).second) {
        point.state = State::repeated;
      } else if (std::optional<PointRow> row = folder_->read_result(point.id)) {
        if (options_->retry_failed && row->is_failure()) continue;
        ++result_.there_already;
        took(point, std::move(*row));
      }
    }
  }

  void took(SearchPoint& point, PointRow row) {
    point.state = State::simulated;
    point.row = std::move(row);
    if (point.row.status == "ok") require_figure(point.row);
    if (const std::optional<double> cost = cost_of(point.row)) best_ = std::min(best_, *cost);
  }

  /// The first run that has no such figure, and no run before it, shows that the name is wrong.
  void require_figure(const PointRow& row) {
    const std::string& wanted = options_->objective.metric;
    if (has_figure_ || row.metric(wanted)) {
      has_figure_ = true;
      return;
    }
    std::vector<std::string> known;
    std::string all;
    for (const auto& [name, value] : row.metrics) {
      known.push_back(name);
      all += (all.empty() ? "" : ", ") + name;
    }
    const std::string nearest = nearest_name(wanted, known);
    throw UsageError("no point has a figure " + wanted +
                     (nearest.empty() ? "" : "; did you mean " + nearest + "?") + "\nfigures are " +
                     all);
  }

  double best() {
    const std::lock_guard lock(mutex_);
    return best_;
  }

  /// Whether a bound of time says anything of the objective.
  bool is_bounded_by_time(const Job& job) const {
    const Objective& objective = options_->objective;
    if (!options_->prune) return false;
    return objective.maximise ? objective.metric == "tokens_per_s"
                              : objective.metric == job.headline;
  }

  /// The objective of a run that takes no less than `time`; -kNone where nothing follows from that.
  double bound_from(const Job& job, Duration time) const {
    const Objective& objective = options_->objective;
    if (!is_bounded_by_time(job) || time <= Duration(0)) return -kNone;
    // The figures are quotients and products of doubles.
    const double seconds = to_seconds(time) * (1 - 1e-12);
    return objective.maximise ? -job.tokens / seconds : seconds;
  }

  void bound(SearchPoint& point, std::size_t number) {
    try {
      const Scenario scenario = scenario_from(sweep_->document(number), {}, *builtins_, *catalog_);
      const Job job = build_job(scenario);
      check_faults(scenario, job, *builtins_);
      const bool too_large = least_memory(job) > scenario.cluster.node.device.memory_capacity;
      point.bound = bound_from(job, busy_bound(scenario, job));
      point.state = too_large && options_->prune ? State::too_large : State::bounded;
    } catch (const IoError&) {
      throw;
    } catch (const DoesNotFit&) {
      point.state = State::too_large;
    } catch (const Error& error) {
      point.mistakes = error.what();
      point.state = State::invalid;
    }
  }

  PoolEnd find_bounds(std::optional<Clock::time_point> deadline) {
    std::vector<std::size_t> unknown;
    for (std::size_t i = 0; i < result_.points.size(); ++i) {
      if (result_.points[i].state == State::unknown) unknown.push_back(i);
    }
    const PoolOptions pool{.jobs = options_->jobs, .what = "bounds", .deadline = deadline};
    return run_pool(unknown.size(), pool,
                    [&](std::size_t i) { bound(result_.points[unknown[i]], unknown[i]); });
  }

  /// Drops the point by a bound, or simulates it.
  void look_at(std::size_t number) {
    SearchPoint& point = result_.points[number];
    if (point.bound > best()) {
      point.state = State::beaten;
      return;
    }
    const Scenario scenario = scenario_from(sweep_->document(number), {}, *builtins_, *catalog_);
    const Job job = build_job(scenario);
    if (is_bounded_by_time(job)) {
      SimulatedJob simulated(scenario, job, *builtins_, Folding::where_alike);
      const Duration path = path_bound(scenario, job, simulated, *builtins_);
      point.bound = std::max(point.bound, bound_from(job, path));
      if (point.bound > best()) {
        point.state = State::outrun;
        return;
      }
    }
    {
      const std::lock_guard lock(mutex_);
      if (begun_ >= options_->most_points) {
        out_of_budget_ = true;
        return;
      }
      ++begun_;
    }
    const PointOutcome outcome = run_point(scenario, *builtins_);
    folder_->write_result(point.id, outcome);
    const std::lock_guard lock(mutex_);
    took(point, {outcome.status, outcome.exit_code, outcome.error, outcome.metrics});
  }

  PoolEnd simulate(std::optional<Clock::time_point> deadline) {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < result_.points.size(); ++i) {
      if (result_.points[i].state == State::bounded) order.push_back(i);
    }
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return result_.points[a].bound < result_.points[b].bound;
    });
    const PoolOptions pool{.jobs = options_->jobs, .what = "points", .deadline = deadline};
    return run_pool(order.size(), pool, [&](std::size_t i) { look_at(order[i]); });
  }

  void finish() {
    std::vector<std::pair<double, std::size_t>> ranked;
    for (std::size_t i = 0; i < result_.points.size(); ++i) {
      const SearchPoint& point = result_.points[i];
      if (point.state == State::simulated) {
        if (const std::optional<double> cost = cost_of(point.row)) ranked.emplace_back(*cost, i);
      } else if (point.state == State::bounded || point.state == State::unknown) {
        const double bound = point.state == State::bounded ? point.bound : -kNone;
        result_.least_left = std::min(result_.least_left.value_or(kNone), bound);
      }
    }
    std::sort(ranked.begin(), ranked.end());
    for (const auto& [cost, point] : ranked) result_.ranking.push_back(point);
  }

  const Sweep* sweep_;
  const SweepFolder* folder_;
  const SearchOptions* options_;
  const Builtins* builtins_;
  const Catalog* catalog_;
  SearchResult result_;
  std::mutex mutex_;  // of what follows, and of rows
  double best_ = kNone;
  std::size_t begun_ = 0;
  bool out_of_budget_ = false;
  bool has_figure_ = false;
};

}  // namespace

std::size_t SearchResult::count(SearchPoint::State state) const {
  return static_cast<std::size_t>(std::count_if(
      points.begin(), points.end(), [&](const auto& point) { return point.state == state; }));
}

std::size_t SearchResult::failures() const {
  return static_cast<std::size_t>(
      std::count_if(points.begin(), points.end(), [](const auto& point) {
        return point.state == SearchPoint::State::simulated && point.row.is_failure();
      }));
}

SearchResult search(const Sweep& sweep, const std::vector<Sweep::Named>& names,
                    const SweepFolder& folder, const SearchOptions& options,
                    const Builtins& builtins, const Catalog& catalog) {
  return Search(sweep, folder, options, builtins, catalog).run(names);
}

}  // namespace orrery
