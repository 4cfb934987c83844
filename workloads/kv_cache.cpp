#include "workloads/kv_cache.hpp"

namespace orrery {

Bytes kv_cache_bytes_per_token(const NetworkShape& shape, Precision precision,
                               std::int64_t tensor) {
  const std::int64_t elements =
      shape.has_latent() ? shape.latent.kv_rank + shape.rotary_size : 2 * shape.key_size(tensor);
  return storage(precision, elements) * shape.layers;
}

}  // namespace orrery
