#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace orrery::kernels::reference {

/// exp(x - max) / sum of each row of (rows, columns).
inline std::vector<double> softmax(std::size_t rows, std::size_t columns,
                                   const std::vector<double>& x) {
  std::vector<double> y(x.size());
  for (std::size_t row = 0; row < rows; ++row) {
    const auto first = x.begin() + static_cast<std::ptrdiff_t>(row * columns);
    const double most = *std::max_element(first, first + static_cast<std::ptrdiff_t>(columns));
    double sum = 0;
    for (std::size_t i = row * columns; i < (row + 1) * columns; ++i)
      sum += y[i] = std::exp(x[i] - most);
    for (std::size_t i = row * columns; i < (row + 1) * columns; ++i) y[i] /= sum;
  }
  return y;
}

}  // namespace orrery::kernels::reference
