#include "tools/orrery/fault_figures.hpp"

#include <algorithm>
#include <sstream>
#include <utility>

#include "sim/base/unit_text.hpp"

namespace orrery {

JsonValue to_json(const std::vector<FaultRecord>& faults) {
  std::vector<JsonValue> items;
  for (const FaultRecord& record : faults) {
    const Fault& fault = *record.fault;
    std::vector<std::pair<std::string, JsonValue>> members = {
        {"at_s", json_real(to_seconds(fault.at.since_start()))},
        {"what", json_string(fault.what)},
        {"kind", json_string(to_string(fault.kind))}};
    if (fault.kind == Fault::Kind::capacity) {
      members.emplace_back("capacity", json_real(fault.capacity));
    }
    members.emplace_back("links", json_integer(static_cast<std::int64_t>(fault.links.size())));
    members.emplace_back("happened", json_boolean(record.happened));
    members.emplace_back("messages_rerouted",
                         json_integer(static_cast<std::int64_t>(record.rerouted)));
    items.push_back(json_object(std::move(members)));
  }
  return json_array(std::move(items));
}

std::string fault_text(const Fault& fault) {
  std::ostringstream text;
  text << fault.what << " " << to_string(fault.kind);
  if (fault.kind == Fault::Kind::capacity) text << " " << fault.capacity;
  return text.str();
}

std::string fault_lines(const std::vector<FaultRecord>& faults) {
  constexpr std::size_t kColumn = 13;
  constexpr std::size_t kMostShown = 12;
  if (faults.empty()) return "";
  std::string text = "\n  faults\n";
  for (std::size_t i = 0; i < faults.size(); ++i) {
    if (i == kMostShown) return text + "    and " + std::to_string(faults.size() - i) + " more\n";
    const FaultRecord& record = faults[i];
    std::string at = to_text(record.fault->at.since_start());
    at.resize(std::max(kColumn, at.size() + 1), ' ');
    text += "    " + at + fault_text(*record.fault);
    if (!record.happened) text += ", after the end";
    if (record.rerouted > 0) text += ", " + std::to_string(record.rerouted) + " messages rerouted";
    text += "\n";
  }
  return text;
}

}  // namespace orrery
