#include "models/link_names.hpp"

#include <set>
#include <string>

namespace orrery {
namespace {

// So many names are compared when one is unknown; each takes about a microsecond.
constexpr std::size_t kMaximumCandidates = 100'000;

void report_unknown(JsonCursor& name, const std::string& what, const std::string& text,
                    const std::vector<std::string>& candidates) {
  const std::string nearest = nearest_name(text, candidates);
  std::string message = "no " + what + " of this cluster is named \"" + text + "\"";
  if (!nearest.empty()) {
    message += "; did you mean \"" + nearest + "\"?";
  } else if (!candidates.empty()) {
    message += "; the first is \"" + candidates.front() + "\"";
  }
  name.error(message);
}

/// False when a mistake was reported already.
bool is_text(const JsonCursor& name, const std::string& text) {
  return !text.empty() || (name.present() && name.value().kind == JsonValue::Kind::string);
}

}  // namespace

LinkNames::LinkNames(const Fabric& fabric) : fabric_(&fabric) {
  for (std::size_t link = 0; link < fabric.links().size(); ++link) {
    const Fabric::Link& named = fabric.links()[link];
    if (!named.is_part) by_name_[named.name].push_back(static_cast<int>(link));
  }
}

std::vector<int> LinkNames::find(JsonCursor name) const {
  const std::string text = name.as_string();
  const auto found = by_name_.find(text);
  if (found != by_name_.end()) return found->second;
  if (!is_text(name, text)) return {};
  std::vector<std::string> candidates;
  for (const Fabric::Link& link : fabric_->links()) {
    if (candidates.size() == kMaximumCandidates) break;
    if (!link.is_part) candidates.push_back(link.name);
  }
  report_unknown(name, "link", text, candidates);
  return {};
}

std::vector<int> LinkNames::find_vertex(JsonCursor name) const {
  const std::string text = name.as_string();
  std::vector<int> links = fabric_->links_at(text);
  if (!links.empty() || !is_text(name, text)) return links;
  std::vector<std::string> candidates;
  std::set<std::string> known;
  for (const Fabric::Link& link : fabric_->links()) {
    if (candidates.size() == kMaximumCandidates) break;
    if (link.is_part) continue;
    const std::size_t arrow = link.name.find(" -> ");
    if (arrow == std::string::npos) continue;  // the memory of a host
    std::string vertex = link.name.substr(0, arrow);
    if (known.insert(vertex).second) candidates.push_back(std::move(vertex));
  }
  report_unknown(name, "switch, adapter or device", text, candidates);
  return {};
}

}  // namespace orrery
