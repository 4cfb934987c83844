#pragma once

#include <memory>

#include "models/collective/collective.hpp"

namespace orrery {

std::unique_ptr<CollectiveProgram> make_ring_all_reduce(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_ring_all_gather(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_ring_reduce_scatter(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_ring_broadcast(const CollectiveCall& call);
/// Not among builtin_collectives(), whose messages say what is where: for who knows that the switch
/// of the fabric adds.
std::unique_ptr<CollectiveProgram> make_nvls_all_reduce(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_pairwise_all_to_all(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_direct_all_to_all(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_bidirectional_ring_all_reduce(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_tree_all_reduce(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_double_binary_tree_all_reduce(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_recursive_all_reduce(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_direct_all_reduce(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_two_shot_all_reduce(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_torus_all_reduce(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_hierarchical_all_reduce(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_recursive_all_gather(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_bruck_all_gather(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_direct_all_gather(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_hierarchical_all_gather(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_recursive_reduce_scatter(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_direct_reduce_scatter(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_hierarchical_reduce_scatter(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_bruck_all_to_all(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_hierarchical_all_to_all(const CollectiveCall& call);

}  // namespace orrery
