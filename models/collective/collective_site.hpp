#pragma once

#include <span>

#include "models/collective/collective.hpp"
#include "models/fabric.hpp"

namespace orrery {

/// Where the members of a group stand in a fabric.
CollectiveSite site_of(const Fabric& fabric, std::span<const Rank> group);

}  // namespace orrery
