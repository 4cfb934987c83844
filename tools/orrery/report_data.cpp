#include "tools/orrery/report_data.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <map>
#include <utility>

#include "sim/base/unit_text.hpp"
#include "sim/graph/analysis.hpp"
#include "tools/orrery/data_folders.hpp"
#include "tools/orrery/fabric_section.hpp"
#include "tools/orrery/json_number.hpp"
#include "tools/orrery/report_spans.hpp"
#include "tools/orrery/result_json.hpp"
#include "tools/orrery/summary.hpp"

namespace orrery {
namespace {

constexpr int kStretches = 300;            // of the heat map and of memory over time
constexpr std::size_t kMaximumRows = 96;   // of the heat map: the most loaded resources
constexpr std::size_t kMaximumRanks = 64;  // of the breakdown by rank

/// A folder's result.json, and the figures in it that say whether it came out again.
struct Recorded {
  JsonValue scenario;
  std::string headline;
  double makespan_s = 0;
  std::string version;
  Rank fullest = 0;
};

Recorded read_result(const std::string& folder) {
  const std::string path = (std::filesystem::path(folder) / "result.json").string();
  JsonValue result = load_json(path, path);
  Diagnostics mistakes;
  JsonCursor cursor(result, mistakes);
  if (!cursor.has("orrery_result")) {
    cursor.expected("a result of `orrery run --out`, with the key \"orrery_result\"");
  }
  Recorded recorded;
  recorded.version = cursor.at("version").as_string();
  cursor.at("scenario");
  mistakes.throw_if_any();
  recorded.scenario = std::move(*result.find("scenario"));
  // The headline is the figure behind "status"; its name is the workload's.
  for (std::size_t member = 0; member + 1 < result.members.size(); ++member) {
    if (result.members[member].key != "status") continue;
    recorded.headline = result.members[member + 1].key;
    recorded.makespan_s = number_of(&result.members[member + 1].value).value_or(0);
  }
  if (const JsonValue* rank = value_at(result, "/memory/0/peak_rank")) {
    recorded.fullest = static_cast<Rank>(rank->integer);
  }
  return recorded;
}

JsonValue count(std::size_t number) {
  return json_integer(static_cast<std::int64_t>(number));
}

JsonValue breakdown_json(const TaskGraph& graph, std::span<const RankBreakdown> ranks,
                         std::span<const RankClass> classes) {
  std::vector<JsonValue> items;
  for (std::size_t rank = 0; rank < std::min(ranks.size(), kMaximumRanks); ++rank) {
    const RankBreakdown& of = ranks[rank];
    std::vector<std::pair<std::string, JsonValue>> parts = {
        {"compute", json_real(to_seconds(of.compute))}};
    for (std::size_t label = 0; label < of.exposed.size(); ++label) {
      if (of.exposed[label] > Duration(0)) {
        parts.emplace_back(graph.text(LabelId(label)), json_real(to_seconds(of.exposed[label])));
      }
    }
    parts.emplace_back("bubble", json_real(to_seconds(of.bubble)));
    parts.emplace_back("idle", json_real(to_seconds(of.idle)));
    items.push_back(json_object({{"rank", json_integer(classes[rank].first)},
                                 {"alike", json_integer(classes[rank].count)},
                                 {"parts_s", json_object(std::move(parts))}}));
  }
  return json_object({{"ranks", json_array(std::move(items))},
                      {"left_out", count(ranks.size() - std::min(ranks.size(), kMaximumRanks))}});
}

JsonValue memory_json(const TaskGraph& graph, MemoryProfile& profile, const RankClass& rank) {
  const std::vector<std::vector<std::int64_t>>& stretches = profile.finish();
  std::vector<JsonValue> categories;
  for (std::size_t label = 0; label < graph.label_count(); ++label) {
    std::vector<double> bytes;
    for (const std::vector<std::int64_t>& held : stretches) {
      bytes.push_back(static_cast<double>(held[label]));
    }
    if (graph.is_on_host(LabelId(label)) ||
        std::all_of(bytes.begin(), bytes.end(), [](double b) { return b <= 0; })) {
      continue;
    }
    categories.push_back(
        json_object({{"name", json_string(graph.text(LabelId(label)))}, {"bytes", packed(bytes)}}));
  }
  return json_object({{"rank", json_integer(rank.first)},
                      {"alike", json_integer(rank.count)},
                      {"categories", json_array(std::move(categories))}});
}

/// A track in equal stretches of a run of this length: the mean of each.
std::vector<float> in_stretches(const UtilisationTrack& track, Duration length) {
  std::vector<double> sums(kStretches);
  const double stretch = length.as_double() / kStretches;
  for (std::size_t i = 0; i + 1 < track.samples.size() && stretch > 0; ++i) {
    double from = track.samples[i].from.since_start().as_double() / stretch;
    const double to =
        std::min<double>(kStretches, track.samples[i + 1].from.since_start().as_double() / stretch);
    while (from < to) {
      const double next = std::min(to, std::floor(from) + 1);
      sums[static_cast<std::size_t>(from)] += (next - from) * track.samples[i].share;
      from = next;
    }
  }
  return {sums.begin(), sums.end()};
}

JsonValue load_json_of(const LoadLog& log, Duration length) {
  struct Row {
    const UtilisationTrack* track;
    std::vector<float> utilisation;
    double sum = 0;
  };
  std::vector<Row> order;
  for (const UtilisationTrack& track : log.tracks()) {
    Row row{.track = &track, .utilisation = in_stretches(track, length)};
    for (const float share : row.utilisation) row.sum += share;
    order.push_back(std::move(row));
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const Row& a, const Row& b) { return a.sum > b.sum; });
  const std::size_t shown = std::min(order.size(), kMaximumRows);
  std::vector<JsonValue> rows;
  for (std::size_t row = 0; row < shown; ++row) {
    const UtilisationTrack& of = *order[row].track;
    rows.push_back(json_object({{"name", json_string(of.name)},
                                {"kind", json_string(of.kind)},
                                {"alike", json_integer(static_cast<std::int64_t>(of.alike))},
                                {"utilisation", packed(order[row].utilisation)}}));
  }
  return json_object({{"rows", json_array(std::move(rows))},
                      {"left_out", count(order.size() - shown)},
                      {"idle", count(log.idle())}});
}

/// The steps of the critical path by what they are, the longest together first.
JsonValue path_json(const TaskGraph& graph, std::span<const CriticalStep> path) {
  struct Sum {
    std::int64_t steps = 0;
    Duration time;
    Duration wait;  // before they began
  };
  std::map<std::string, Sum> sums;
  for (const CriticalStep& step : path) {
    const Op& op = graph.op(step.span.instance.op);
    Sum& sum = sums[op.label.valid() ? graph.text(op.label) : std::string(to_string(op.kind))];
    ++sum.steps;
    sum.time += step.span.end - step.span.start;
    sum.wait += step.wait;
  }
  std::vector<std::pair<std::string, Sum>> order(sums.begin(), sums.end());
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return a.second.time + a.second.wait > b.second.time + b.second.wait;
  });
  std::vector<JsonValue> items;
  for (const auto& [name, sum] : order) {
    items.push_back(json_object({{"name", json_string(name)},
                                 {"steps", json_integer(sum.steps)},
                                 {"time_s", json_real(to_seconds(sum.time))},
                                 {"wait_s", json_real(to_seconds(sum.wait))}}));
  }
  return json_array(std::move(items));
}

