// One layer of attention over sequences that are divided among ranks.
#pragma once

#include <numeric>
#include <vector>

#include "workloads/sequence/sequence_method.hpp"

namespace orrery {

inline SequenceLayer layer_of(std::int64_t tokens, std::int64_t heads, std::int64_t kv_heads,
                              AttentionMask mask, TokenLayout layout = TokenLayout::contiguous) {
  SequenceLayer layer;
  layer.lengths = {tokens};
  layer.heads = heads;
  layer.kv_heads = kv_heads;
  layer.head_size = 128;
  layer.mask = mask;
  layer.layout = layout;
  return layer;
}

/// A graph for one group of `degree` ranks.
struct OneSequenceGroup {
  explicit OneSequenceGroup(std::int64_t degree)
      : graph(static_cast<Rank>(degree)),
        into(graph, ranks_of(degree), degree,
             {.compute = graph.stream("compute"),
              .category = graph.label("forward"),
              .activations = graph.label("activations"),
              .buffers = graph.label("buffers")}) {}

  static std::vector<Rank> ranks_of(std::int64_t degree) {
    std::vector<Rank> ranks(static_cast<std::size_t>(degree));
    std::iota(ranks.begin(), ranks.end(), 0);
    return ranks;
  }

  TaskGraph graph;
  SequenceGraph into;
};

}  // namespace orrery
