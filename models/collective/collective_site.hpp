#pragma once

#include <span>

#include "models/collective/collective.hpp"
#include "models/fabric.hpp"

namespace orrery {

/// A single ring over links of their own that visits the members in their own order is what "ring"
/// is anyway, one way. A library that searches rings, as NCCL does, goes it both ways, like any.
enum class RingInOrder { one_way, both_ways };

/// Where the members of a group stand in a fabric.
CollectiveSite site_of(const Fabric& fabric, std::span<const Rank> group,
                       RingInOrder in_order = RingInOrder::one_way);

/// Fills in CollectiveSite::torus, where the network says along which dimensions its links lead:
/// that of a node, of whose devices the members are, or that between nodes of which each has one.
void find_torus(const Fabric& fabric, std::span<const Rank> group, CollectiveSite& site);

/// The same where only the first so many adapters of a node are taken; 0: all. Members at others
/// have none (-1): rings and trees enter and leave by those that have one. A ring over one adapter
/// leaves by that of the node's last member, so that each carries one direction.
CollectiveSite over_adapters(CollectiveSite site, int adapters);

}  // namespace orrery
