#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace orrery::kernels::reference {

struct Attention {
  std::vector<double> o;    // (queries, d)
  std::vector<double> lse;  // (queries)
};

/// One head: o = softmax(q k^T / sqrt(d)) v over the keys for which sees(query, key).
///   q  (queries, d)      k, v  (keys, d)
template <class Sees>
Attention attention(std::size_t queries, std::size_t keys, std::size_t d, const double* q,
                    const double* k, const double* v, const Sees& sees) {
  const double nothing = -std::numeric_limits<double>::infinity();
  Attention result{std::vector<double>(queries * d), std::vector<double>(queries, nothing)};
  std::vector<double> scores(keys);
  for (std::size_t i = 0; i < queries; ++i) {
    double most = nothing;
    for (std::size_t j = 0; j < keys; ++j) {
      double score = 0;
      for (std::size_t c = 0; c < d; ++c) score += q[i * d + c] * k[j * d + c];
      scores[j] = sees(i, j) ? score / std::sqrt(static_cast<double>(d)) : nothing;
      most = std::max(most, scores[j]);
    }
    if (most == nothing) continue;
    double sum = 0;
    for (std::size_t j = 0; j < keys; ++j) {
      const double weight = std::exp(scores[j] - most);
      sum += weight;
      for (std::size_t c = 0; c < d; ++c) result.o[i * d + c] += weight * v[j * d + c];
    }
    for (std::size_t c = 0; c < d; ++c) result.o[i * d + c] /= sum;
    result.lse[i] = most + std::log(sum);
  }
  return result;
}

}  // namespace orrery::kernels::reference
