#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sim/base/json_cursor.hpp"

namespace orrery {

/// One thing that a sweep varies: a place in the scenario and what stands there.
struct SweepAxis {
  using Value = std::shared_ptr<const JsonValue>;

  /// A range without steps, from which samples are drawn.
  struct Range {
    double from = 0;
    double to = 0;
    bool logarithmic = false;  // as many samples in each factor, not in each difference
    bool whole = false;        // integers
    std::string unit{};        // "" for a bare number
  };

  std::string pointer;
  std::string name;  // its column: the last part of the pointer, or all of them where two are alike
  std::vector<Value> values;  // none: drawn from the range
  std::shared_ptr<Range> range{};
  std::shared_ptr<const JsonValue> place{};  // where it is written

  bool is_drawn() const { return range != nullptr; }
  /// What lies at `share` of the axis, in [0, 1).
  Value at(double share) const;
};

/// Reads an axis, with its mistakes, from
///
///   [1, 2, 4]                            these values, any JSON
///   {"from": 1, "to": 8, "times": 2}     1, 2, 4, 8
///   {"from": 0, "to": 1, "step": 0.25}   0, 0.25, …, 1
///   {"from": 1, "to": 9}                 drawn by "sample"; "scale": "log" or "linear" (default)
///
/// From and to may be quantities of one unit, "1 MiB" and "64 MiB".
SweepAxis read_axis(const std::string& pointer, JsonCursor axis);

/// How people and expressions see a value: texts as they are, {"kind": "full"} as full, other
/// objects and arrays as compact JSON.
std::string label_of(const JsonValue& value);

}  // namespace orrery
