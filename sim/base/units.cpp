#include "sim/base/units.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "sim/base/errors.hpp"

namespace orrery {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr std::int64_t kMaximumCount = std::numeric_limits<std::int64_t>::max();

/// amount / rate in picoseconds, nearest, ties up. The product stays below 2^63 * 10^12 < 2^103.
Duration quotient(std::int64_t amount, std::int64_t rate, const char* unit) {
  ORRERY_CHECK(rate > 0, "a rate must be > 0, got " + std::to_string(rate));
  ORRERY_CHECK(amount >= 0, "an amount must be >= 0, got " + std::to_string(amount));
  const Wide picoseconds = static_cast<Wide>(amount) * Wide{kPicosecondsPerSecond};
  const Wide divisor = static_cast<Wide>(rate);
  const Wide nearest = (2 * picoseconds + divisor) / (2 * divisor);
  if (nearest > static_cast<Wide>(kMaximumCount)) {
    throw_overflow(tag::Duration::kName, std::to_string(amount) + " " + unit + " at " +
                                             std::to_string(rate) + " " + unit + "/s");
  }
  return Duration(static_cast<std::int64_t>(nearest));
}

}  // namespace

void throw_overflow(std::string_view quantity, std::string_view operation) {
  throw OverflowError(std::string(quantity) + " overflow: " + std::string(operation) +
                      " leaves the 64-bit range");
}

Duration duration_from_seconds(double seconds) {
  // 2^63 ps < 10^7 s; the bound keeps the exponent below negative.
  if (!(std::abs(seconds) < 1e7)) {
    throw_overflow(tag::Duration::kName, std::to_string(seconds) + " s");
  }
  // |seconds| = mantissa * 2^-shift exactly, so the product with 10^12 (< 2^93) is rounded once.
  int exponent = 0;
  const double fraction = std::frexp(std::abs(seconds), &exponent);
  const int shift = 53 - exponent;
  const auto mantissa = static_cast<std::uint64_t>(std::ldexp(fraction, 53));
  const Wide scaled = Wide{mantissa} * Wide{kPicosecondsPerSecond};
  const Wide magnitude = shift > 100 ? 0
                                     : (scaled + (Wide{1} << static_cast<unsigned>(shift - 1))) >>
                                           static_cast<unsigned>(shift);
  if (magnitude > static_cast<Wide>(kMaximumCount)) {
    throw_overflow(tag::Duration::kName, std::to_string(seconds) + " s");
  }
  const auto count = static_cast<std::int64_t>(magnitude);
  return Duration(std::signbit(seconds) ? -count : count);
}

Duration transfer_time(Bytes payload, Bandwidth rate) {
  return quotient(payload.count(), rate.count(), "B");
}

Duration work_time(Flops work, FlopRate rate) {
  return quotient(work.count(), rate.count(), "FLOP");
}

}  // namespace orrery
