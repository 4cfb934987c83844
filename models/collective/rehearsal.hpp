#pragma once

#include <span>

#include "models/collective/collective.hpp"
#include "models/collective/resting_fabric.hpp"

namespace orrery {

/// Seconds of a program among the ranks of a group that has the fabric for itself: simulated, with
/// messages that share links wherever and whenever they meet, of whichever steps. Leaves out
/// launches and memories of devices. Takes as long as its run: for programs of few messages.
double rehearsed_seconds(RestingFabric& fabric, const CollectiveProgram& program,
                         std::span<const Rank> group);

}  // namespace orrery