void warn_of_difference(const Recorded& recorded, Duration now, JsonValue& result) {
  const double again = to_seconds(now);
  const double off = std::abs(again - recorded.makespan_s);
  if (off <= 1e-12 * std::max(again, 1.0)) return;
  const std::string text = "this page is of a new simulation, which takes " + to_text(now) +
                           " where the result recorded by version " + recorded.version + " took " +
                           to_text(duration_from_seconds(recorded.makespan_s));
  std::cerr << "warning: " << text << std::endl;
  if (JsonValue* warnings = result.find("warnings")) warnings->items.push_back(json_string(text));
}

}  // namespace

MemoryProfile::MemoryProfile(Rank rank, Duration length, std::size_t stretches,
                             std::size_t label_count)
    : rank_(rank),
      length_(length),
      fullest_(stretches, std::vector<std::int64_t>(label_count)),
      totals_(stretches, -1),
      now_(label_count) {}

void MemoryProfile::keep(std::size_t stretch) {
  if (total_ <= totals_[stretch]) return;
  totals_[stretch] = total_;
  fullest_[stretch] = now_;
}

void MemoryProfile::on_memory(Time time, Rank rank, LabelId category, std::int64_t delta) {
  if (rank != rank_) return;
  const double share =
      length_ > Duration(0) ? time.since_start().as_double() / length_.as_double() : 0;
  const auto last = static_cast<double>(fullest_.size() - 1);
  const auto stretch =
      static_cast<std::size_t>(std::min(last, share * static_cast<double>(fullest_.size())));
  for (; stretch_ < stretch; ++stretch_) keep(stretch_ + 1);  // what stayed as it was
  now_[category.index()] += delta;
  total_ += delta;
  keep(stretch);
}

