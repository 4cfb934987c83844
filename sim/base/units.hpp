#pragma once

#include <compare>
#include <cstdint>
#include <string_view>

#include "sim/base/quantity.hpp"

namespace orrery {

namespace tag {
struct Duration {
  static constexpr std::string_view kName = "duration";
};
struct Bytes {
  static constexpr std::string_view kName = "bytes";
};
struct Bandwidth {
  static constexpr std::string_view kName = "bandwidth";
};
struct Flops {
  static constexpr std::string_view kName = "flops";
};
struct FlopRate {
  static constexpr std::string_view kName = "flop rate";
};
struct Frequency {
  static constexpr std::string_view kName = "frequency";
};
struct Power {
  static constexpr std::string_view kName = "power";
};
}  // namespace tag

using Duration = Quantity<tag::Duration>;    // picoseconds
using Bytes = Quantity<tag::Bytes>;          // bytes
using Bandwidth = Quantity<tag::Bandwidth>;  // bytes per second
using Flops = Quantity<tag::Flops>;          // floating-point or integer operations
using FlopRate = Quantity<tag::FlopRate>;    // operations per second
using Frequency = Quantity<tag::Frequency>;  // hertz
using Power = Quantity<tag::Power>;          // milliwatts

inline constexpr std::int64_t kPicosecondsPerSecond = 1'000'000'000'000;

/// A point in simulated time: picoseconds since the start of the run; at most 2^63 ps (106 days).
class Time {
 public:
  constexpr Time() = default;
  constexpr explicit Time(Duration since_start) : since_start_(since_start) {}
  static constexpr Time max() { return Time(Duration::max()); }

  constexpr Duration since_start() const { return since_start_; }
  constexpr std::int64_t picoseconds() const { return since_start_.count(); }

  friend constexpr auto operator<=>(Time, Time) = default;
  friend constexpr Time operator+(Time t, Duration d) { return Time(t.since_start_ + d); }
  friend constexpr Duration operator-(Time a, Time b) { return a.since_start_ - b.since_start_; }

 private:
  Duration since_start_;
};

/// Seconds as a double: for printing and for metrics, never for comparing times.
constexpr double to_seconds(Duration d) {
  return d.as_double() / static_cast<double>(kPicosecondsPerSecond);
}
constexpr double to_seconds(Time t) {
  return to_seconds(t.since_start());
}

/// Nearest picosecond (ties away from zero). Throws OverflowError outside ±2^63 ps.
Duration duration_from_seconds(double seconds);
/// Time to move `payload` at `rate`, through 128-bit integers, to the nearest picosecond (ties up).
/// Requires rate > 0 and payload >= 0. Throws OverflowError beyond 2^63 ps.
Duration transfer_time(Bytes payload, Bandwidth rate);
/// Time to do `work` at `rate`; rounding and errors as transfer_time.
Duration work_time(Flops work, FlopRate rate);

namespace literals {
constexpr Duration operator""_ps(unsigned long long n) {
  return Duration(static_cast<std::int64_t>(n));
}
constexpr Duration operator""_ns(unsigned long long n) {
  return 1'000 * Duration(static_cast<std::int64_t>(n));
}
constexpr Duration operator""_us(unsigned long long n) {
  return 1'000'000 * Duration(static_cast<std::int64_t>(n));
}
constexpr Duration operator""_ms(unsigned long long n) {
  return 1'000'000'000 * Duration(static_cast<std::int64_t>(n));
}
constexpr Duration operator""_s(unsigned long long n) {
  return kPicosecondsPerSecond * Duration(static_cast<std::int64_t>(n));
}
constexpr Bytes operator""_B(unsigned long long n) {
  return Bytes(static_cast<std::int64_t>(n));
}
constexpr Bytes operator""_KiB(unsigned long long n) {
  return 1'024 * Bytes(static_cast<std::int64_t>(n));
}
constexpr Bytes operator""_MiB(unsigned long long n) {
  return 1'048'576 * Bytes(static_cast<std::int64_t>(n));
}
constexpr Bytes operator""_GiB(unsigned long long n) {
  return 1'073'741'824 * Bytes(static_cast<std::int64_t>(n));
}
constexpr Bytes operator""_KB(unsigned long long n) {
  return 1'000 * Bytes(static_cast<std::int64_t>(n));
}
constexpr Bytes operator""_MB(unsigned long long n) {
  return 1'000'000 * Bytes(static_cast<std::int64_t>(n));
}
constexpr Bytes operator""_GB(unsigned long long n) {
  return 1'000'000'000 * Bytes(static_cast<std::int64_t>(n));
}
constexpr Bandwidth operator""_MBps(unsigned long long n) {
  return 1'000'000 * Bandwidth(static_cast<std::int64_t>(n));
}
constexpr Bandwidth operator""_GBps(unsigned long long n) {
  return 1'000'000'000 * Bandwidth(static_cast<std::int64_t>(n));
}
constexpr Bandwidth operator""_Gbitps(unsigned long long n) {
  return 125'000'000 * Bandwidth(static_cast<std::int64_t>(n));
}
constexpr FlopRate operator""_TFLOPps(unsigned long long n) {
  return kPicosecondsPerSecond * FlopRate(static_cast<std::int64_t>(n));
}
}  // namespace literals

}  // namespace orrery
