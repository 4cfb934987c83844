#include <bit>

#include "models/collective/builtin.hpp"
#include "models/collective/rounds.hpp"

namespace orrery {

/// In round k every member signals the one 2^k places on: after ceil(log2 n) rounds everybody has
/// heard of everybody, for any n (Hensgen, Finkel and Manber 1988, "Two algorithms for barrier
/// synchronization", International Journal of Parallel Programming 17(1)).
std::unique_ptr<CollectiveProgram> make_dissemination_barrier(const CollectiveCall& call) {
  const int n = call.members;
  const int rounds = std::bit_width(static_cast<unsigned>(n - 1));
  return in_rounds(call, {.rounds = rounds, .blocks = 1, .chunk = call.chunk},
                   [n](int member, int round, std::vector<Exchange>& out) {
                     out.push_back({.to = (member + (1 << round)) % n});
                   });
}

}  // namespace orrery
