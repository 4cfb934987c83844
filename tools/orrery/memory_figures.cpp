#include "tools/orrery/memory_figures.hpp"

#include <utility>
#include <vector>

#include "sim/base/unit_text.hpp"

namespace orrery {
namespace {

JsonValue amounts(double read, double written) {
  return json_object({{"read", json_real(read)}, {"written", json_real(written)}});
}

JsonValue seconds(Duration duration) {
  return json_real(to_seconds(duration));
}

JsonValue bytes(Bytes amount) {
  return json_integer(amount.count());
}

JsonValue holds(const MemoryUse& use) {
  std::vector<std::pair<std::string, JsonValue>> members;
  for (const auto& [category, amount] : use.holds) members.emplace_back(category, bytes(amount));
  return json_object(std::move(members));
}

}  // namespace

JsonValue memory_peaks(const std::vector<MemoryUse>& memory) {
  std::vector<std::pair<std::string, JsonValue>> members;
  for (const MemoryUse& use : memory) {
    members.emplace_back(use.device, bytes(use.peak));
  }
  return json_object(std::move(members));
}

JsonValue to_json(const std::vector<MemoryUse>& memory) {
  std::vector<JsonValue> items;
  for (const MemoryUse& use : memory) {
    items.push_back(json_object({{"device", json_string(use.device)},
                                 {"capacity_bytes", bytes(use.capacity)},
                                 {"peak_bytes", bytes(use.peak)},
                                 {"peak_rank", json_integer(use.rank)},
                                 {"peak_at_s", seconds(use.when.since_start())},
                                 {"fits", json_boolean(use.fits())},
                                 {"holds_bytes", holds(use)}}));
  }
  return json_array(std::move(items));
}

JsonValue host_memory_json(const MemoryUse& use) {
  return json_object({{"node", json_string(use.device)},
                      {"capacity_bytes", bytes(use.capacity)},
                      {"peak_bytes", bytes(use.peak)},
                      {"peak_node", json_integer(use.rank)},
                      {"peak_at_s", seconds(use.when.since_start())},
                      {"fits", json_boolean(use.fits())},
                      {"holds_bytes", holds(use)}});
}

JsonValue to_json(const KvCacheRoom& room) {
  return json_object({{"bytes_per_token_on_rank", bytes(room.per_token_on_rank)},
                      {"bytes_per_token", bytes(room.per_token)},
                      {"capacity_tokens", json_integer(room.capacity_tokens)},
                      {"largest_batch", json_integer(room.largest_batch)}});
}

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
