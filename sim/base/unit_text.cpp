#include "sim/base/unit_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace orrery {
namespace {

/// A unit is `factor` * 10^`exponent` of the quantity's own unit. Decimal throughout, so that text
/// is converted exactly: a bit is 125 * 10^-3 bytes.
struct Unit {
  std::string_view name;
  std::uint64_t factor;
  int exponent;
};

constexpr std::array kDurationUnits = {Unit{"ps", 1, 0},   Unit{"ns", 1, 3}, Unit{"us", 1, 6},
                                       Unit{"ms", 1, 9},   Unit{"s", 1, 12}, Unit{"min", 60, 12},
                                       Unit{"h", 3600, 12}};
constexpr std::array kBytesUnits = {Unit{"B", 1, 0},
                                    Unit{"kB", 1, 3},
                                    Unit{"KB", 1, 3},
                                    Unit{"MB", 1, 6},
                                    Unit{"GB", 1, 9},
                                    Unit{"TB", 1, 12},
                                    Unit{"KiB", std::uint64_t{1} << 10U, 0},
                                    Unit{"MiB", std::uint64_t{1} << 20U, 0},
                                    Unit{"GiB", std::uint64_t{1} << 30U, 0},
                                    Unit{"TiB", std::uint64_t{1} << 40U, 0}};
constexpr std::array kBitUnits = {Unit{"bit", 125, -3}, Unit{"kbit", 125, 0}, Unit{"Mbit", 125, 3},
                                  Unit{"Gbit", 125, 6}, Unit{"Tbit", 125, 9}};
constexpr std::array kOperationUnits = {
    Unit{"FLOP", 1, 0},   Unit{"kFLOP", 1, 3},  Unit{"MFLOP", 1, 6}, Unit{"GFLOP", 1, 9},
    Unit{"TFLOP", 1, 12}, Unit{"PFLOP", 1, 15}, Unit{"OP", 1, 0},    Unit{"kOP", 1, 3},
    Unit{"MOP", 1, 6},    Unit{"GOP", 1, 9},    Unit{"TOP", 1, 12},  Unit{"POP", 1, 15}};
constexpr std::array kFrequencyUnits = {Unit{"Hz", 1, 0}, Unit{"kHz", 1, 3}, Unit{"MHz", 1, 6},
                                        Unit{"GHz", 1, 9}};
constexpr std::array kPowerUnits = {Unit{"mW", 1, 0}, Unit{"W", 1, 3}, Unit{"kW", 1, 6}};

/// `digits` * 10^`exponent`, of any length, and the text that follows it.
struct Decimal {
  std::string digits;
  std::int64_t exponent = 0;
  std::string_view unit;
};

bool is_digit(char character) {
  return character >= '0' && character <= '9';
}

/// Moves leading digits of `text` to the end of `digits`; false when there are none.
bool take_digits(std::string_view& text, std::string& digits) {
  std::size_t length = 0;
  while (length < text.size() && is_digit(text[length])) {
    ++length;
  }
  digits.append(text.substr(0, length));
  text.remove_prefix(length);
  return length > 0;
}

bool take_character(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) {
    return false;
  }
  text.remove_prefix(1);
  return true;
}

/// The exponent behind an "e". Clamped: beyond 10^9 no text in memory brings the value back.
std::optional<std::int64_t> take_exponent(std::string_view& text) {
  constexpr std::int64_t kClamp = 1'000'000'000;
  const bool negative = text.starts_with('-');
  take_character(text, "+-");
  std::string digits;
  if (!take_digits(text, digits)) {
    return std::nullopt;
  }
  std::int64_t magnitude = 0;
  for (const char digit : digits) {
    magnitude = std::min(kClamp, 10 * magnitude + (digit - '0'));
  }
  return negative ? -magnitude : magnitude;
}

/// digits [ "." digits ] [ "e" [sign] digits ] [ " " ] unit
std::optional<Decimal> parse_decimal(std::string_view text) {
  Decimal result;
  if (!take_digits(text, result.digits)) {
    return std::nullopt;
  }
  if (take_character(text, ".")) {
    const std::size_t whole = result.digits.size();
    if (!take_digits(text, result.digits)) {
      return std::nullopt;
    }
    result.exponent -= static_cast<std::int64_t>(result.digits.size() - whole);
  }
  if (take_character(text, "eE")) {
    const std::optional<std::int64_t> exponent = take_exponent(text);
    if (!exponent) {
      return std::nullopt;
    }
    result.exponent += *exponent;
  }
  take_character(text, " ");
  result.unit = text;
  return result;
}

/// Schoolbook product of a decimal digit string with a factor < 2^59.
std::string product(std::string_view digits, std::uint64_t factor) {
  std::string reversed;
  std::uint64_t carry = 0;
  for (std::size_t index = digits.size(); index > 0 || carry > 0;) {
    if (index > 0) {
      --index;
      carry += factor * static_cast<std::uint64_t>(digits[index] - '0');
    }
    reversed += static_cast<char>('0' + carry % 10);
    carry /= 10;
  }
  return {reversed.rbegin(), reversed.rend()};
}

/// digits * 10^exponent to the nearest integer, ties up; nothing beyond 2^63 - 1.
std::optional<std::int64_t> nearest_integer(std::string_view digits, std::int64_t exponent) {
  constexpr std::int64_t kMaximumDigits = 19;  // 2^63 - 1 has 19, and 10^19 < 2^64
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  const std::int64_t whole = static_cast<std::int64_t>(digits.size()) + exponent;
  if (digits.empty() || whole < 0) {
    return 0;
  }
  if (whole > kMaximumDigits) {
    return std::nullopt;
  }
  const auto point = static_cast<std::size_t>(whole);
  std::uint64_t value = 0;
  for (std::size_t index = 0; index < point; ++index) {
    const char digit = index < digits.size() ? digits[index] : '0';
    value = 10 * value + static_cast<std::uint64_t>(digit - '0');
  }
  if (point < digits.size() && digits[point] >= '5') {
    ++value;
  }
  if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return std::nullopt;
  }
  return static_cast<std::int64_t>(value);
}

