#include "tools/orrery/sweep/names.hpp"

#include "hw/spec.hpp"
#include "sim/base/json_cursor.hpp"

namespace orrery {
namespace {

ExpressionValue plain(const JsonValue& value) {
  switch (value.kind) {
    case JsonValue::Kind::integer:
      return static_cast<double>(value.integer);
    case JsonValue::Kind::real:
      return value.real;
    case JsonValue::Kind::boolean:
      return value.boolean;
    default:
      return label_of(value);
  }
}

/// All values whose pointer ends in `name`, whose parts have dots between them.
void find_named(const JsonValue& value, const std::string& path, const std::string& name,
                std::vector<std::pair<std::string, const JsonValue*>>& found) {
  for (const JsonValue::Member& member : value.members) {
    const std::string below = path + "." + member.key;
    if (below.ends_with("." + name)) found.emplace_back(below.substr(1), &member.value);
    find_named(member.value, below, name, found);
  }
}

}  // namespace

ExpressionValue PointNames::value(const std::string& name, const SweepPoint& point) {
  std::vector<std::string> known = {"devices"};
  for (std::size_t axis = 0; axis < file_->axes.size(); ++axis) {
    if (file_->axes[axis].name == name) return plain(*point.values[axis]);
    known.push_back(file_->axes[axis].name);
  }
  const JsonValue document = document_of(*file_, point);
  if (name == "devices") return devices(document);
  std::vector<std::pair<std::string, const JsonValue*>> found;
  find_named(document, "", name, found);
  if (found.size() == 1) return plain(*found.front().second);
  if (found.empty()) {
    const std::string nearest = nearest_name(name, known);
    throw ExpressionError{"no axis and no value of the scenario is called \"" + name + "\"" +
                          (nearest.empty() ? "" : "; did you mean \"" + nearest + "\"?")};
  }
  throw ExpressionError{"\"" + name + "\" may be " + found[0].first + " or " + found[1].first +
                        "; write more of it"};
}

ExpressionValue PointNames::devices(const JsonValue& document) {
  const JsonValue* cluster = document.find("cluster");
  if (cluster == nullptr) throw ExpressionError{"the scenario has no cluster to count devices of"};
  const std::string text = to_text(*cluster, false);
  const auto known = devices_.find(text);
  if (known != devices_.end()) return known->second;
  JsonValue resolved = json_object({{"cluster", *cluster}});
  Diagnostics mistakes;
  catalog_->resolve(resolved, mistakes);
  if (mistakes.empty()) {
    const ClusterSpec spec = read_cluster(JsonCursor(*resolved.find("cluster"), mistakes));
    if (mistakes.empty()) {
      return devices_[text] = static_cast<double>(spec.device_count());
    }
  }
  throw ExpressionError{"the devices of the cluster cannot be counted: " +
                        mistakes.items().front().text()};
}

}  // namespace orrery
