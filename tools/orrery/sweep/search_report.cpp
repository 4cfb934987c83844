#include <algorithm>
#include <cmath>
#include <cstdio>
#include <set>

#include "sim/base/unit_text.hpp"
#include "tools/orrery/sweep/search.hpp"

namespace orrery {
namespace {

using State = SearchPoint::State;

constexpr std::size_t kBest = 10;
constexpr std::size_t kReasons = 2;

struct Pruned {
  State state;
  const char* name;
  const char* about;
};
constexpr Pruned kPruned[] = {
    {State::invalid, "invalid", "are no valid scenario"},
    {State::repeated, "repeated", "are the same as another"},
    {State::too_large, "memory",
     "do not fit: weights, gradients and optimizer states alone exceed "
     "a device"},
    {State::beaten, "busy_bound",
     "are worse by the busy bound: kernels and devices are busy longer"},
    {State::outrun, "path_bound", "are worse by the path bound: the longest chain takes longer"},
    {State::simulated, "simulated", "were simulated"},
    {State::bounded, "left", "are left"},
    {State::unknown, "not_looked_at", "were not looked at"},
};

std::string readable(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.5g", value);
  return text;
}

/// The parts of a step's time that sum to it (METRICS.md), by which two runs can be compared.
std::vector<std::pair<std::string, double>> parts_of(const PointRow& row) {
  std::vector<std::pair<std::string, double>> parts;
  for (const auto& [name, value] : row.metrics) {
    const bool is_part = name == "compute_s" || name == "bubble_s" || name == "idle_s" ||
                         (name.starts_with("exposed_") && name != "exposed_communication_s");
    if (is_part) parts.emplace_back(name, value);
  }
  return parts;
}

/// What `row` spends more time on than the best: "+0.31 s bubble, +0.1 s exposed pipeline
/// parallel".
std::string why_worse(const PointRow& row, const PointRow& best) {
  std::vector<std::pair<double, std::string>> more;
  for (const auto& [name, value] : parts_of(row)) {
    const double difference = value - best.metric(name).value_or(0);
    std::string shown = name.substr(0, name.size() - 2);
    std::replace(shown.begin(), shown.end(), '_', ' ');
    if (difference > 0) more.emplace_back(difference, std::move(shown));
  }
  std::sort(more.rbegin(), more.rend());
  std::string text;
  for (std::size_t i = 0; i < std::min(more.size(), kReasons); ++i) {
    text += (i > 0 ? ", +" : ": +") + to_text(duration_from_seconds(more[i].first)) + " " +
            more[i].second;
  }
  return text;
}

/// A point of the ranking, and how many behind it came out the same in every figure: what they
/// differ in, say an order of placement where nothing is placed, does not matter.
struct Ranked {
  std::size_t point = 0;
  std::size_t alike = 0;
};

std::vector<Ranked> best_of(const SearchResult& result) {
  std::vector<Ranked> best;
  for (const std::size_t point : result.ranking) {
    const auto same = std::find_if(best.begin(), best.end(), [&](const Ranked& before) {
      return result.points[before.point].row.metrics == result.points[point].row.metrics;
    });
    if (same != best.end()) {
      ++same->alike;
    } else if (best.size() == kBest) {
      break;
    } else {
      best.push_back({point, 0});
    }
  }
  return best;
}

std::string ranking_text(const Sweep& sweep, const SearchResult& result,
                         const Objective& objective) {
  const std::vector<std::string> columns = columns_of(sweep.file());
  std::vector<std::vector<std::string>> table = {columns};
  table[0].insert(table[0].begin(), {"", objective.metric});
  table[0].push_back("more alike");
  table[0].push_back("worse than the first by");
  const std::vector<Ranked> shown = best_of(result);
  const PointRow& best = result.points[result.ranking.front()].row;
  const double best_value = *best.metric(objective.metric);
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const PointRow& row = result.points[shown[i].point].row;
    const double value = *row.metric(objective.metric);
    std::vector<std::string> cells = sweep.labels(shown[i].point);
    cells.insert(cells.begin(), {std::to_string(i + 1), readable(value)});
    char percent[40];
    if (best_value == 0) {
      std::snprintf(percent, sizeof percent, "%.4g", std::abs(value));
    } else {
      std::snprintf(percent, sizeof percent, "%.1f %%", 100 * std::abs(value / best_value - 1));
    }
    cells.push_back(shown[i].alike == 0 ? "" : std::to_string(shown[i].alike));
    cells.push_back(i == 0 ? "" : percent + why_worse(row, best));
    table.push_back(std::move(cells));
  }
  std::vector<std::size_t> width(table[0].size(), 0);
  for (const auto& row : table) {
    for (std::size_t c = 0; c < row.size(); ++c) width[c] = std::max(width[c], row[c].size());
  }
  std::string text;
  for (const auto& row : table) {
    std::string line = " ";
    for (std::size_t c = 0; c < row.size(); ++c) {
      line += " " + row[c] + std::string(width[c] - row[c].size() + 1, ' ');
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

}  // namespace

std::string report_of(const Sweep& sweep, const SearchResult& result, const Objective& objective) {
  std::string text = std::to_string(sweep.size()) + " points of " + sweep.file().path + "\n";
  for (const Pruned& pruned : kPruned) {
    if (const std::size_t count = result.count(pruned.state); count > 0) {
      char line[160];
      std::snprintf(line, sizeof line, "  %7zu %s\n", count, pruned.about);
      text += line;
    }
  }
  if (result.there_already > 0) {
    text += "  of the simulated " + std::to_string(result.there_already) +
            " were there from an earlier search\n";
  }
  if (result.failures() > 0) {
    const auto first =
        std::find_if(result.points.begin(), result.points.end(), [](const SearchPoint& point) {
          return point.state == State::simulated && point.row.is_failure();
        });
    text += "  of the simulated " + std::to_string(result.failures()) +
            " failed (again with --retry failed), the first with: " + first->row.error + "\n";
  }
  if (result.ranking.empty()) {
    text += result.complete ? "\nno point runs and fits in memory\n" : "\nno point was found yet\n";
  } else {
    text += "\n" + ranking_text(sweep, result, objective);
  }
  if (result.complete) {
    if (!result.ranking.empty()) {
      text += result.failures() > 0 ? "\nthe first is the optimum of the points that did not fail"
                                    : "\nthe first is the optimum of this space";
      text += "; the others are the best of those that were simulated\n";
    }
    return text;
  }
  text += "\nnot finished; the same command goes on";
  if (result.least_left && std::isfinite(*result.least_left)) {
    text += ". No point that is left is better than " +
            readable(objective.maximise ? -*result.least_left : *result.least_left);
  }
  return text + "\n";
}

JsonValue to_json(const Sweep& sweep, const SearchResult& result, const Objective& objective) {
  JsonValue counts = json_object({});
  for (const Pruned& pruned : kPruned) {
    const auto count = static_cast<std::int64_t>(result.count(pruned.state));
    counts.members.push_back({pruned.name, json_integer(count)});
  }
  const std::vector<std::string> columns = columns_of(sweep.file());
  std::vector<JsonValue> best;
  for (const Ranked& ranked : best_of(result)) {
    const SearchPoint& point = result.points[ranked.point];
    JsonValue axes = json_object({});
    const std::vector<std::string> labels = sweep.labels(ranked.point);
    for (std::size_t c = 0; c < columns.size(); ++c) {
      axes.members.push_back({columns[c], json_string(labels[c])});
    }
    JsonValue metrics = json_object({});
    for (const auto& [name, value] : point.row.metrics) {
      metrics.members.push_back({name, json_real(value)});
    }
    const PointRow& first = result.points[result.ranking.front()].row;
    best.push_back(json_object({{"point", json_integer(static_cast<std::int64_t>(ranked.point))},
                                {"id", json_string(point.id)},
                                {"axes", std::move(axes)},
                                {"metrics", std::move(metrics)},
                                {"alike", json_integer(static_cast<std::int64_t>(ranked.alike))},
                                {"worse_by", json_string(why_worse(point.row, first))}}));
  }
  JsonValue json =
      json_object({{"orrery_search", json_integer(1)},
                   {objective.maximise ? "maximise" : "minimise", json_string(objective.metric)},
                   {"points", json_integer(static_cast<std::int64_t>(sweep.size()))},
                   {"counts", std::move(counts)},
                   {"failed", json_integer(static_cast<std::int64_t>(result.failures()))},
                   {"complete", json_boolean(result.complete)},
                   {"best", json_array(std::move(best))}});
  if (result.least_left && std::isfinite(*result.least_left)) {
    const double left = objective.maximise ? -*result.least_left : *result.least_left;
    json.members.push_back({"none_left_is_better_than", json_real(left)});
  }
  return json;
}

}  // namespace orrery
