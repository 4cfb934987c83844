#include "sim/base/json_cursor.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace orrery {
namespace {

constexpr std::string_view kValueKey = "value";
constexpr std::string_view kSourceKey = "source";
constexpr std::size_t kMaximumListed = 12;

const JsonValue& unwrapped(const JsonValue& value) {
  const JsonValue* inner = value.find(kValueKey);
  return inner != nullptr ? *inner : value;
}

void report_at(const Origin& origin, std::string message, Diagnostics& diagnostics) {
  diagnostics.add({origin.file ? *origin.file : "", origin.pointer, std::move(message)});
}

void report_expected(const std::string& what, const JsonValue& value, Diagnostics& diagnostics) {
  report_at(value, "expected " + what + ", got " + value.describe(), diagnostics);
}

std::string in_quotes(std::string_view name) {
  return json_string(std::string(name)).describe();
}

template <class Names>
std::string listed(const Names& names) {
  std::string result;
  std::size_t count = 0;
  for (const std::string& name : names) {
    if (count == kMaximumListed) {
      return result + ", … (" + std::to_string(names.size()) + " in all)";
    }
    result += (count == 0 ? "" : ", ") + in_quotes(name);
    ++count;
  }
  return result;
}

std::string did_you_mean(std::string_view name, std::span<const std::string> candidates) {
  const std::string nearest = nearest_name(name, candidates);
  return nearest.empty() ? "" : "; did you mean " + in_quotes(nearest) + "?";
}

std::string count_wanted(const CountRange& range, const JsonValue& got) {
  const std::string minimum = std::to_string(range.minimum);
  const bool open_ended = range.maximum == CountRange{}.maximum ||
                          range.maximum == std::numeric_limits<std::int64_t>::max();
  const bool too_great = got.kind == JsonValue::Kind::integer && got.integer > range.maximum;
  if (open_ended && !too_great) {
    return "an integer >= " + minimum;
  }
  return "an integer between " + minimum + " and " + std::to_string(range.maximum);
}

std::string number_text(double number) {
  const bool whole = std::trunc(number) == number && std::abs(number) < 1e15;
  return whole ? std::to_string(static_cast<std::int64_t>(number)) : json_real(number).describe();
}

std::string ratio_wanted(const RatioRange& range) {
  const std::string minimum = number_text(range.minimum);
  const bool open_ended = range.maximum >= std::numeric_limits<double>::max();
  return open_ended ? "a number >= " + minimum
                    : "a number between " + minimum + " and " + number_text(range.maximum);
}

}  // namespace

void report_at(const JsonValue& value, std::string message, Diagnostics& diagnostics) {
  report_at(value.origin, std::move(message), diagnostics);
}

JsonCursor::JsonCursor(const JsonValue& value, Diagnostics& diagnostics)
    : JsonCursor(&value, &diagnostics) {}

JsonCursor::JsonCursor(const JsonValue* value, Diagnostics* diagnostics)
    : value_(value),
      diagnostics_(diagnostics),
      known_(std::make_shared<std::set<std::string, std::less<>>>()) {}

const JsonValue& JsonCursor::value() const {
  ORRERY_CHECK(present(), "an absent place has no value");
  return *value_;
}

bool JsonCursor::has(std::string_view key) {
  return find(key).present();
}

JsonCursor JsonCursor::at(std::string_view key) {
  JsonCursor found = find(key);
  if (!found.present() && present() && value_->kind == JsonValue::Kind::object) {
    report_at(*value_, "missing key " + in_quotes(key), *diagnostics_);
  }
  return found;
}

JsonCursor JsonCursor::find(std::string_view key) {
  known_->emplace(key);
  if (present() && value_->kind != JsonValue::Kind::object) {
    report_expected("an object", *value_, *diagnostics_);
  }
  return JsonCursor(present() ? value_->find(key) : nullptr, diagnostics_);
}

void JsonCursor::reject_unknown_keys() {
  const std::vector<std::string> known(known_->begin(), known_->end());
  for (const std::string& key : keys()) {
    if (known_->contains(key)) {
      continue;
    }
    std::string hint = did_you_mean(key, known);
    if (hint.empty() && !known.empty() && known.size() <= kMaximumListed) {
      hint = "; known keys: " + listed(known);
    }
    const JsonValue& value = *value_->find(key);
    report_at(value.used_at ? *value.used_at : value.origin, "no such key" + hint, *diagnostics_);
  }
}

