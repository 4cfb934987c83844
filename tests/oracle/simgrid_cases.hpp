#pragma once

#include <cstdint>

#include "tools/simgrid/interchange.hpp"

/// Random short cases for the comparison with SimGrid, one shape of fabric a function. Half of them
/// (the even seeds) are regular, with equal links, sizes and starts, so that much ends in one
/// instant; in the others everything is drawn anew. Sizes and rates make a transfer last tenths of
/// a second: a billionth of that is far above the picosecond of our clock.
namespace orrery::oracle {

using Case = simgrid_program::Input;

/// Hosts around one switch, each with a link up and a link down.
Case star_case(std::uint64_t seed);
/// Nodes in a circle, a link each way between neighbours; a transfer goes the shorter way.
Case ring_case(std::uint64_t seed);
/// Hosts below leaf switches, every leaf joined to every spine; a transfer between leaves takes any
/// spine.
Case fat_tree_case(std::uint64_t seed);
/// A random tree and some edges more, each a link either way; transfers take a path of fewest hops.
Case random_graph_case(std::uint64_t seed);
/// Computes that share the cores of a few hosts while transfers share one link.
Case compute_case(std::uint64_t seed);

}  // namespace orrery::oracle
