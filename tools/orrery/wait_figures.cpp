#include "tools/orrery/wait_figures.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "sim/base/unit_text.hpp"
#include "tools/orrery/result_json.hpp"

namespace orrery {
namespace {

constexpr std::size_t kShownRanks = 3;
constexpr double kTellingCause = 0.5;  // of all waiting, in a cluster without variability
constexpr double kTellingWait = 0.01;  // of the ranks' time

std::string percent(double share) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f %%", 100 * share);
  return text.data();
}

}  // namespace

WaitFigures wait_figures(const TaskGraph& graph, const Waits& waits,
                         std::span<const RankClass> classes) {
  const auto class_of = [classes](Rank rank) { return classes[static_cast<std::size_t>(rank)]; };
  WaitFigures figures;
  figures.total_s = waits.total_s;
  figures.pair_count = waits.pairs.size();
  for (std::size_t rank = 0; rank < waits.ranks.size(); ++rank) {
    const Waits::OfRank& of = waits.ranks[rank];
    figures.ranks.push_back({classes[rank].first, of.waited, of.caused_s, classes[rank].count});
  }
  std::stable_sort(figures.ranks.begin(), figures.ranks.end(),
                   [](const auto& a, const auto& b) { return a.caused_s > b.caused_s; });
  const std::size_t kept = std::min(waits.pairs.size(), kMaximumListedWaits);
  for (std::size_t index = 0; index < kept; ++index) {
    Waits::Pair pair = waits.pairs[index];
    const Rank alike = class_of(pair.waiting).count;
    pair.waiting = class_of(pair.waiting).first;
    pair.waited_for = class_of(pair.waited_for).first;
    figures.pairs.push_back(
        {pair, pair.category.valid() ? graph.text(pair.category) : "other", alike});
  }
  return figures;
}

JsonValue to_json(const WaitFigures& waits) {
  std::vector<JsonValue> ranks;
  for (const WaitFigures::OfRank& of : waits.ranks) {
    if (ranks.size() == kMaximumListedResources) {
      break;
    }
    ranks.push_back(json_object({{"rank", json_integer(of.rank)},
                                 {"waited_s", json_real(to_seconds(of.waited))},
                                 {"caused_s", json_real(of.caused_s)},
                                 {"alike", json_integer(of.alike)}}));
  }
  std::vector<JsonValue> pairs;
  for (const WaitFigures::Pair& pair : waits.pairs) {
    pairs.push_back(json_object({{"rank", json_integer(pair.sum.waiting)},
                                 {"waited_for", json_integer(pair.sum.waited_for)},
                                 {"category", json_string(pair.category)},
                                 {"time_s", json_real(to_seconds(pair.sum.time))},
                                 {"times", json_integer(static_cast<std::int64_t>(pair.sum.times))},
                                 {"alike", json_integer(pair.alike)}}));
  }
  const auto not_listed = [](std::size_t all, std::size_t listed) {
    return json_integer(static_cast<std::int64_t>(all - listed));
  };
  JsonValue ranks_left = not_listed(waits.ranks.size(), ranks.size());
  JsonValue pairs_left = not_listed(waits.pair_count, pairs.size());
  return json_object({{"total_s", json_real(waits.total_s)},
                      {"by_rank", json_array(std::move(ranks))},
                      {"ranks_not_listed", std::move(ranks_left)},
                      {"pairs", json_array(std::move(pairs))},
                      {"pairs_not_listed", std::move(pairs_left)}});
}

std::string wait_lines(const Result& result, const Variability& variability) {
  const WaitFigures& waits = result.waits;
  const double whole_s = to_seconds(result.makespan) * result.ranks;
  if (waits.ranks.empty() || waits.total_s < kTellingWait * whole_s || whole_s <= 0) {
    return "";
  }
  if (variability.none() && waits.ranks.front().caused_s <= kTellingCause * waits.total_s) {
    return "";
  }
  std::string text =
      "\n  waiting for partners, " + to_text(duration_from_seconds(waits.total_s / result.ranks)) +
      " a rank on average (" + percent(waits.total_s / whole_s) + " of the whole run)\n";
  for (std::size_t index = 0; index < std::min(kShownRanks, waits.ranks.size()); ++index) {
    const WaitFigures::OfRank& of = waits.ranks[index];
    if (of.caused_s <= 0) {
      break;
    }
    text += "    " + percent(of.caused_s / waits.total_s) + " for rank " + std::to_string(of.rank) +
            (of.alike > 1
                 ? " and " + std::to_string(of.alike - 1) + " like it, which themselves waited "
                 : ", which itself waited ") +
            to_text(of.waited) + "\n";
  }
  return text;
}

}  // namespace orrery