const std::vector<std::vector<std::int64_t>>& MemoryProfile::finish() {
  for (; stretch_ + 1 < fullest_.size(); ++stretch_) keep(stretch_ + 1);
  return fullest_;
}

JsonValue report_data(const std::string& folder, const Builtins& builtins,
                      const ReportOptions& options) {
  Recorded recorded = read_result(folder);
  const Scenario scenario = scenario_from(std::move(recorded.scenario), Diagnostics(), builtins,
                                          open_catalog(find_data_folders()));
  hand_over_to_engine(scenario, builtins, options.words);
  const Job job = build_job(scenario);
  SimulatedJob simulated(scenario, job, builtins, Folding::where_alike);
  const TaskGraph& graph = simulated.graph();
  const std::span<const RankClass> classes = simulated.classes();

  Rank fullest = 0;
  for (Rank rank = 0; rank < graph.world_size(); ++rank) {
    if (classes[static_cast<std::size_t>(rank)].first == recorded.fullest) fullest = rank;
  }
  const Duration length = duration_from_seconds(recorded.makespan_s);
  MemoryProfile memory(fullest, length, kStretches, graph.label_count());
  LoadLog load;
  Observer* const observers[] = {&memory};
  const Run run = run_scenario(scenario, job, simulated, builtins, observers, &load);
  const Result& result = run.result;
  const std::vector<Span>& spans = run.timeline.spans();
  const std::vector<CriticalStep> path = critical_path(graph, spans);
  const std::vector<RankBreakdown> ranks =
      break_down(graph, spans, Time(result.makespan), job.pipelined);

  std::vector<WhatIf> answers;
  if (options.what_if && scenario.flows.engine == FlowChoice().engine) {
    answers = what_if(scenario, result, builtins, Folding::where_alike);
  }
  JsonValue figures = to_json(result, scenario);
  warn_of_difference(recorded, result.makespan, figures);
  return json_object(
      {{"folder", json_string(folder)},
       {"what", json_string(what_runs(scenario))},
       {"name", json_string(scenario.name)},
       {"headline", json_string(result.headline)},
       {"makespan_ps", json_integer(result.makespan.count())},
       {"stretches", json_integer(kStretches)},
       {"result", std::move(figures)},
       {"breakdown", breakdown_json(graph, ranks, classes)},
       {"memory", memory_json(graph, memory, classes[static_cast<std::size_t>(fullest)])},
       {"load", load_json_of(load, result.makespan)},
       {"what_if", to_json(answers)},
       {"path", path_json(graph, path)},
       {"spans", spans_json(graph, spans, path, classes, *scenario.cost,
                            scenario.cluster.node.device, options.maximum_spans)}});
}

}  // namespace orrery
