#include "hw/catalog_reference.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace orrery {
namespace {

using Kind = JsonValue::Kind;

}  // namespace

std::string_view kind_of_key(std::string_view key) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kKinds = {
      {{"device", "devices"},
       {"link", "links"},
       {"nic_link", "links"},
       {"host_link", "links"},
       {"uplink", "links"},
       {"global_link", "links"},
       {"processor_link", "links"},
       {"node", "nodes"},
       {"cluster", "clusters"},
       {"network", "networks"}}};
  for (const auto& [known, kind] : kKinds) {
    if (known == key) {
      return kind;
    }
  }
  return "";
}

bool is_reference(const JsonValue& value) {
  return value.kind == Kind::string || value.find("use") != nullptr;
}

JsonValue empty_object(const Origin& origin) {
  JsonValue object = json_object({});
  object.origin = origin;
  return object;
}

JsonValue spelled_out(JsonValue name) {
  JsonValue object = empty_object(name.origin);
  object.members.push_back({"use", std::move(name)});
  return object;
}

void erase(JsonValue& object, std::string_view key) {
  std::erase_if(object.members, [key](const auto& member) { return member.key == key; });
}

bool is_of_another_kind(const JsonValue& old, const JsonValue& patch) {
  const JsonValue* was = old.find("kind");
  const JsonValue* is = patch.find("kind");
  return was != nullptr && is != nullptr && was->kind == Kind::string && is->kind == Kind::string &&
         was->string != is->string;
}

void merge_override(JsonValue& target, const JsonValue& patch, bool pending) {
  pending = pending || target.find("use") != nullptr;
  for (const auto& [key, value] : patch.members) {
    JsonValue* const here = target.find(key);
    // What is wrong with the whole, or missing from it, may be so by this.
    if (value.kind != Kind::null || pending || here != nullptr) target.origin = patch.origin;
    if (value.kind == Kind::null && !pending) {
      erase(target, key);
      continue;
    }
    const bool may_refer = !kind_of_key(key).empty();
    JsonValue merged = empty_object(value.origin);
    if (here != nullptr && here->kind == Kind::object) {
      merged = *here;
    } else if (here != nullptr && may_refer && here->kind == Kind::string) {
      merged = spelled_out(*here);
    }
    if (value.kind != Kind::object || (may_refer && is_reference(value))) {
      merged = value;
    } else {
      const bool starts_anew =
          (key == "fabric" || kind_of_key(key) == "links") && is_of_another_kind(merged, value);
      if (starts_anew || value.find("value") != nullptr) {
        merged = empty_object(value.origin);
      }
      merge_override(merged, value, pending);
    }
    if (here != nullptr) {
      *here = std::move(merged);
    } else {
      target.members.push_back({key, std::move(merged)});
    }
  }
}

void set_name(JsonValue& value, JsonValue name, bool replace) {
  if (JsonValue* const here = value.find("name"); here != nullptr && !replace) {
    name = std::move(*here);
  }
  erase(value, "name");
  value.members.insert(value.members.begin(), {"name", std::move(name)});
}

}  // namespace orrery
