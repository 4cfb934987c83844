#pragma once

#include <vector>

#include "models/collective/collective.hpp"

namespace orrery {

/// The members of each node of a site, as positions in the group, in their order there.
std::vector<std::vector<int>> members_by_node(const CollectiveCall& call);

/// Rings that share the links of a site, at least one, in each of which every member comes once; an
/// empty order is 0, 1, ….
///
///   one node behind a switch   one: a member has one port, which one ring fills
///   one node in a full mesh    rings without a link in common, both ways round
///   several nodes              one ring for each adapter of a node; it enters and leaves the next
///                              node by the adapter of the same number that it left the last by
///
/// Source of the last: NCCL searches for a ring per adapter (its channels), each of which stays on
/// one rail (assumed: recalled from NCCL's src/graph/search.cc and connect.cc).
std::vector<std::vector<int>> ring_orders(const CollectiveCall& call);

}  // namespace orrery
