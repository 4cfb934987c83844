#include "workloads/attended_pairs.hpp"

#include <algorithm>

namespace orrery {

std::int64_t twice_causal_pairs(const NetworkShape& shape, std::int64_t length) {
  const std::int64_t window = shape.attention_window;
  return window > 0 && window < length ? 2 * length * window - window * window : length * length;
}

std::int64_t twice_causal_pairs(const NetworkShape& shape, const Division& division) {
  if (division.packed.empty()) {
    return division.micro_batch * twice_causal_pairs(shape, division.sequence_length);
  }
  std::int64_t row = 0;
  for (const std::int64_t length : division.packed) {
    row += twice_causal_pairs(shape, length);
  }
  return division.micro_batch * row;
}

std::int64_t attended_pairs(const NetworkShape& shape, std::int64_t cached, std::int64_t tokens) {
  const std::int64_t window = shape.attention_window;
  const std::int64_t growing =  // new tokens that see all before them
      window > 0 ? std::clamp<std::int64_t>(window - cached, 0, tokens) : tokens;
  return growing * cached + growing * (growing + 1) / 2 + (tokens - growing) * window;
}

}  // namespace orrery
