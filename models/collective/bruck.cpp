#include <algorithm>
#include <bit>

#include "models/collective/builtin.hpp"
#include "models/collective/rounds.hpp"

namespace orrery {
namespace {

/// ceil(log2 n).
int doublings(int n) {
  return std::bit_width(static_cast<unsigned>(n - 1));
}

}  // namespace

/// In round k every member sends the blocks it has, its own and those after it, to the one 2^k
/// places back: ceil(log2 n) rounds for any n, (n-1)/n of the size from each (Bruck et al. 1997,
/// IEEE TPDS 8(11), §4).
std::unique_ptr<CollectiveProgram> make_bruck_all_gather(const CollectiveCall& call) {
  const int n = call.members;
  return in_rounds(call, {.rounds = doublings(n), .blocks = n, .chunk = call.chunk},
                   [n](int member, int round, std::vector<Exchange>& out) {
                     const int distance = 1 << round;
                     out.push_back({.to = (member - distance + n) % n,
                                    .first = member,
                                    .count = std::min(distance, n - distance)});
                   });
}

/// The all-gather backwards: what a member sent there it receives here and adds, the rounds from
/// the last to the first, and what came from the one 2^k places on goes to it.
std::unique_ptr<CollectiveProgram> make_bruck_reduce_scatter(const CollectiveCall& call) {
  const int n = call.members;
  const int rounds = doublings(n);
  return in_rounds(
      call, {.rounds = rounds, .blocks = n, .chunk = call.chunk},
      [n, rounds](int member, int round, std::vector<Exchange>& out) {
        const int distance = 1 << (rounds - 1 - round);
        const int to = (member + distance) % n;
        out.push_back(
            {.to = to, .first = to, .count = std::min(distance, n - distance), .reduces = true});
      });
}

/// A block that is to go d places on goes 2^k places in round k for each bit k of d, together with
/// all others that do: ceil(log2 n) rounds of about half of the size, where a pairwise exchange has
/// n-1 rounds of size/n (Bruck et al. 1997, IEEE TPDS 8(11), §3).
std::unique_ptr<CollectiveProgram> make_bruck_all_to_all(const CollectiveCall& call) {
  const int n = call.members;
  return in_rounds(call,
                   {.rounds = doublings(n), .blocks = n, .personal = true, .chunk = call.chunk},
                   [n](int member, int round, std::vector<Exchange>& out) {
                     const int distance = 1 << round;
                     bool joined = false;
                     for (int d = distance; d < n; ++d) {
                       if ((d & distance) == 0) continue;
                       // It has gone the lower bits of its way already.
                       const int from = (member - (d & (distance - 1)) + n) % n;
                       out.push_back({.to = (member + distance) % n,
                                      .first = from * n + (from + d) % n,
                                      .joined = joined});
                       joined = true;
                     }
                   });
}

}  // namespace orrery
