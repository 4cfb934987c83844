#pragma once

#include <cstddef>
#include <vector>

namespace orrery::kernels::reference {

struct LinearAttentionResult {
  std::vector<double> output;  // (heads, tokens, D)
  std::vector<double> final;   // (heads, D of value, D of key)
};

/// Causal linear attention, token by token: the state takes in v k^T, then the query reads it.
/// Source: Katharopoulos et al., ICML 2020, equations 18 to 20, without feature map and normaliser.
///   query, key, value (heads, tokens, D)   initial (heads, D of value, D of key)
inline LinearAttentionResult linear_attention(int heads, int tokens, int width,
                                              const std::vector<double>& query,
                                              const std::vector<double>& key,
                                              const std::vector<double>& value,
                                              const std::vector<double>& initial) {
  const auto d = static_cast<std::size_t>(width);
  LinearAttentionResult result{std::vector<double>(query.size()), initial};
  for (std::size_t head = 0; head < static_cast<std::size_t>(heads); ++head) {
    double* state = result.final.data() + head * d * d;  // (D, D)
    for (std::size_t token = 0; token < static_cast<std::size_t>(tokens); ++token) {
      const std::size_t at = (head * static_cast<std::size_t>(tokens) + token) * d;
      for (std::size_t i = 0; i < d; ++i) {
        double sum = 0;
        for (std::size_t j = 0; j < d; ++j) {
          state[i * d + j] += value[at + i] * key[at + j];
          sum += state[i * d + j] * query[at + j];
        }
        result.output[at + i] = sum;
      }
    }
  }
  return result;
}

}  // namespace orrery::kernels::reference
