#include "workloads/attended_pairs.hpp"

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

}  // namespace orrery
