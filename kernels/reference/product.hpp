#pragma once

#include <cstddef>
#include <vector>

namespace orrery::kernels::reference {

/// A B^T: a (m, k), b (n, k), result (m, n).
inline std::vector<double> product(std::size_t m, std::size_t n, std::size_t k,
                                   const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> result(m * n);
  for (std::size_t row = 0; row < m; ++row) {
    for (std::size_t column = 0; column < n; ++column) {
      for (std::size_t i = 0; i < k; ++i) {
        result[row * n + column] += a[row * k + i] * b[column * k + i];
      }
    }
  }
  return result;
}

}  // namespace orrery::kernels::reference
