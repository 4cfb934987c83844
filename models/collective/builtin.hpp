#pragma once

#include <memory>

#include "models/collective/collective.hpp"

namespace orrery {

std::unique_ptr<CollectiveProgram> make_ring_all_reduce(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_ring_all_gather(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_ring_reduce_scatter(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_ring_broadcast(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_pairwise_all_to_all(const CollectiveCall& call);
std::unique_ptr<CollectiveProgram> make_direct_all_to_all(const CollectiveCall& call);

}  // namespace orrery
