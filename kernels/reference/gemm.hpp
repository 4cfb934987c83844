#pragma once

#include <cstddef>
#include <vector>

namespace orrery::kernels::reference {

/// C (m, n) = A (m, k) B^T, B (n, k), all row-major.
inline std::vector<double> gemm(int m, int n, int k, const std::vector<double>& a,
                                const std::vector<double>& b) {
  const auto rows = static_cast<std::size_t>(m), columns = static_cast<std::size_t>(n),
             depth = static_cast<std::size_t>(k);
  std::vector<double> c(rows * columns);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < columns; ++j) {
      double sum = 0;
      for (std::size_t l = 0; l < depth; ++l) sum += a[i * depth + l] * b[j * depth + l];
      c[i * columns + j] = sum;
    }
  }
  return c;
}

}  // namespace orrery::kernels::reference
