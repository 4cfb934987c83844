#include "tools/orrery/memory_figures.hpp"

#include <utility>
#include <vector>

#include "sim/base/unit_text.hpp"

namespace orrery {
namespace {

JsonValue amounts(double read, double written) {
  return json_object({{"read", json_real(read)}, {"written", json_real(written)}});
}

}  // namespace

JsonValue memory_traffic_json(const Result& result) {
  const auto ranks = static_cast<double>(result.ranks);
  double total = 0;
  std::vector<std::pair<std::string, JsonValue>> categories;
  for (const MemoryTraffic::Part& part : result.memory_traffic) {
    total += (part.read + part.written) / ranks;
    categories.emplace_back(part.category, amounts(part.read / ranks, part.written / ranks));
  }
  return json_object(
      {{"total", json_real(total)}, {"by_category", json_object(std::move(categories))}});
}

JsonValue to_json(const TriggerFigures& figures) {
  return json_object({{"tracked", json_integer(static_cast<std::int64_t>(figures.tracked))},
                      {"triggered", json_integer(static_cast<std::int64_t>(figures.triggered))},
                      {"peak_entries", json_integer(figures.peak_entries)},
                      {"stalls", json_integer(static_cast<std::int64_t>(figures.stalls))},
                      {"stalled_s", json_real(to_seconds(figures.stalled))}});
}

std::string trigger_lines(const Result& result) {
  if (!result.trigger) return "";
  const TriggerFigures& figures = *result.trigger;
  std::string text = "\n  tracker: " + std::to_string(figures.triggered) + " regions triggered, " +
                     std::to_string(figures.peak_entries) + " entries in use at most";
  if (figures.stalls > 0) {
    text += ", " + std::to_string(figures.stalls) + " stalls of the producers, " +
            to_text(figures.stalled) + " in all";
  }
  return text + "\n";
}

Check check_triggers(const TriggerFigures& figures) {
  const bool holds = figures.tracked == figures.triggered;
  return {"triggers", holds,
          std::to_string(figures.triggered) + " of " + std::to_string(figures.tracked) +
              " tracked regions of memory were triggered" + (holds ? ", each once" : "")};
}

}  // namespace orrery
