#include "models/collective/builtin.hpp"

namespace orrery {

Registry<CollectiveFactory> builtin_collectives() {
  return {
      {"all_reduce/ring", make_ring_all_reduce,
       "reduce-scatter then all-gather around the ring of members, 2(n-1) steps"},
      {"all_gather/ring", make_ring_all_gather, "each block travels the ring, n-1 steps"},
      {"reduce_scatter/ring", make_ring_reduce_scatter,
       "each block travels the ring and is added to, n-1 steps"},
      {"all_to_all/pairwise", make_pairwise_all_to_all,
       "in step k every member sends to the one k places on, n-1 steps"},
      {"all_to_all/direct", make_direct_all_to_all, "every member sends to all others at once"},
      {"broadcast/ring", make_ring_broadcast,
       "chunks follow each other along the chain from the root"},
  };
}

}  // namespace orrery