std::optional<std::int64_t> convert(const Decimal& decimal, std::string_view unit_name,
                                    std::span<const Unit> units) {
  for (const Unit& unit : units) {
    if (unit.name == unit_name) {
      return nearest_integer(product(decimal.digits, unit.factor),
                             decimal.exponent + unit.exponent);
    }
  }
  return std::nullopt;
}

template <class Amount>
std::optional<Amount> parse_amount(std::string_view text, std::span<const Unit> units) {
  const std::optional<Decimal> decimal = parse_decimal(text);
  if (!decimal) {
    return std::nullopt;
  }
  const std::optional<std::int64_t> count = convert(*decimal, decimal->unit, units);
  return count ? std::optional(Amount(*count)) : std::nullopt;
}

template <class Rate>
std::optional<Rate> parse_rate(std::string_view text, std::span<const Unit> units) {
  constexpr std::string_view kPerSecond = "/s";
  if (!text.ends_with(kPerSecond)) {
    return std::nullopt;
  }
  text.remove_suffix(kPerSecond.size());
  return parse_amount<Rate>(text, units);
}

/// One step of a scale for people; steps go up, the first is the quantity's own unit.
struct Step {
  std::string_view name;
  double size;
};

constexpr std::array kDurationSteps = {Step{"ps", 1},     Step{"ns", 1e3}, Step{"us", 1e6},
                                       Step{"ms", 1e9},   Step{"s", 1e12}, Step{"min", 60e12},
                                       Step{"h", 3600e12}};
constexpr std::array kBytesSteps = {Step{"B", 1}, Step{"KiB", 0x1p10}, Step{"MiB", 0x1p20},
                                    Step{"GiB", 0x1p30}, Step{"TiB", 0x1p40}};
constexpr std::array kBandwidthSteps = {Step{"B/s", 1}, Step{"kB/s", 1e3}, Step{"MB/s", 1e6},
                                        Step{"GB/s", 1e9}, Step{"TB/s", 1e12}};
constexpr std::array kFlopRateSteps = {Step{"FLOP/s", 1},     Step{"kFLOP/s", 1e3},
                                       Step{"MFLOP/s", 1e6},  Step{"GFLOP/s", 1e9},
                                       Step{"TFLOP/s", 1e12}, Step{"PFLOP/s", 1e15}};

/// `value` rounded to three significant digits, without trailing zeros behind the point.
struct Rounded {
  double value;
  int decimals;
};
Rounded three_digits(double value) {
  int decimals = value < 10 ? 2 : value < 100 ? 1 : 0;
  double unit = decimals == 2 ? 100 : decimals == 1 ? 10 : 1;
  for (double rest = value; rest >= 1000; rest /= 10) {
    unit /= 10;
  }
  double scaled = std::round(value * unit);
  while (decimals > 0 && std::fmod(scaled, 10) == 0) {
    scaled /= 10;
    unit /= 10;
    --decimals;
  }
  return {scaled / unit, decimals};
}

std::string for_people(std::int64_t count, std::span<const Step> steps) {
  const double magnitude = std::abs(static_cast<double>(count));
  std::size_t step = 0;
  // The rounded number counts too: 999 999 ps is "1 us" and not "1000 ns".
  const auto reaches = [&](const Step& next, const Step& current) {
    const double rounded = three_digits(magnitude / current.size).value * current.size;
    return std::max(magnitude, rounded) >= next.size;
  };
  while (step + 1 < steps.size() && reaches(steps[step + 1], steps[step])) {
    ++step;
  }
  if (step == 0) {
    return std::to_string(count) + " " + std::string(steps[0].name);
  }
  const Rounded rounded = three_digits(magnitude / steps[step].size);
  std::array<char, 64> digits{};
  const auto [end, error] = std::to_chars(digits.begin(), digits.end(), rounded.value,
                                          std::chars_format::fixed, rounded.decimals);
  return (count < 0 ? "-" : "") + std::string(digits.begin(), end) + " " +
         std::string(steps[step].name);
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  return parse_amount<Duration>(text, kDurationUnits);
}
std::optional<Bytes> parse_bytes(std::string_view text) {
  return parse_amount<Bytes>(text, kBytesUnits);
}
std::optional<Bandwidth> parse_bandwidth(std::string_view text) {
  const std::optional<Bandwidth> bytes = parse_rate<Bandwidth>(text, kBytesUnits);
  return bytes ? bytes : parse_rate<Bandwidth>(text, kBitUnits);
}
std::optional<FlopRate> parse_flop_rate(std::string_view text) {
  return parse_rate<FlopRate>(text, kOperationUnits);
}
std::optional<Frequency> parse_frequency(std::string_view text) {
  return parse_amount<Frequency>(text, kFrequencyUnits);
}
std::optional<Power> parse_power(std::string_view text) {
  return parse_amount<Power>(text, kPowerUnits);
}

std::string to_text(Duration duration) {
  return for_people(duration.count(), kDurationSteps);
}
std::string to_text(Bytes bytes) {
  return for_people(bytes.count(), kBytesSteps);
}
std::string to_text(Bandwidth bandwidth) {
  return for_people(bandwidth.count(), kBandwidthSteps);
}
std::string to_text(FlopRate rate) {
  return for_people(rate.count(), kFlopRateSteps);
}

}  // namespace orrery
