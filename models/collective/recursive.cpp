#include <algorithm>
#include <bit>

#include "models/collective/builtin.hpp"
#include "models/collective/rounds.hpp"

namespace orrery {
namespace {

/// Recursive halving and doubling (Thakur, Rabenseifner and Gropp 2005, IJHPCA 19(1), §3.1, §3.3,
/// §3.4, where all-reduce by both is Rabenseifner's). Of n members p = 2^q <= n take part; each of
/// the n-p others hands its buffer to a partner first, and is handed what it is to have last. A
/// partner speaks for both blocks.
class Recursion {
 public:
  explicit Recursion(int n)
      : members_(n), powers_(std::bit_width(static_cast<unsigned>(n)) - 1), active_(1 << powers_) {}

  int exchanges() const { return powers_; }
  bool has_others() const { return members_ > active_; }

  /// The others' whole buffers, to be added.
  void hand_in(int member, std::vector<Exchange>& out) const {
    if (member < active_) return;
    out.push_back({.to = member - active_, .first = 0, .count = members_, .reduces = true});
  }
  /// The others' own blocks, to be passed on.
  void hand_in_block(int member, std::vector<Exchange>& out) const {
    if (member >= active_) out.push_back({.to = member - active_, .first = member});
  }
  /// To the others: the sum of their block, or everything but their block.
  void hand_out_block(int member, std::vector<Exchange>& out) const {
    const int other = member + active_;
    if (other < members_) out.push_back({.to = other, .first = other});
  }
  void hand_out_all(int member, bool own_too, std::vector<Exchange>& out) const {
    const int other = member + active_;
    if (other >= members_) return;
    const int count = own_too ? members_ : members_ - 1;
    out.push_back({.to = other, .first = (other + 1) % members_, .count = count});
  }
  /// Of the blocks that are still mine, the half that is the other's. Distances p/2, p/4, …, 1.
  void halve(int member, int index, std::vector<Exchange>& out) const {
    if (member >= active_) return;
    const int distance = active_ >> (index + 1);
    send_blocks_of(member ^ distance, member ^ distance, distance, true, out);
  }
  /// Everything. Distances 1, 2, …, p/2.
  void exchange_all(int member, int index, std::vector<Exchange>& out) const {
    if (member >= active_) return;
    out.push_back({.to = member ^ (1 << index), .count = members_, .reduces = true});
  }
  /// All the blocks that I have. Distances 1, 2, …, p/2.
  void double_up(int member, int index, std::vector<Exchange>& out) const {
    if (member >= active_) return;
    const int distance = 1 << index;
    send_blocks_of(member, member ^ distance, distance, false, out);
  }

 private:
  /// The blocks of the `count` members around `whose`, and of those that they speak for.
  void send_blocks_of(int whose, int to, int count, bool reduces,
                      std::vector<Exchange>& out) const {
    const int first = whose & ~(count - 1);
    out.push_back({.to = to, .first = first, .count = count, .reduces = reduces});
    const int others = std::min(count, members_ - (first + active_));
    if (others <= 0) return;
    out.push_back(
        {.to = to, .first = first + active_, .count = others, .reduces = reduces, .joined = true});
  }

  int members_;
  int powers_;
  int active_;
};

/// What a round is: which stage, and which exchange of it.
RoundShape shape_of(const CollectiveCall& call, int rounds) {
  return {.rounds = rounds, .blocks = call.members, .chunk = call.chunk};
}

}  // namespace

std::unique_ptr<CollectiveProgram> make_recursive_reduce_scatter(const CollectiveCall& call) {
  const Recursion recursion(call.members);
  const int extra = recursion.has_others() ? 1 : 0;
  return in_rounds(call, shape_of(call, recursion.exchanges() + 2 * extra),
                   [recursion, extra](int member, int round, std::vector<Exchange>& out) {
                     const int index = round - extra;
                     if (index < 0) return recursion.hand_in(member, out);
                     if (index < recursion.exchanges()) return recursion.halve(member, index, out);
                     recursion.hand_out_block(member, out);
                   });
}

std::unique_ptr<CollectiveProgram> make_recursive_all_gather(const CollectiveCall& call) {
  const Recursion recursion(call.members);
  const int extra = recursion.has_others() ? 1 : 0;
  return in_rounds(call, shape_of(call, recursion.exchanges() + 2 * extra),
                   [recursion, extra](int member, int round, std::vector<Exchange>& out) {
                     const int index = round - extra;
                     if (index < 0) return recursion.hand_in_block(member, out);
                     if (index < recursion.exchanges()) {
                       return recursion.double_up(member, index, out);
                     }
                     recursion.hand_out_all(member, false, out);
                   });
}

std::unique_ptr<CollectiveProgram> make_recursive_all_reduce(const CollectiveCall& call) {
  const Recursion recursion(call.members);
  const int extra = recursion.has_others() ? 1 : 0;
  return in_rounds(call, shape_of(call, 2 * recursion.exchanges() + 2 * extra),
                   [recursion, extra](int member, int round, std::vector<Exchange>& out) {
                     const int half = recursion.exchanges();
                     const int index = round - extra;
                     if (index < 0) return recursion.hand_in(member, out);
                     if (index < half) return recursion.halve(member, index, out);
                     if (index < 2 * half) return recursion.double_up(member, index - half, out);
                     recursion.hand_out_all(member, true, out);
                   });
}

/// The whole buffer in each of log2(p) rounds: the fewest there can be, for small buffers (ibid.,
/// §4.5 "recursive doubling").
std::unique_ptr<CollectiveProgram> make_recursive_doubling_all_reduce(const CollectiveCall& call) {
  const Recursion recursion(call.members);
  const int extra = recursion.has_others() ? 1 : 0;
  return in_rounds(call, shape_of(call, recursion.exchanges() + 2 * extra),
                   [recursion, extra](int member, int round, std::vector<Exchange>& out) {
                     const int index = round - extra;
                     if (index < 0) return recursion.hand_in(member, out);
                     if (index < recursion.exchanges()) {
                       return recursion.exchange_all(member, index, out);
                     }
                     recursion.hand_out_all(member, true, out);
                   });
}

}  // namespace orrery
