#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace orrery::kernels::reference {

/// Values in [low, high) that belong to a name: the same on every machine. splitmix64, seeded with
/// FNV-1a of the name.
inline std::vector<double> uniform(std::size_t count, std::string_view name, double low = -1,
                                   double high = 1) {
  std::uint64_t state = 0xcbf29ce484222325;
  for (const char character : name) {
    state = (state ^ static_cast<unsigned char>(character)) * 0x100000001b3;
  }
  std::vector<double> values(count);
  for (double& value : values) {
    state += 0x9e3779b97f4a7c15;
    std::uint64_t bits = state;
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
    bits ^= bits >> 31;
    value = low + (high - low) * (static_cast<double>(bits >> 11) * 0x1p-53);
  }
  return values;
}

/// Largest difference, as a share of the largest reference. NaN, which passes no tolerance, when a
/// value is NaN or when the counts differ.
inline double largest_error(std::span<const double> values, std::span<const double> expected) {
  if (values.size() != expected.size()) {
    return std::nan("");
  }
  double difference = 0;
  double scale = 1e-30;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(values[i])) {
      return std::nan("");
    }
    difference = std::max(difference, std::fabs(values[i] - expected[i]));
    scale = std::max(scale, std::fabs(expected[i]));
  }
  return difference / scale;
}

}  // namespace orrery::kernels::reference
