#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "sim/base/json_value.hpp"

namespace orrery {
namespace {

constexpr std::string_view kAppend = "-";

/// The reference tokens of a pointer, unescaped; nothing when it is malformed (RFC 6901, section
/// 3).
std::optional<std::vector<std::string>> tokens_of(std::string_view pointer) {
  std::vector<std::string> tokens;
  for (std::size_t index = 0; index < pointer.size(); ++index) {
    const char character = pointer[index];
    if (character == '/') {
      tokens.emplace_back();
      continue;
    }
    if (tokens.empty()) {
      return std::nullopt;
    }
    if (character != '~') {
      tokens.back() += character;
      continue;
    }
    ++index;
    if (index == pointer.size() || (pointer[index] != '0' && pointer[index] != '1')) {
      return std::nullopt;
    }
    tokens.back() += pointer[index] == '0' ? '~' : '/';
  }
  return tokens;
}

/// The element that `token` names: digits without leading zeros (RFC 6901, section 4).
std::optional<std::size_t> index_of(std::string_view token, std::size_t size) {
  std::size_t index = 0;
  const char* const last = token.data() + token.size();
  const auto [end, error] = std::from_chars(token.data(), last, index);
  const bool leading_zero = token.size() > 1 && token.front() == '0';
  if (error != std::errc() || end != last || leading_zero || index >= size) {
    return std::nullopt;
  }
  return index;
}

std::size_t depth_of(const JsonValue& value) {
  std::size_t deepest = 0;
  for (const JsonValue& item : value.items) {
    deepest = std::max(deepest, depth_of(item));
  }
  for (const JsonValue::Member& member : value.members) {
    deepest = std::max(deepest, depth_of(member.value));
  }
  const bool nests = value.kind == JsonValue::Kind::array || value.kind == JsonValue::Kind::object;
  return deepest + (nests ? 1 : 0);
}

JsonValue empty_object(Origin origin) {
  JsonValue value;
  value.kind = JsonValue::Kind::object;
  value.origin = std::move(origin);
  return value;
}

JsonValue& add_member(JsonValue& object, const std::string& key, JsonValue value) {
  return object.members.emplace_back(JsonValue::Member{key, std::move(value)}).value;
}

/// One step of set_at: the child that `token` names, made when it can be; nullptr when it cannot.
JsonValue* descend(JsonValue& place, const std::string& token, const Origin& origin) {
  if (place.kind == JsonValue::Kind::object) {
    JsonValue* child = place.find(token);
    return child != nullptr ? child : &add_member(place, token, empty_object(origin));
  }
  if (token == kAppend) {
    place.items.push_back(empty_object(origin));
    return &place.items.back();
  }
  const std::optional<std::size_t> index = index_of(token, place.items.size());
  return index ? &place.items[*index] : nullptr;
}

std::string quoted_pointer(std::string_view pointer) {
  return json_string(std::string(pointer)).describe();
}

}  // namespace

const JsonValue* JsonValue::find(std::string_view key) const {
  if (kind != Kind::object) {
    return nullptr;
  }
  const auto found = std::find_if(members.begin(), members.end(),
                                  [key](const Member& member) { return member.key == key; });
  return found == members.end() ? nullptr : &found->value;
}

JsonValue* JsonValue::find(std::string_view key) {
  return const_cast<JsonValue*>(std::as_const(*this).find(key));
}

void merge_patch(JsonValue& target, const JsonValue& patch) {
  if (patch.kind != JsonValue::Kind::object) {
    target = patch;
    return;
  }
  if (target.kind != JsonValue::Kind::object) {
    target = empty_object(patch.origin);
  }
  for (const JsonValue::Member& member : patch.members) {
    if (member.value.kind == JsonValue::Kind::null) {
      std::erase_if(target.members,
                    [&](const JsonValue::Member& old) { return old.key == member.key; });
      continue;
    }
    JsonValue* place = target.find(member.key);
    merge_patch(place != nullptr ? *place : add_member(target, member.key, JsonValue{}),
                member.value);
  }
}

std::string set_at(JsonValue& root, std::string_view pointer, JsonValue value) {
  const std::optional<std::vector<std::string>> tokens = tokens_of(pointer);
  if (!tokens) {
    return "expected a JSON pointer such as \"/workload/parallel/tensor\", got " +
           quoted_pointer(pointer);
  }
  if (tokens->size() + depth_of(value) > static_cast<std::size_t>(kMaximumJsonDepth)) {
    return quoted_pointer(pointer) + " leads deeper than " + std::to_string(kMaximumJsonDepth) +
           " arrays and objects";
  }
  JsonValue* place = &root;
  std::string walked;
  for (const std::string& token : *tokens) {
    if (place->kind != JsonValue::Kind::object && place->kind != JsonValue::Kind::array) {
      return "expected an object or array at " + quoted_pointer(walked) + ", got " +
             place->describe();
    }
    const std::string parent = walked;
    walked += "/" + pointer_token(token);
    const std::size_t size = place->items.size();
    place = descend(*place, token, {value.origin.file, walked});
    if (place == nullptr) {
      return "expected an index below " + std::to_string(size) + " or \"-\" in the array at " +
             quoted_pointer(parent) + ", got " + quoted_pointer(token);
    }
  }
  *place = std::move(value);
  return "";
}

void set_origin(JsonValue& value, const Origin& origin) {
  value.origin = origin;
  for (std::size_t index = 0; index < value.items.size(); ++index) {
    set_origin(value.items[index], {origin.file, origin.pointer + "/" + std::to_string(index)});
  }
  for (JsonValue::Member& member : value.members) {
    set_origin(member.value, {origin.file, origin.pointer + "/" + pointer_token(member.key)});
  }
}

const JsonValue* value_at(const JsonValue& root, std::string_view pointer) {
  const std::optional<std::vector<std::string>> tokens = tokens_of(pointer);
  if (!tokens) {
    return nullptr;
  }
  const JsonValue* place = &root;
  for (const std::string& token : *tokens) {
    if (place->kind == JsonValue::Kind::array) {
      const std::optional<std::size_t> index = index_of(token, place->items.size());
      place = index ? &place->items[*index] : nullptr;
    } else {
      place = place->find(token);
    }
    if (place == nullptr) {
      return nullptr;
    }
  }
  return place;
}

std::string pointer_token(std::string_view key) {
  std::string result;
  for (const char character : key) {
    if (character == '~') {
      result += "~0";
    } else if (character == '/') {
      result += "~1";
    } else {
      result += character;
    }
  }
  return result;
}

}  // namespace orrery
