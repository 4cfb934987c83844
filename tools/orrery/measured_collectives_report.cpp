#include <array>
#include <cstdio>
#include <utility>

#include "tools/orrery/measured_collectives.hpp"

namespace orrery {
namespace {

constexpr std::array kAllKinds = {CollectiveKind::all_reduce,     CollectiveKind::all_gather,
                                  CollectiveKind::reduce_scatter, CollectiveKind::all_to_all,
                                  CollectiveKind::broadcast,      CollectiveKind::gather};

template <class... Values>
std::string format(const char* pattern, Values... values) {
  std::array<char, 200> text{};
  std::snprintf(text.data(), text.size(), pattern, values...);
  return text.data();
}

std::string row_text(const std::string& name, const ErrorSpread& over) {
  return format("    %-24s %6d  %8.1f %%  %8.1f %%  %8.1f %%\n", name.c_str(),
                static_cast<int>(over.rows), 100 * over.median, 100 * over.ninth_decile,
                100 * over.maximum);
}

JsonValue to_json(const ErrorSpread& over) {
  return json_object({{"rows", json_integer(static_cast<std::int64_t>(over.rows))},
                      {"median", json_real(over.median)},
                      {"ninth_decile", json_real(over.ninth_decile)},
                      {"maximum", json_real(over.maximum)}});
}

JsonValue to_json(const MeasuredCollective& row) {
  return json_object({{"collective", json_string(std::string(to_string(row.kind)))},
                      {"datatype", json_string(row.datatype)},
                      {"ranks", json_integer(row.ranks)},
                      {"bytes", json_integer(row.size.count())},
                      {"fitted", json_boolean(row.fitted)},
                      {"apart", json_boolean(row.apart)},
                      {"measured_s", json_real(row.measured_s)},
                      {"simulated_s", json_real(row.simulated_s)},
                      {"algorithm", json_string(row.algorithm)},
                      {"protocol", json_string(row.protocol)}});
}

JsonValue pair_of(double median, double ninth_decile) {
  return json_object({{"median", json_real(median)}, {"ninth_decile", json_real(ninth_decile)}});
}

JsonValue to_json(const MeasuredSystem& system, const MeasuredCollectives& measured) {
  std::vector<std::pair<std::string, JsonValue>> by_kind;
  for (const CollectiveKind kind : kAllKinds) {
    const ErrorSpread over = system.spread(false, kind);
    if (over.rows > 0) by_kind.emplace_back(std::string(to_string(kind)), to_json(over));
  }
  std::vector<JsonValue> rows;
  if (system.together.empty()) {
    for (const MeasuredCollective& row : system.rows) rows.push_back(to_json(row));
  }
  std::vector<std::pair<std::string, JsonValue>> members = {
      {"label", json_string(system.label)},
      {"cluster", json_string(system.cluster.name)},
      {"constants", json_string(system.constants)},
      {"held_out", to_json(system.spread(false))},
      {"fitted", to_json(system.spread(true))},
      {"by_collective", json_object(std::move(by_kind))}};
  if (!system.apart_reason.empty()) {
    members.emplace_back("apart", to_json(system.spread_apart()));
    members.emplace_back("apart_reason", json_string(system.apart_reason));
  }
  if (system.median_limit && system.ninth_limit) {
    members.emplace_back("limits", json_object({{"median", json_real(*system.median_limit)},
                                                {"ninth_decile", json_real(*system.ninth_limit)},
                                                {"reason", json_string(system.reason)}}));
    members.emplace_back("holds", json_boolean(system.holds()));
  }
  if (measured.median_goal && measured.ninth_goal) {
    members.emplace_back("goal", pair_of(*measured.median_goal, *measured.ninth_goal));
    members.emplace_back("reaches_goal", json_boolean(measured.reaches_goal(system)));
  }
  members.emplace_back("rows", json_array(std::move(rows)));
  return json_object(std::move(members));
}

}  // namespace

std::string to_text(const MeasuredCollectives& measured) {
  std::string text = measured.name + ": " + measured.description + "\n  " + measured.source + "\n";
  for (const MeasuredSystem& system : measured.systems) {
    text += "\n  " + system.label + ": " + system.cluster.name + ", constants of " +
            system.constants + "\n";
    text += format("    %-24s %6s  %10s  %10s  %10s\n", "rows that were not fitted", "", "median",
                   "9 of 10", "all");
    for (const CollectiveKind kind : kAllKinds) {
      const ErrorSpread over = system.spread(false, kind);
      if (over.rows > 0) text += row_text(std::string(to_string(kind)), over);
    }
    text += row_text("together", system.spread(false));
    if (const ErrorSpread fitted = system.spread(true); fitted.rows > 0) {
      text += row_text("fitted, for no limit", fitted);
    }
    if (!system.apart_reason.empty()) {
      text += row_text("apart, for no limit", system.spread_apart());
      text += "    apart: " + system.apart_reason + "\n";
    }
    if (system.median_limit && system.ninth_limit) {
      text += format("    limits %.1f %% and %.1f %%: %s\n", 100 * *system.median_limit,
                     100 * *system.ninth_limit, system.holds() ? "hold" : "MISSED");
    } else if (measured.median_goal && measured.ninth_goal) {
      text +=
          format("    goal %.0f %% and %.0f %%: %s\n", 100 * *measured.median_goal,
                 100 * *measured.ninth_goal, measured.reaches_goal(system) ? "reached" : "missed");
    }
  }
  return text + "\n";
}

JsonValue to_json(const MeasuredCollectives& measured) {
  std::vector<JsonValue> systems;
  for (const MeasuredSystem& system : measured.systems)
    systems.push_back(to_json(system, measured));
  return json_object({{"orrery_reproduce", json_integer(1)},
                      {"name", json_string(measured.name)},
                      {"description", json_string(measured.description)},
                      {"source", json_string(measured.source)},
                      {"holds", json_boolean(measured.holds())},
                      {"systems", json_array(std::move(systems))}});
}

}  // namespace orrery
