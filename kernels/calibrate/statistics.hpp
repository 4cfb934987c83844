#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace orrery::kernels {

/// Quantile `q` in [0, 1] of samples in ascending order (at least one), linear between neighbours
/// (type 7 of Hyndman and Fan 1996, The American Statistician 50(4)).
inline double quantile(const std::vector<double>& ascending, double q) {
  const double place = q * static_cast<double>(ascending.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, ascending.size() - 1);
  return std::lerp(ascending[below], ascending[above], place - static_cast<double>(below));
}

/// Whether half the 95 % confidence interval of the median is within `share` of the median. The
/// interval lies between the order statistics n/2 -+ 1.96 sqrt(n)/2 (normal approximation of the
/// binomial; Conover 1999, Practical Nonparametric Statistics, section 3.2).
inline bool median_is_stable(const std::vector<double>& ascending, double share) {
  const auto count = static_cast<double>(ascending.size());
  const double reach = 0.98 * std::sqrt(count);
  const double low = std::floor(count / 2 - reach);
  const double high = std::ceil(count / 2 + reach);
  if (low < 0 || high > count - 1) {
    return false;
  }
  const double width =
      ascending[static_cast<std::size_t>(high)] - ascending[static_cast<std::size_t>(low)];
  return width / 2 <= share * quantile(ascending, 0.5);
}

}  // namespace orrery::kernels
