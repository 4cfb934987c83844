#include "workloads/kv_cache.hpp"

namespace orrery {

Bytes kv_cache_bytes_per_token(const NetworkShape& shape, Precision precision,
                               std::int64_t tensor) {
  const std::int64_t elements = 2 * shape.kv_heads_on_rank(tensor) * shape.head_size;
  return storage(precision, elements) * shape.layers;
}

}  // namespace orrery
