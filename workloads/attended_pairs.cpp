#include "workloads/attended_pairs.hpp"

namespace orrery {

std::int64_t twice_causal_pairs(const NetworkShape& shape, std::int64_t length) {
  const std::int64_t window = shape.attention_window;
  return window > 0 && window < length ? 2 * length * window - window * window : length * length;
}

std::int64_t twice_causal_pairs(const NetworkShape& shape, const Division& division) {
  return division.micro_batch * twice_causal_pairs(shape, division.sequence_length);
}

}  // namespace orrery
