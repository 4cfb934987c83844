#include "models/collective/builtin.hpp"
#include "models/collective/parts.hpp"
#include "models/collective/rounds.hpp"

namespace orrery {
namespace {

/// Calls visit(other) for all others, the nearest successor first.
template <class Visit>
void for_each_other(int member, int members, Visit visit) {
  for (int away = 1; away < members; ++away) visit((member + away) % members);
}

}  // namespace

/// Every member sends all others its whole buffer: one step, n-1 times the size from each. The
/// least latency there is; vLLM's custom all-reduce calls it one-shot (csrc/custom_all_reduce.cuh).
/// All pieces of a buffer leave at once: they are of the input, which sums must not reach.
std::unique_ptr<CollectiveProgram> make_direct_all_reduce(const CollectiveCall& call) {
  const int n = call.members;
  const int pieces = pieces_of(call.size, call.chunk);
  return in_rounds(call, {.rounds = 1, .blocks = pieces},
                   [n, pieces](int member, int, std::vector<Exchange>& out) {
                     for (int piece = 0; piece < pieces; ++piece) {
                       for_each_other(member, n, [&](int to) {
                         out.push_back({.to = to, .first = piece, .reduces = true});
                       });
                     }
                   });
}

/// Everybody gets its block of all others and adds, then sends the sum to all others: two steps,
/// 2(n-1)/n of the size from each. "Two-shot" in vLLM's csrc/custom_all_reduce.cuh.
std::unique_ptr<CollectiveProgram> make_two_shot_all_reduce(const CollectiveCall& call) {
  const int n = call.members;
  return in_rounds(
      call, {.rounds = 2, .blocks = n, .chunk = call.chunk},
      [n](int member, int round, std::vector<Exchange>& out) {
        for_each_other(member, n, [&](int to) {
          out.push_back({.to = to, .first = round == 0 ? to : member, .reduces = round == 0});
        });
      });
}

/// Every member sends all others its block: one step.
std::unique_ptr<CollectiveProgram> make_direct_all_gather(const CollectiveCall& call) {
  const int n = call.members;
  return in_rounds(call, {.rounds = 1, .blocks = n, .chunk = call.chunk},
                   [n](int member, int, std::vector<Exchange>& out) {
                     for_each_other(member, n,
                                    [&](int to) { out.push_back({.to = to, .first = member}); });
                   });
}

/// Every member sends each other that one's block, who adds all: one step.
std::unique_ptr<CollectiveProgram> make_direct_reduce_scatter(const CollectiveCall& call) {
  const int n = call.members;
  return in_rounds(call, {.rounds = 1, .blocks = n, .chunk = call.chunk},
                   [n](int member, int, std::vector<Exchange>& out) {
                     for_each_other(member, n, [&](int to) {
                       out.push_back({.to = to, .first = to, .reduces = true});
                     });
                   });
}

/// The root gets every other member's block, or gives each its own: one step.
std::unique_ptr<CollectiveProgram> make_direct_gather(const CollectiveCall& call) {
  return in_rounds(call, {.rounds = 1, .blocks = call.members, .chunk = call.chunk},
                   [root = call.root](int member, int, std::vector<Exchange>& out) {
                     if (member != root) out.push_back({.to = root, .first = member});
                   });
}
std::unique_ptr<CollectiveProgram> make_direct_scatter(const CollectiveCall& call) {
  const int n = call.members;
  return in_rounds(call, {.rounds = 1, .blocks = n, .chunk = call.chunk},
                   [n, root = call.root](int member, int, std::vector<Exchange>& out) {
                     if (member != root) return;
                     for_each_other(member, n,
                                    [&](int to) { out.push_back({.to = to, .first = to}); });
                   });
}

/// Every member sends its buffer to the next (nccl-tests, src/sendrecv.cu).
std::unique_ptr<CollectiveProgram> make_direct_send_recv(const CollectiveCall& call) {
  const int n = call.members;
  return in_rounds(call, {.rounds = 1, .blocks = 1, .personal = true, .chunk = call.chunk},
                   [n](int member, int, std::vector<Exchange>& out) {
                     out.push_back({.to = (member + 1) % n, .first = member});
                   });
}

}  // namespace orrery
