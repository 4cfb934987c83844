#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sim/base/units.hpp"
#include "sim/graph/task_graph.hpp"

namespace orrery {

/// Memory of the fullest rank of one device class, or of the fullest node's host.
struct MemoryUse {
  std::string device;  // of a host: the node's name
  Bytes capacity;
  Bytes peak;
  Rank rank = 0;  // of a host: the node
  Time when;
  std::vector<std::pair<std::string, Bytes>> holds;  // by category at the peak, largest first

  bool fits() const { return peak <= capacity; }
};

/// What the memory of the devices leaves to a key-value cache.
struct KvCacheRoom {
  Bytes per_token_on_rank;
  Bytes per_token;                   // on all ranks of a replica
  std::int64_t capacity_tokens = 0;  // of a replica, on its fullest device
  std::int64_t largest_batch = 0;    // sequences of a replica, as long as those that ran
};

}  // namespace orrery
