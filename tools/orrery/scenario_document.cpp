#include "tools/orrery/scenario_document.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <string_view>
#include <utility>

#include "tools/orrery/fabric_section.hpp"
#include "tools/orrery/scenario.hpp"

namespace orrery {
namespace {

/// Keys whose values may be references (Catalog says which).
constexpr std::array<std::string_view, 10> kReferenceKeys = {
    "device",      "link",           "nic_link", "host_link", "uplink",
    "global_link", "processor_link", "node",     "cluster",   "network"};

JsonValue json_or_string(const std::string& text) {
  try {
    return parse_json(text, std::string(kOverrideOrigin));
  } catch (const ScenarioError&) {
    return json_string(text);
  }
}

void add_default(JsonValue& object, const std::string& pointer, const std::string& key,
                 JsonValue value) {
  if (object.kind != JsonValue::Kind::object || object.find(key) != nullptr) {
    return;
  }
  set_origin(value, {std::make_shared<const std::string>(kDefaultOrigin), pointer + "/" + key});
  object.members.push_back({key, std::move(value)});
}

void add_defaults(JsonValue& object, const std::string& pointer, const JsonValue& defaults) {
  for (const auto& [key, value] : defaults.members) {
    if (JsonValue* const written = object.find(key)) {
      std::string below = pointer;
      below.append("/").append(key);
      add_defaults(*written, below, value);
    } else {
      add_default(object, pointer, key, value);
    }
  }
}

void anchor_below(JsonValue& value) {
  for (JsonValue& item : value.items) anchor_below(item);
  for (JsonValue::Member& member : value.members) {
    JsonValue& named = member.value;
    const bool is_file = (member.key == "file" || member.key == "files") &&
                         named.kind == JsonValue::Kind::string && !named.string.empty();
    if (is_file) {
      const std::filesystem::path folder =
          std::filesystem::path(named.origin.file ? *named.origin.file : "").parent_path();
      named.string = std::filesystem::absolute(folder / named.string).lexically_normal().string();
    } else {
      anchor_below(named);
    }
  }
}

}  // namespace

void apply_overrides(JsonValue& document, std::span<const std::string> overrides,
                     Diagnostics& diagnostics) {
  const auto file = std::make_shared<const std::string>(kOverrideOrigin);
  for (const std::string& text : overrides) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      diagnostics.add({*file, "",
                       "expected POINTER=VALUE such as /workload/parallel/tensor=4, got " +
                           json_string(text).describe()});
      continue;
    }
    const std::string pointer = text.substr(0, equals);
    JsonValue value = json_or_string(text.substr(equals + 1));
    set_origin(value, {file, pointer});
    const std::string mistake = set_at(document, pointer, std::move(value));
    if (!mistake.empty()) {
      diagnostics.add({*file, pointer, mistake});
    }
  }
}

void write_defaults(JsonValue& document) {
  add_default(document, "", "seed", json_integer(0));
  add_default(document, "", "collectives", json_object({}));
  add_default(document, "", "cost", json_object({{"kind", json_string("roofline")}}));
  add_default(document, "", "fabric", json_object({}));
  if (JsonValue* const fabric = document.find("fabric")) {
    add_defaults(*fabric, "/fabric", fabric_defaults(*fabric));
  }
  JsonValue* collectives = document.find("collectives");
  if (collectives == nullptr) {
    return;
  }
  for (const CollectiveKind kind : kCollectiveKinds) {
    add_default(*collectives, "/collectives", std::string(to_string(kind)), json_string("auto"));
  }
  add_default(*collectives, "/collectives", "library", json_string("auto"));
  add_default(*collectives, "/collectives", "protocol", json_string("auto"));
  add_default(*collectives, "/collectives", "chunk",
              json_string(std::string(kDefaultCollectiveChunk)));
}

void write_workload_defaults(JsonValue& document, const JsonValue& parameters) {
  JsonValue* const workload = document.find("workload");
  ORRERY_CHECK(workload != nullptr, "a workload that was read stands in the document");
  add_defaults(*workload, "/workload", parameters);
}

void anchor_files(JsonValue& document) {
  if (JsonValue* const workload = document.find("workload")) anchor_below(*workload);
}

bool is_default(const JsonValue& value) {
  return value.origin.file && *value.origin.file == kDefaultOrigin;
}

void UnresolvedPlaces::collect(const JsonValue& value) {
  for (const JsonValue& item : value.items) {
    collect(item);
  }
  for (const JsonValue::Member& member : value.members) {
    if (member.key == "faults") continue;  // names parts of the cluster
    const bool may_refer =
        std::find(kReferenceKeys.begin(), kReferenceKeys.end(), member.key) != kReferenceKeys.end();
    const bool refers = may_refer && (member.value.kind == JsonValue::Kind::string ||
                                      member.value.find("use") != nullptr);
    if (refers) {
      places_.push_back(member.value.origin);
    } else {
      collect(member.value);
    }
  }
}

bool UnresolvedPlaces::cover(const Diagnostic& diagnostic) const {
  return std::any_of(places_.begin(), places_.end(), [&](const Origin& place) {
    const std::string_view pointer = diagnostic.pointer;
    const std::string file = place.file ? *place.file : "";
    return diagnostic.file == file && pointer.starts_with(place.pointer) &&
           (pointer.size() == place.pointer.size() || pointer[place.pointer.size()] == '/');
  });
}

void UnresolvedPlaces::report(Diagnostics& diagnostics) const {
  for (const Origin& place : places_) {
    diagnostics.add({place.file ? *place.file : "", place.pointer,
                     "the catalogue could not resolve this reference"});
  }
}

}  // namespace orrery
