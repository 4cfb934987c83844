#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace orrery::kernels::reference {

/// Weights of 4 bits under two scales: w = channel_scale (q group_scale - group_offset).
struct ProgressiveWeights {
  std::vector<std::int8_t> q;              // (n, k), in [0, 15]
  std::vector<std::uint8_t> group_scale;   // (n, k / group)
  std::vector<std::uint8_t> group_offset;  // (n, k / group): zero point x scale
  std::vector<float> channel_scale;        // (n)
};

/// Rounds weights (n, k) to 8 bits by row, then to 4 bits by group. The first scale stops at 119,
/// so that what the second restores fits 8 bits again: a range of 238 in 15 steps is 16 at most,
/// half a step 8. Source: QServe (Lin et al. 2024, arXiv 2405.04532), section 4.1.
inline ProgressiveWeights progressive(std::size_t n, std::size_t k, std::size_t group,
                                      const std::vector<double>& weights) {
  constexpr double kProtectedRange = 119;
  ProgressiveWeights result;
  for (std::size_t row = 0; row < n; ++row) {
    const auto* w = weights.data() + row * k;  // (k)
    double largest = 1e-30;
    for (std::size_t i = 0; i < k; ++i) {
      largest = std::max(largest, std::fabs(w[i]));
    }
    result.channel_scale.push_back(static_cast<float>(largest / kProtectedRange));
    std::vector<double> bytes;
    for (std::size_t i = 0; i < k; ++i) {
      bytes.push_back(std::round(w[i] * kProtectedRange / largest));
    }
    for (std::size_t first = 0; first < k; first += group) {
      double low = 0;  // a group's range holds zero, so that its zero point is one of 4 bits
      double high = 0;
      for (std::size_t i = first; i < first + group; ++i) {
        low = std::min(low, bytes[i]);
        high = std::max(high, bytes[i]);
      }
      const double scale = std::max(1.0, std::ceil((high - low) / 15));
      const double zero = std::round(-low / scale);
      for (std::size_t i = first; i < first + group; ++i) {
        const double q = std::clamp(std::round(bytes[i] / scale) + zero, 0.0, 15.0);
        result.q.push_back(static_cast<std::int8_t>(q));
      }
      result.group_scale.push_back(static_cast<std::uint8_t>(scale));
      result.group_offset.push_back(static_cast<std::uint8_t>(zero * scale));
    }
  }
  return result;
}

/// The bracket of the formula above: (n, k).
inline std::vector<double> widened(const ProgressiveWeights& weights, std::size_t group) {
  std::vector<double> bytes;
  for (std::size_t i = 0; i < weights.q.size(); ++i) {
    bytes.push_back(weights.q[i] * weights.group_scale[i / group] -
                    weights.group_offset[i / group]);
  }
  return bytes;
}

/// What bit planes (planes, rows, k / 32) stand for as bipolar numbers: (rows, k).
inline std::vector<double> bipolar(std::size_t planes, std::size_t rows, std::size_t k,
                                   const std::vector<std::uint32_t>& words) {
  std::vector<double> values(rows * k);
  for (std::size_t plane = 0; plane < planes; ++plane) {
    for (std::size_t i = 0; i < rows * k; ++i) {
      const std::uint32_t word = words[plane * rows * k / 32 + i / 32];
      const double sign = ((word >> (i % 32)) & 1U) != 0 ? 1 : -1;
      values[i] += std::ldexp(sign, static_cast<int>(plane));
    }
  }
  return values;
}

}  // namespace orrery::kernels::reference
