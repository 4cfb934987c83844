#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/errors.hpp"
#include "sim/base/json_value.hpp"
#include "sim/base/precision.hpp"
#include "sim/base/units.hpp"

namespace orrery {

/// Inclusive range of a count or ratio.
struct CountRange {
  std::int64_t minimum = 0;
  std::int64_t maximum = 1'000'000'000;
};
struct RatioRange {
  double minimum = 0;
  double maximum = 1;
};

/// A place in a JSON document that is read strictly: wrong types, wrong units, missing and unknown
/// keys are reported to the Diagnostics with file and pointer, and reading goes on with a harmless
/// value (zero, false, "") so that all mistakes are found at once. A leaf may be wrapped as
/// {"value": …, "source": "…"}; the wrapper is looked through.
class JsonCursor {
 public:
  /// Borrows both; they outlive the cursor.
  JsonCursor(const JsonValue& value, Diagnostics& diagnostics);
  JsonCursor(JsonValue&& value, Diagnostics& diagnostics) = delete;

  /// True when the place exists; a cursor for a missing key is absent, reports nothing more and
  /// reads as zero, false or "".
  bool present() const { return value_ != nullptr; }
  /// Requires present().
  const JsonValue& value() const;
  Diagnostics& diagnostics() const { return *diagnostics_; }

  // Objects. A key asked for by any of these is known to reject_unknown_keys.
  bool has(std::string_view key);
  /// Missing: reported, absent cursor.
  JsonCursor at(std::string_view key);
  /// Missing: absent cursor, not reported.
  JsonCursor find(std::string_view key);
  /// Reports every key that was never asked for, with the nearest known name.
  void reject_unknown_keys();
  std::vector<std::string> keys() const;

  /// Elements of an array.
  std::vector<JsonCursor> items();

  // Leaves.
  bool as_boolean();
  std::int64_t as_count(CountRange range = {});
  double as_ratio(RatioRange range = {});
  std::string as_string();
  /// One of `choices`, else an error with the nearest of them.
  std::string as_choice(std::span<const std::string> choices);
  std::string as_choice(std::initializer_list<std::string_view> choices);
  Precision as_precision();
  Duration as_duration();    // >= 0
  Bytes as_bytes();          // >= 0
  Bandwidth as_bandwidth();  // > 0
  FlopRate as_flop_rate();   // > 0
  Frequency as_frequency();  // > 0
  Power as_power();          // > 0
  /// The "source" beside a wrapped value; "" when there is none.
  std::string source() const;

  /// "expected <what>, got <this value>", at this place.
  void expected(const std::string& what);
  /// A free message at this place.
  void error(const std::string& message);

 private:
  JsonCursor(const JsonValue* value, Diagnostics* diagnostics);
  /// The value inside the wrapper, whose mistakes are reported; nullptr when absent.
  const JsonValue* leaf();

  const JsonValue* value_ = nullptr;
  Diagnostics* diagnostics_ = nullptr;
  std::shared_ptr<std::set<std::string, std::less<>>> known_;
};

/// Adds a message at the place where `value` was written.
void report_at(const JsonValue& value, std::string message, Diagnostics& diagnostics);

/// The candidate with the smallest edit distance to `name`, or "" when none is near.
std::string nearest_name(std::string_view name, std::span<const std::string> candidates);

}  // namespace orrery
