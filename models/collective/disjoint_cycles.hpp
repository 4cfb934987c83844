#pragma once

#include <vector>

namespace orrery {

/// Rings through all of n members, each once, that share no link: as many as are found. `links`:
/// by pair of members, row by row, how many links join them, the same both ways. A ring begins with
/// member 0 and uses one link of each two members in a row, and of the last and the first.
///
/// Depth first, over partners with most links left, the lowest first; at most 20 000 members
/// are tried for each number of rings, beginning with half of the fewest links that a member has.
/// What is found is the same each time; there may be more where that limit ends the search.
std::vector<std::vector<int>> disjoint_cycles(std::vector<int> links, int n);

}  // namespace orrery
