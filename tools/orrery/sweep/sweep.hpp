#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tools/orrery/sweep/points.hpp"
#include "tools/orrery/sweep/pool.hpp"
#include "tools/orrery/sweep/sweep_folder.hpp"

namespace orrery {

/// The points of a sweep file, and what to do with them. Points are named by their number.
class Sweep {
 public:
  /// Throws ScenarioError when no point is left.
  Sweep(SweepFile file, const Builtins& builtins, const Catalog& catalog, int jobs);

  const SweepFile& file() const { return file_; }
  std::size_t size() const { return points_.size(); }
  std::vector<std::string> labels(std::size_t point) const {
    return labels_of(file_, points_[point]);
  }
  JsonValue document(std::size_t point) const { return document_of(file_, points_[point]); }

  struct Named {
    std::string id;
    std::string mistakes;  // "" for a scenario that could be read
  };
  /// Of each of these points: resolves them, on all threads. Throws UsageError when it was stopped.
  std::vector<Named> name(const std::vector<std::size_t>& points) const;
  /// What `orrery check` would say of each; "" for nothing.
  std::vector<std::string> check(const std::vector<std::size_t>& points) const;

  struct Outcome {
    std::map<std::string, std::size_t> by_status;
    std::size_t there_already = 0;
    bool stopped = false;  // by a signal; what is missing can be run again

    std::size_t failures() const;
  };
  /// Simulates those of the points that the folder lacks, and, on request, those that failed.
  Outcome run(const SweepFolder& folder, const std::vector<std::size_t>& points,
              const std::vector<Named>& names, bool retry_failed,
              const std::function<void()>& now_and_then) const;

 private:
  SweepFile file_;
  const Builtins* builtins_;
  const Catalog* catalog_;
  int jobs_;
  std::vector<SweepPoint> points_;
};

/// A sweep without a single scenario that can be read is a mistake of its file: throws UsageError.
void require_a_valid_one(const std::vector<Sweep::Named>& names);

/// So that `orrery sweep collect` finds what there is. `names`: of all points.
void write_plan(const Sweep& sweep, const std::vector<Sweep::Named>& names,
                const SweepFolder& folder);

/// 0, 1, …, count - 1.
std::vector<std::size_t> all_of(std::size_t count);

/// Those of `points` whose result is missing or broken, of equal ones the first; with
/// `retry_failed` also those that failed. `rows`: what is there, by id.
std::vector<std::size_t> missing_in(const SweepFolder& folder,
                                    const std::vector<std::size_t>& points,
                                    const std::vector<Sweep::Named>& names, bool retry_failed,
                                    std::map<std::string, PointRow>* rows = nullptr);

}  // namespace orrery
