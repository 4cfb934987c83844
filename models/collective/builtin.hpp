#pragma once

#include <memory>

#include "models/collective/collective.hpp"

namespace orrery {

std::unique_ptr<CollectiveProgram> make_ring_all_reduce(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_ring_all_gather(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_ring_reduce_scatter(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_ring_broadcast(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_ring_reduce(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_nvls_all_reduce(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_nvls_all_gather(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_nvls_reduce_scatter(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_sharp_all_reduce(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_recursive_doubling_all_reduce(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_pat_all_gather(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_pat_reduce_scatter(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_binomial_broadcast(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_binomial_reduce(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_binomial_gather(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_binomial_scatter(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_direct_gather(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_direct_scatter(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_direct_send_recv(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_dissemination_barrier(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_direct_all_to_all_v(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_pairwise_all_to_all_v(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_pairwise_all_to_all(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_direct_all_to_all(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_bidirectional_ring_all_reduce(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_tree_all_reduce(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_double_binary_tree_all_reduce(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_recursive_all_reduce(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_direct_all_reduce(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_two_shot_all_reduce(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_torus_2d_all_reduce(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_torus_all_reduce(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_torus_all_gather(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_torus_reduce_scatter(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_hierarchical_all_reduce(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_recursive_all_gather(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_bruck_all_gather(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_direct_all_gather(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_hierarchical_all_gather(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_recursive_reduce_scatter(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_direct_reduce_scatter(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_hierarchical_reduce_scatter(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_bruck_reduce_scatter(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_bruck_all_to_all(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_hierarchical_all_to_all(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_rail_first_all_to_all(const CollectiveCall& call);

}  // namespace orrery
