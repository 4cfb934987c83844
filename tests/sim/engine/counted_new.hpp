#pragma once

#include <cstdint>

namespace orrery::testing {

/// Calls of operator new so far, in the whole program; link counted_new.cpp to it.
std::uint64_t allocations();

}  // namespace orrery::testing
