#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "traces/rank_programs.hpp"

namespace orrery {

/// The place of an op: its rank, and its number there.
struct Place {
  Rank rank = 0;
  std::uint32_t op = 0;
};

inline const RankOp& op_at(const RankPrograms& programs, Place place) {
  return programs.ranks[static_cast<std::size_t>(place.rank)][place.op];
}
/// "label" (number) of rank R.
std::string describe(const RankPrograms& programs, Place place);

/// The ops of a rank: dependencies first, among those that are free the earliest recorded, then the
/// first in the file. Throws DeadlockError where they wait for each other in a circle.
std::vector<std::uint32_t> program_order(const RankPrograms& programs, Rank rank);

/// What runs as one op: alone, a send with its receive, or the members of a group in its order.
/// `order`: by rank. Throws DeadlockError for what is never met.
std::vector<std::vector<Place>> meetings(const RankPrograms& programs,
                                         const std::vector<std::vector<std::uint32_t>>& order);

}  // namespace orrery