std::vector<std::string> JsonCursor::keys() const {
  std::vector<std::string> result;
  if (!present()) {
    return result;
  }
  if (value_->kind != JsonValue::Kind::object) {
    report_expected("an object", *value_, *diagnostics_);
  }
  for (const JsonValue::Member& member : value_->members) {
    result.push_back(member.key);
  }
  return result;
}

std::vector<JsonCursor> JsonCursor::items() {
  std::vector<JsonCursor> result;
  if (!present()) {
    return result;
  }
  if (value_->kind != JsonValue::Kind::array) {
    report_expected("an array", *value_, *diagnostics_);
  }
  for (const JsonValue& item : value_->items) {
    result.push_back(JsonCursor(&item, diagnostics_));
  }
  return result;
}

const JsonValue* JsonCursor::leaf() {
  if (!present() || value_->find(kValueKey) == nullptr) {
    return value_;
  }
  JsonCursor wrapper(value_, diagnostics_);
  const JsonCursor source = wrapper.find(kSourceKey);
  const JsonCursor inner = wrapper.find(kValueKey);
  wrapper.reject_unknown_keys();
  if (source.present() && source.value().kind != JsonValue::Kind::string) {
    report_expected("a string", source.value(), *diagnostics_);
  }
  return inner.value_;
}

std::string JsonCursor::source() const {
  const JsonValue* wrapped = present() ? value_->find(kValueKey) : nullptr;
  const JsonValue* source = wrapped != nullptr ? value_->find(kSourceKey) : nullptr;
  return source != nullptr ? source->string : "";
}

bool JsonCursor::as_boolean() {
  const JsonValue* value = leaf();
  if (value == nullptr) {
    return false;
  }
  if (value->kind != JsonValue::Kind::boolean) {
    expected("true or false");
  }
  return value->boolean;
}

std::int64_t JsonCursor::as_count(CountRange range) {
  const JsonValue* value = leaf();
  if (value == nullptr) {
    return 0;
  }
  const bool integral = value->kind == JsonValue::Kind::integer;
  if (!integral || value->integer < range.minimum || value->integer > range.maximum) {
    expected(count_wanted(range, *value));
    return 0;
  }
  return value->integer;
}

double JsonCursor::as_ratio(RatioRange range) {
  const JsonValue* value = leaf();
  if (value == nullptr) {
    return 0;
  }
  const bool numeric =
      value->kind == JsonValue::Kind::integer || value->kind == JsonValue::Kind::real;
  const double number =
      value->kind == JsonValue::Kind::integer ? static_cast<double>(value->integer) : value->real;
  if (!numeric || number < range.minimum || number > range.maximum) {
    expected(ratio_wanted(range));
    return 0;
  }
  return number;
}

std::string JsonCursor::as_string() {
  const JsonValue* value = leaf();
  if (value == nullptr) {
    return "";
  }
  if (value->kind != JsonValue::Kind::string) {
    expected("a string");
  }
  return value->string;
}

std::string JsonCursor::as_choice(std::span<const std::string> choices) {
  const JsonValue* value = leaf();
  if (value == nullptr) {
    return "";
  }
  if (value->kind == JsonValue::Kind::string &&
      std::find(choices.begin(), choices.end(), value->string) != choices.end()) {
    return value->string;
  }
  const std::string hint =
      value->kind == JsonValue::Kind::string ? did_you_mean(value->string, choices) : "";
  report_at(*value,
            "expected " + std::string(choices.size() == 1 ? "" : "one of ") + listed(choices) +
                ", got " + value->describe() + hint,
            *diagnostics_);
  return "";
}

std::string JsonCursor::as_choice(std::initializer_list<std::string_view> choices) {
  const std::vector<std::string> names(choices.begin(), choices.end());
  return as_choice(std::span(names));
}

Precision JsonCursor::as_precision() {
  std::vector<std::string> names;
  names.reserve(kPrecisions.size());
  for (const Precision precision : kPrecisions) {
    names.emplace_back(to_string(precision));
  }
  return precision_from(as_choice(std::span(std::as_const(names)))).value_or(Precision{});
}

void JsonCursor::expected(const std::string& what) {
  if (present()) {
    report_expected(what, unwrapped(*value_), *diagnostics_);
  }
}

void JsonCursor::error(const std::string& message) {
  if (present()) {
    report_at(*value_, message, *diagnostics_);
  }
}

}  // namespace orrery
