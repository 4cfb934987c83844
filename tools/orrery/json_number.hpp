#pragma once

#include <optional>

#include "sim/base/json_value.hpp"

namespace orrery {

/// Of an integer or a real; nothing when it is something else, or not there.
inline std::optional<double> number_of(const JsonValue* value) {
  if (value == nullptr) return std::nullopt;
  if (value->kind == JsonValue::Kind::integer) return static_cast<double>(value->integer);
  return value->kind == JsonValue::Kind::real ? std::optional(value->real) : std::nullopt;
}

}  // namespace orrery
