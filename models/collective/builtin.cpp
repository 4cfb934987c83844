#include "models/collective/builtin.hpp"

namespace orrery {

Registry<CollectiveFactory> builtin_collectives() {
  return {
      {"all_reduce/ring", make_ring_all_reduce,
       "reduce-scatter then all-gather around the ring of members, 2(n-1) steps"},
      {"all_gather/ring", make_ring_all_gather, "each block travels the ring, n-1 steps"},
      {"reduce_scatter/ring", make_ring_reduce_scatter,
       "each block travels the ring and is added to, n-1 steps"},
      {"all_to_all/direct", make_direct_all_to_all, "every member sends to all others at once"},
      {"all_to_all/pairwise", make_pairwise_all_to_all,
       "in step k every member sends to the one k places on, n-1 steps"},
      {"broadcast/ring", make_ring_broadcast,
       "chunks follow each other along the chain from the root"},
      {"all_reduce/bidirectional_ring", make_bidirectional_ring_all_reduce,
       "half around each ring, half the other way"},
      {"all_reduce/tree", make_tree_all_reduce,
       "sums up a binary tree, chunk after chunk, and down again"},
      {"all_reduce/double_binary_tree", make_double_binary_tree_all_reduce,
       "half on each of two trees; a leaf of one is an inner member of the other"},
      {"all_reduce/recursive_halving_doubling", make_recursive_all_reduce,
       "Rabenseifner's: halves with partners ever nearer, then doubles, 2 log2(n) steps"},
      {"all_reduce/direct", make_direct_all_reduce,
       "one-shot: every member sends all others everything at once"},
      {"all_reduce/two_shot", make_two_shot_all_reduce,
       "direct reduce-scatter, then direct all-gather: two steps"},
      {"all_reduce/torus_2d", make_torus_2d_all_reduce,
       "rings along the rows, then the columns, of a square of members"},
      {"all_reduce/torus", make_torus_all_reduce,
       "rings along all dimensions of a torus, as many parts in turns, both ways around"},
      {"all_reduce/hierarchical", make_hierarchical_all_reduce,
       "rings inside the nodes, then across them on every rail, then inside"},
      {"all_gather/recursive", make_recursive_all_gather,
       "doubles what a member has with partners ever farther, log2(n) steps"},
      {"all_gather/bruck", make_bruck_all_gather,
       "doubles what a member has around the circle, any number of members"},
      {"all_gather/direct", make_direct_all_gather, "every member sends all others its block"},
      {"all_gather/hierarchical", make_hierarchical_all_gather,
       "rings across the nodes on every rail, then inside them"},
      {"all_gather/torus", make_torus_all_gather,
       "rings along all dimensions of a torus, as many parts in turns, both ways around"},
      {"reduce_scatter/torus", make_torus_reduce_scatter,
       "rings along all dimensions of a torus, as many parts in turns, both ways around"},
      {"reduce_scatter/recursive", make_recursive_reduce_scatter,
       "halves what is summed with partners ever nearer, log2(n) steps"},
      {"reduce_scatter/bruck", make_bruck_reduce_scatter,
       "halves what is summed around the circle, any number of members"},
      {"reduce_scatter/direct", make_direct_reduce_scatter,
       "every member sends each other that one's block"},
      {"reduce_scatter/hierarchical", make_hierarchical_reduce_scatter,
       "rings inside the nodes, then across them on every rail"},
      {"all_to_all/bruck", make_bruck_all_to_all,
       "log2(n) steps of half of the buffer: for small ones"},
      {"all_to_all/hierarchical", make_hierarchical_all_to_all,
       "rail-aligned, as NCCL's PXN: inside the nodes to the destination's rail, then along it"},
      {"all_to_all/rail_first", make_rail_first_all_to_all,
       "rail-aligned, as DeepEP's dispatch: along the rails, then inside the nodes"},
      {"all_reduce/recursive_doubling", make_recursive_doubling_all_reduce,
       "everything with partners ever farther, log2(n) steps: for small buffers"},
      {"all_reduce/nvls", make_nvls_all_reduce,
       "NVLink SHARP: in one node, whose switch adds and copies, one step"},
      {"all_reduce/sharp", make_sharp_all_reduce,
       "direct inside the nodes; between them the switches add, each adapter sends its part once"},
      {"all_gather/pat", make_pat_all_gather,
       "NCCL's parallel aggregated trees: farthest first, log2(n) steps while the buffer holds"},
      {"all_gather/nvls", make_nvls_all_gather,
       "NVLink SHARP: in one node, whose switch copies to all, one step"},
      {"reduce_scatter/pat", make_pat_reduce_scatter,
       "NCCL's parallel aggregated trees: nearest first, log2(n) steps while the buffer holds"},
      {"reduce_scatter/nvls", make_nvls_reduce_scatter,
       "NVLink SHARP: in one node, whose switch adds, one step"},
      {"broadcast/binomial", make_binomial_broadcast,
       "down a binomial tree, ceil(log2 n) steps: for small buffers"},
      {"reduce/ring", make_ring_reduce, "chunks follow each other along the chain to the root"},
      {"reduce/binomial", make_binomial_reduce,
       "up a binomial tree, ceil(log2 n) steps: for small buffers"},
      {"gather/direct", make_direct_gather, "every member sends the root its block at once"},
      {"gather/binomial", make_binomial_gather,
       "blocks gather up a binomial tree, ceil(log2 n) steps: for small ones"},
      {"scatter/direct", make_direct_scatter, "the root sends every member its block at once"},
      {"scatter/binomial", make_binomial_scatter,
       "blocks part down a binomial tree, ceil(log2 n) steps: for small ones"},
      {"barrier/dissemination", make_dissemination_barrier,
       "signals to members twice as far in each of ceil(log2 n) steps"},
      {"send_recv/direct", make_direct_send_recv, "every member sends to the next, at once"},
      {"all_to_all_v/direct", make_direct_all_to_all_v,
       "every member sends all others what is for them at once"},
      {"all_to_all_v/pairwise", make_pairwise_all_to_all_v,
       "in step k every member sends to the one k places on, n-1 steps"},
  };
}

std::string collective_refusal(const std::string& name, const CollectiveSite& site) {
  if (name.ends_with("/nvls")) {
    if (!site.node.empty()) return "nvls needs groups inside one node";
    if (!site.switch_adds) {
      return "nvls needs groups at a switch that adds (\"in_network_reduction\" of the node's "
             "fabric)";
    }
  }
  if (name.ends_with("/sharp")) {
    if (site.node.empty()) return "sharp needs groups over several nodes (inside one it is nvls)";
    if (!site.network_adds) {
      return "sharp needs groups whose nodes meet in switches that add (\"in_network_reduction\" "
             "of the "
             "cluster's fabric)";
    }
  }
  return "";
}

}  // namespace orrery
