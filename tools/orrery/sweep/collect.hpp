#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tools/orrery/sweep/sweep_folder.hpp"

namespace orrery {

/// A figure to make small, or large.
struct Objective {
  std::string metric;
  bool maximise = false;
};

/// "step_time_s,mfu+": a metric, with + when more is better. Throws UsageError.
std::vector<Objective> objectives_from(const std::string& text);

/// All rows of a sweep, in the order of its points.
struct SweepTable {
  std::vector<std::string> axes;
  std::vector<std::string> metrics;  // of any row, as they come first
  struct Row {
    std::vector<std::string> labels;
    std::string id;
    PointRow point;  // status "missing": no result
    bool on_front = false;
  };
  std::vector<Row> rows;

  std::size_t count(const std::string& status) const;
};

SweepTable read_table(const SweepFolder& folder);

/// Marks the rows with status "ok" that no other is better than in one objective and at least as
/// good in all (Pareto). Throws UsageError when no row has one of the metrics.
void mark_front(SweepTable& table, const std::vector<Objective>& objectives);

/// RFC 4180: a line a row: point, id, axes, status, metrics, error; with `front` a column of that.
std::string to_csv(const SweepTable& table, bool front);

/// Markdown: how many of each status, the best rows, what failed, the front.
std::string to_markdown(const SweepTable& table, const std::vector<Objective>& front);

}  // namespace orrery
