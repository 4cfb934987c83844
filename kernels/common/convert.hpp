#pragma once

#include <type_traits>
#include <vector>

#include "kernels/common/portable.cuh"

namespace orrery::kernels {

/// On the host: values rounded to a kernel's format, through single precision where it is a small
/// one.
template <class T>
std::vector<T> narrow(const std::vector<double>& values) {
  std::vector<T> narrowed;
  narrowed.reserve(values.size());
  for (const double value : values) {
    if constexpr (std::is_integral_v<T>) {
      narrowed.push_back(static_cast<T>(value));
    } else {
      narrowed.push_back(from_float<T>(static_cast<float>(value)));
    }
  }
  return narrowed;
}

/// On the host: the values that a kernel sees, for its reference.
template <class T>
std::vector<double> widen(const std::vector<T>& values) {
  std::vector<double> widened;
  widened.reserve(values.size());
  for (const T value : values) {
    if constexpr (std::is_integral_v<T>) {
      widened.push_back(static_cast<double>(value));
    } else {
      widened.push_back(static_cast<double>(to_float(value)));
    }
  }
  return widened;
}

}  // namespace orrery::kernels
