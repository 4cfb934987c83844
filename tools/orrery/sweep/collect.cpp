#include "tools/orrery/sweep/collect.hpp"

#include <algorithm>
#include <cstdio>
#include <set>

#include "tools/orrery/command_line.hpp"

namespace orrery {
namespace {

constexpr std::size_t kBest = 10;
constexpr std::size_t kFailures = 20;
constexpr std::size_t kFront = 50;

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

/// As short as it can be read back from.
std::string exact(double value) {
  return to_text(json_real(value), false);
}

std::string readable(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

/// In a cell of a table of Markdown.
std::string cell(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    safe += c == '|' ? "\\|" : c == '\n' ? "; " : std::string(1, c);
  }
  return safe;
}

std::string table_head(const std::vector<std::string>& columns) {
  std::string text;
  for (const std::string& column : columns) text += "| " + cell(column) + " ";
  text += "|\n";
  for (std::size_t i = 0; i < columns.size(); ++i) text += "|---";
  return text + "|\n";
}

std::string table_row(const std::vector<std::string>& cells) {
  std::string text;
  for (const std::string& each : cells) text += "| " + cell(each) + " ";
  return text + "|\n";
}

/// The workload's own headline: the first figure of all rows that is a time.
std::string headline(const SweepTable& table) {
  for (const std::string& metric : table.metrics) {
    if (metric.ends_with("_s")) return metric;
  }
  return "";
}

std::vector<const SweepTable::Row*> best_rows(const SweepTable& table, const Objective& by) {
  std::vector<const SweepTable::Row*> rows;
  for (const SweepTable::Row& row : table.rows) {
    if (row.point.status == "ok" && row.point.metric(by.metric)) rows.push_back(&row);
  }
  std::stable_sort(rows.begin(), rows.end(), [&](const auto* a, const auto* b) {
    const double x = *a->point.metric(by.metric);
    const double y = *b->point.metric(by.metric);
    return by.maximise ? x > y : x < y;
  });
  return rows;
}

std::string rows_text(const SweepTable& table, const std::vector<const SweepTable::Row*>& rows,
                      std::size_t most, std::vector<std::string> metrics) {
  std::erase_if(metrics, [&](const std::string& metric) {
    return std::find(table.metrics.begin(), table.metrics.end(), metric) == table.metrics.end();
  });
  std::vector<std::string> columns = table.axes;
  columns.insert(columns.end(), metrics.begin(), metrics.end());
  std::string text = table_head(columns);
  for (std::size_t i = 0; i < std::min(rows.size(), most); ++i) {
    std::vector<std::string> cells = rows[i]->labels;
    for (const std::string& metric : metrics) {
      const std::optional<double> value = rows[i]->point.metric(metric);
      cells.push_back(value ? readable(*value) : "");
    }
    text += table_row(cells);
  }
  if (rows.size() > most) text += "\n… and " + std::to_string(rows.size() - most) + " more\n";
  return text;
}

std::string failures_text(const SweepTable& table) {
  std::map<std::string, std::pair<std::size_t, const SweepTable::Row*>> by_error;
  for (const SweepTable::Row& row : table.rows) {
    if (!row.point.is_failure()) continue;
    auto& [count, first] = by_error[row.point.error];
    if (count++ == 0) first = &row;
  }
  if (by_error.empty()) return "";
  std::string text = "\n## Failures\n\n" + table_head({"points", "first of them", "error"});
  std::size_t shown = 0;
  for (const auto& [error, found] : by_error) {
    if (++shown > kFailures) break;
    std::string where;
    for (std::size_t axis = 0; axis < table.axes.size(); ++axis) {
      where += (axis > 0 ? ", " : "") + table.axes[axis] + " " + found.second->labels[axis];
    }
    text += table_row({std::to_string(found.first), where, error});
  }
  if (by_error.size() > kFailures) {
    text += "\n… and " + std::to_string(by_error.size() - kFailures) + " other errors\n";
  }
  return text;
}

}  // namespace

std::vector<Objective> objectives_from(const std::string& text) {
  std::vector<Objective> objectives;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    std::string name = text.substr(begin, end - begin);
    const bool more = name.ends_with("+");
    if (more) name.pop_back();
    if (name.empty()) throw UsageError("--pareto: expected METRIC[+],METRIC[+]…, got " + text);
    objectives.push_back({name, more});
    begin = end + 1;
  }
  return objectives;
}

