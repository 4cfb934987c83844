#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "sim/base/json_cursor.hpp"
#include "sim/base/unit_text.hpp"

// The members of JsonCursor that read quantities.

namespace orrery {
namespace {

/// How a quantity is read from text, and how a message asks for it.
template <class Amount>
struct Form {
  std::optional<Amount> (*parse)(std::string_view);
  const char* noun;
  const char* example;
  std::int64_t minimum;
};

constexpr Form<Duration> kDuration = {parse_duration, "a duration", "5 us", 0};
constexpr Form<Bytes> kBytes = {parse_bytes, "a size", "80 GiB", 0};
constexpr Form<Bandwidth> kBandwidth = {parse_bandwidth, "a bandwidth", "400 Gbit/s", 1};
constexpr Form<FlopRate> kFlopRate = {parse_flop_rate, "a compute rate", "989 TFLOP/s", 1};
constexpr Form<Frequency> kFrequency = {parse_frequency, "a frequency", "1.98 GHz", 1};
constexpr Form<Power> kPower = {parse_power, "a power", "700 W", 1};

/// "Gb/s" and "Gbps" are read as bits by some and as bytes by others; says how to be clear.
std::string ambiguous_rate_hint(std::string_view text) {
  for (const std::string_view ending : {"b/s", "bps"}) {
    if (!text.ends_with(ending)) {
      continue;
    }
    text.remove_suffix(ending.size());
    std::string prefix;
    if (!text.empty() && std::string_view("kKMGT").find(text.back()) != std::string_view::npos) {
      prefix.assign(1, text.back() == 'K' ? 'k' : text.back());
    }
    std::string hint = "; write \"";
    hint += prefix + "bit/s\" or \"";
    return hint += prefix + "B/s\"";
  }
  return "";
}

template <class Amount>
Amount read_quantity(const JsonValue* leaf, Diagnostics& diagnostics, const Form<Amount>& form) {
  if (leaf == nullptr) {
    return Amount();
  }
  const std::string noun = form.noun;
  std::optional<Amount> amount;
  std::string hint;
  if (leaf->kind == JsonValue::Kind::string) {
    amount = form.parse(leaf->string);
    if constexpr (std::is_same_v<Amount, Bandwidth>) {
      hint = ambiguous_rate_hint(leaf->string);
    }
  }
  if (!amount) {
    report_at(*leaf,
              "expected " + noun + " with a unit such as \"" + form.example + "\", got " +
                  leaf->describe() + hint,
              diagnostics);
    return Amount();
  }
  if (amount->count() < form.minimum) {
    report_at(*leaf, "expected " + noun + " > 0, got " + leaf->describe(), diagnostics);
    return Amount();
  }
  return *amount;
}

}  // namespace

Duration JsonCursor::as_duration() {
  return read_quantity(leaf(), *diagnostics_, kDuration);
}
Bytes JsonCursor::as_bytes() {
  return read_quantity(leaf(), *diagnostics_, kBytes);
}
Bandwidth JsonCursor::as_bandwidth() {
  return read_quantity(leaf(), *diagnostics_, kBandwidth);
}
FlopRate JsonCursor::as_flop_rate() {
  return read_quantity(leaf(), *diagnostics_, kFlopRate);
}
Frequency JsonCursor::as_frequency() {
  return read_quantity(leaf(), *diagnostics_, kFrequency);
}
Power JsonCursor::as_power() {
  return read_quantity(leaf(), *diagnostics_, kPower);
}

}  // namespace orrery
