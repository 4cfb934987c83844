#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tools/orrery/sweep/collect.hpp"
#include "tools/orrery/sweep/sweep.hpp"

namespace orrery {

struct SearchOptions {
  Objective objective;
  int jobs = 1;
  bool retry_failed = false;
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  std::size_t most_points = SIZE_MAX;                   // to simulate
  std::optional<std::chrono::duration<double>> time{};  // wall time, from `start`
  bool prune = true;  // false: every point is simulated, for comparison
};

/// What a search has found out of a point.
struct SearchPoint {
  enum class State {
    unknown,    // not looked at, for want of time
    bounded,    // known to be no better than `bound`, not simulated yet
    invalid,    // no scenario
    too_large,  // static memory alone exceeds a device, or no plan fits
    beaten,     // by the busy bound: no better than the best, whatever else
    outrun,     // by the path bound, likewise
    repeated,   // the same scenario as a point before it
    simulated,
  };
  State state = State::unknown;
  double bound = 0;  // smaller is better, as `cost`
  std::string id;
  std::string mistakes;
  PointRow row;  // of a simulated one
};

struct SearchResult {
  std::vector<SearchPoint> points;   // by number of the sweep's point
  std::vector<std::size_t> ranking;  // those that run and fit, best first; of equal ones the first
  bool complete = false;             // then the best is the optimum of the space
  std::optional<double> least_left;  // else: no point that is left is better than this
  std::size_t there_already = 0;

  std::size_t count(SearchPoint::State state) const;
  /// Of the simulated ones.
  std::size_t failures() const;
};

/// Finds the point of a sweep with the least (or largest) figure among those that fit in memory.
///
/// Branch and bound without branches: every point gets a bound that no run of it can beat
/// (lower_bound.hpp); points are then looked at in the order of their bounds, and dropped when the
/// bound is worse than the best that was simulated so far. A bound is admissible, and only points
/// strictly worse than a simulated one are dropped: so the optimum is never dropped, and of several
/// the first is found, whatever the number of threads. Bounds exist for the workload's headline (a
/// time) and for tokens_per_s; other figures are searched by memory alone.
///
/// Results are files of the folder, as of a sweep, so that a search goes on where it was stopped.
/// `names`: of all points, Sweep::name. Throws UsageError where points run and have no such figure.
SearchResult search(const Sweep& sweep, const std::vector<Sweep::Named>& names,
                    const SweepFolder& folder, const SearchOptions& options,
                    const Builtins& builtins, const Catalog& catalog);

/// Names what was pruned by what, and the best ten with why the others are worse.
std::string report_of(const Sweep& sweep, const SearchResult& result, const Objective& objective);
JsonValue to_json(const Sweep& sweep, const SearchResult& result, const Objective& objective);

/// A space for a scenario of transformer_training without axes of its own: all tensor and pipeline
/// degrees that divide the devices (the rest is data-parallel), micro-batches of 1 to 8,
/// recomputation, ZeRO stages, and which of data and pipeline lies next to tensor. In the form of
/// "sweep" of a sweep file. Throws UsageError for other workloads.
JsonValue standard_space(JsonValue& scenario, std::int64_t devices);

}  // namespace orrery