std::size_t SweepTable::count(const std::string& status) const {
  return static_cast<std::size_t>(std::count_if(
      rows.begin(), rows.end(), [&](const Row& row) { return row.point.status == status; }));
}

SweepTable read_table(const SweepFolder& folder) {
  SweepFolder::Plan plan = folder.read_plan();
  SweepTable table;
  table.axes = std::move(plan.columns);
  std::set<std::string> known;
  for (PlannedPoint& planned : plan.points) {
    SweepTable::Row row{std::move(planned.labels), std::move(planned.id), {}};
    row.point = folder.read_result(row.id).value_or(PointRow{"missing", 0, "", {}});
    for (const auto& [metric, value] : row.point.metrics) {
      if (known.insert(metric).second) table.metrics.push_back(metric);
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

void mark_front(SweepTable& table, const std::vector<Objective>& objectives) {
  struct Candidate {
    std::vector<double> values;  // smaller is better
    SweepTable::Row* row = nullptr;
  };
  std::vector<Candidate> candidates;
  for (const Objective& objective : objectives) {
    if (std::find(table.metrics.begin(), table.metrics.end(), objective.metric) ==
        table.metrics.end()) {
      throw UsageError("--pareto: no row has a figure " + objective.metric);
    }
  }
  for (SweepTable::Row& row : table.rows) {
    Candidate candidate{{}, &row};
    for (const Objective& objective : objectives) {
      const std::optional<double> value = row.point.metric(objective.metric);
      if (value) candidate.values.push_back(objective.maximise ? -*value : *value);
    }
    const bool counts = row.point.status == "ok" && candidate.values.size() == objectives.size();
    if (counts) candidates.push_back(std::move(candidate));
  }
  // In this order whoever dominates a candidate stands before it, and is dominated by none or by
  // somebody of the front, who then dominates both.
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.values < b.values; });
  std::vector<const Candidate*> front;
  for (const Candidate& candidate : candidates) {
    const bool dominated = std::any_of(front.begin(), front.end(), [&](const Candidate* other) {
      return other->values != candidate.values &&
             std::equal(other->values.begin(), other->values.end(), candidate.values.begin(),
                        [](double a, double b) { return a <= b; });
    });
    if (dominated) continue;
    candidate.row->on_front = true;
    front.push_back(&candidate);
  }
}

std::string to_csv(const SweepTable& table, bool front) {
  std::string text = "point,id";
  for (const std::string& axis : table.axes) text += "," + csv_field(axis);
  text += ",status";
  if (front) text += ",pareto";
  for (const std::string& metric : table.metrics) text += "," + csv_field(metric);
  text += ",error\n";
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const SweepTable::Row& row = table.rows[i];
    text += std::to_string(i) + "," + row.id;
    for (const std::string& label : row.labels) text += "," + csv_field(label);
    text += "," + row.point.status;
    if (front) text += row.on_front ? ",1" : ",0";
    for (const std::string& metric : table.metrics) {
      const std::optional<double> value = row.point.metric(metric);
      text += value ? "," + exact(*value) : ",";
    }
    std::string error = row.point.error;
    std::replace(error.begin(), error.end(), '\n', ' ');  // a line a row, for tools that count so
    text += "," + csv_field(error) + "\n";
  }
  return text;
}

std::string to_markdown(const SweepTable& table, const std::vector<Objective>& front) {
  std::string text = "# " + std::to_string(table.rows.size()) + " points\n\n";
  for (const char* status : {"ok", "does_not_fit", "invalid", "failed", "missing"}) {
    if (const std::size_t count = table.count(status); count > 0) {
      text += "- " + std::string(status) + ": " + std::to_string(count) + "\n";
    }
  }
  const std::string time = headline(table);
  const auto best = best_rows(table, {time, false});
  if (!best.empty()) {
    text += "\n## Shortest " + time + "\n\n" +
            rows_text(table, best, kBest, {time, "tokens_per_s", "mfu", "memory_peak_bytes"});
  }
  if (!front.empty()) {
    std::vector<std::string> metrics;
    for (const Objective& objective : front) metrics.push_back(objective.metric);
    std::vector<const SweepTable::Row*> rows = best_rows(table, front.front());
    std::erase_if(rows, [](const SweepTable::Row* row) { return !row->on_front; });
    text += "\n## Pareto front\n\n" + rows_text(table, rows, kFront, metrics);
  }
  return text + failures_text(table);
}

}  // namespace orrery
