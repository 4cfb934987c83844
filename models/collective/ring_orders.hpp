#pragma once

#include <vector>

#include "models/collective/collective.hpp"

namespace orrery {

/// The members of each node of a site, as positions in the group, in their order there.
std::vector<std::vector<int>> members_by_node(const CollectiveCall& call);

/// Adapters that every node of a site has for its members, at least one; 1 in one node, and where
/// each member has a node of its own.
int adapters_of(const CollectiveCall& call);

/// Rings that share the links of a site, at least one, in each of which every member comes once; an
/// empty order is 0, 1, ….
///
///   one node behind a switch   one: a member has one port, which one ring fills
///   one node in a full mesh    rings without a link in common, both ways round
///   one node with links        those of the site, likewise: a hybrid cube mesh of eight has three,
///   between some members       which take all six links of each, as NCCL has them on DGX-1
///   several nodes              one ring for each adapter of a node; it enters a node by the one
///                              of the number that it left the last by, and leaves by another, so
///                              that it uses two rails in turn; with an odd number of nodes the
///                              link that closes it crosses from one to the other
///
/// Source of the last: NCCL searches for a ring per adapter, its channels (assumed: recalled from
/// NCCL's src/graph/search.cc and connect.cc; there a ring may stay on one rail).
std::vector<std::vector<int>> ring_orders(const CollectiveCall& call);
/// Whether these have for each ring the same one backwards.
bool rings_go_both_ways(const CollectiveCall& call);

}  // namespace orrery
