#include "workloads/kv_cache.hpp"

#include <algorithm>

namespace orrery {

Bytes kv_bytes_per_token(const NetworkShape& shape, Precision precision, std::int64_t tensor) {
  const std::int64_t elements =
      shape.has_latent() ? shape.latent.kv_rank + shape.rotary_size : 2 * shape.key_size(tensor);
  return storage(precision, elements);
}

std::int64_t kept_tokens(const NetworkShape& shape, std::int64_t length) {
  return shape.attention_window > 0 ? std::min(length, shape.attention_window) : length;
}

}  // namespace orrery
