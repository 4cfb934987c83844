#include "tools/orrery/sweep/axis.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <optional>

namespace orrery {
namespace {

constexpr std::size_t kMaximumValues = 100'000;
/// Where a range ends despite the rounding of its steps.
constexpr double kEndTolerance = 1e-9;

/// One end of a range.
struct End {
  double number = 0;
  bool whole = false;
  std::string unit{};
};

std::optional<End> read_end(JsonCursor end) {
  if (!end.present()) return std::nullopt;
  const JsonValue& value = end.value();
  if (value.kind == JsonValue::Kind::integer) return End{static_cast<double>(value.integer), true};
  if (value.kind == JsonValue::Kind::real) return End{value.real, false};
  if (value.kind == JsonValue::Kind::string) {
    const std::string& text = value.string;
    End result;
    const auto [rest, error] =
        std::from_chars(text.data(), text.data() + text.size(), result.number);
    result.unit = std::string(rest, text.data() + text.size());
    result.unit.erase(0, result.unit.find_first_not_of(' '));
    if (error == std::errc() && !result.unit.empty()) {
      result.whole = result.number == std::floor(result.number);
      return result;
    }
  }
  end.expected("a number, or a quantity such as \"4 MiB\"");
  return std::nullopt;
}

/// As it is written in decimals: 0.1 + 2 * 0.1 is 0.3. Fifteen digits come through unchanged.
double decimal(double number) {
  char text[40];
  std::snprintf(text, sizeof text, "%.15g", number);
  return std::strtod(text, nullptr);
}

JsonValue number_at(const SweepAxis::Range& range, double number) {
  if (!range.unit.empty()) {
    const bool is_whole = number == std::floor(number) && std::abs(number) < 1e15;
    const JsonValue shown =
        is_whole ? json_integer(static_cast<std::int64_t>(number)) : json_real(number);
    return json_string(to_text(shown, false) + " " + range.unit);
  }
  return range.whole ? json_integer(std::llround(number)) : json_real(number);
}

SweepAxis::Value placed(JsonValue value, const JsonValue& place) {
  set_origin(value, place.origin);
  return std::make_shared<const JsonValue>(std::move(value));
}

/// `growth`: "times" or "step".
void add_steps(SweepAxis& axis, JsonCursor growth, bool multiplies, SweepAxis::Range range) {
  const JsonValue& value = growth.value();
  const bool is_integer = value.kind == JsonValue::Kind::integer;
  if (!is_integer && value.kind != JsonValue::Kind::real) {
    growth.expected("a number");
    return;
  }
  const double by = is_integer ? static_cast<double>(value.integer) : value.real;
  if (multiplies ? !(by > 1) || !(range.from > 0) : !(by > 0)) {
    growth.expected(multiplies ? "a factor above 1, of a range that begins above 0"
                               : "a step above 0");
    return;
  }
  range.whole = range.whole && is_integer;
  const double steps =
      multiplies ? std::log(range.to / range.from) / std::log(by) : (range.to - range.from) / by;
  if (steps >= static_cast<double>(kMaximumValues)) {
    growth.error("the axis would have more than " + std::to_string(kMaximumValues) + " values");
    return;
  }
  for (int step = 0; step <= steps + kEndTolerance; ++step) {
    const double at = multiplies ? range.from * std::pow(by, step) : range.from + by * step;
    axis.values.push_back(placed(number_at(range, decimal(at)), growth.value()));
  }
}

void read_range(SweepAxis& axis, JsonCursor& object) {
  const std::optional<End> from = read_end(object.at("from"));
  const std::optional<End> to = read_end(object.at("to"));
  JsonCursor times = object.find("times");
  JsonCursor step = object.find("step");
  JsonCursor scale = object.find("scale");
  if (!from || !to) return;
  if (from->unit != to->unit) {
    object.find("to").expected("the unit of \"from\", " + json_string(from->unit).describe());
    return;
  }
  if (from->number > to->number) {
    object.find("to").error("the range ends before it begins");
    return;
  }
  SweepAxis::Range range{from->number, to->number, false, from->whole && to->whole, from->unit};
  if (times.present() && step.present()) {
    step.error("stands beside \"times\"; a range has one of them");
  } else if (times.present() || step.present()) {
    if (scale.present()) scale.error("belongs to ranges that are sampled, without steps");
    add_steps(axis, times.present() ? times : step, times.present(), range);
  } else {
    range.logarithmic = scale.present() && scale.as_choice({"linear", "log"}) == "log";
    if (range.logarithmic && !(range.from > 0)) {
      scale.error("a logarithmic range begins above 0");
      return;
    }
    axis.range = std::make_shared<SweepAxis::Range>(range);
  }
}

}  // namespace

SweepAxis::Value SweepAxis::at(double share) const {
  if (!is_drawn()) {
    const auto last = values.size() - 1;
    const auto index = static_cast<std::size_t>(share * static_cast<double>(values.size()));
    return values[std::min(index, last)];
  }
  const double from = range->from;
  const double width =
      range->whole && range->unit.empty() ? range->to - from + 1 : range->to - from;
  double drawn = from + share * width;
  if (range->logarithmic) drawn = from * std::pow((from + width) / from, share);
  if (range->whole && range->unit.empty()) drawn = std::min(std::floor(drawn), range->to);
  return placed(number_at(*range, drawn), *place);
}

SweepAxis read_axis(const std::string& pointer, JsonCursor axis) {
  SweepAxis result;
  result.pointer = pointer;
  result.place = std::make_shared<const JsonValue>(axis.value());
  const JsonValue::Kind kind = axis.value().kind;
  if (kind == JsonValue::Kind::array) {
    for (const JsonValue& item : axis.value().items) {
      result.values.push_back(std::make_shared<const JsonValue>(item));
    }
    if (result.values.empty()) axis.expected("at least one value");
    if (result.values.size() > kMaximumValues) {
      axis.error("more than " + std::to_string(kMaximumValues) + " values");
    }
  } else if (kind == JsonValue::Kind::object) {
    read_range(result, axis);
    axis.reject_unknown_keys();
  } else {
    axis.expected("a list of values, or a range {\"from\": …, \"to\": …, \"times\": …}");
  }
  return result;
}

std::string label_of(const JsonValue& value) {
  if (value.kind == JsonValue::Kind::string) return value.string;
  const JsonValue* kind = value.find("kind");
  if (kind != nullptr && value.members.size() == 1 && kind->kind == JsonValue::Kind::string) {
    return kind->string;
  }
  return to_text(value, false);
}

}  // namespace orrery
