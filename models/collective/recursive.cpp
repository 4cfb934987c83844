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

  /// What a member sends in exchange `index` of a stage. Handing in and out are of one exchange.
  using Stage = void (Recursion::*)(int member, int index, std::vector<Exchange>& out) const;

  /// The others' whole buffers, to be added.
  void hand_in(int member, int, std::vector<Exchange>& out) const {
    if (member < active_) return;
    out.push_back({.to = member - active_, .first = 0, .count = members_, .reduces = true});
  }
  /// The others' own blocks, to be passed on.
  void hand_in_block(int member, int, std::vector<Exchange>& out) const {
    if (member >= active_) out.push_back({.to = member - active_, .first = member});
  }
  /// To the others: the sum of their block, everything but their block, or everything.
  void hand_out_block(int member, int, std::vector<Exchange>& out) const {
    const int other = member + active_;
    if (other < members_) out.push_back({.to = other, .first = other});
  }
  void hand_out_rest(int member, int, std::vector<Exchange>& out) const {
    hand_out(member, members_ - 1, out);
  }
  void hand_out_all(int member, int, std::vector<Exchange>& out) const {
    hand_out(member, members_, out);
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
  void hand_out(int member, int count, std::vector<Exchange>& out) const {
    const int other = member + active_;
    if (other >= members_) return;
    out.push_back({.to = other, .first = (other + 1) % members_, .count = count});
  }
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

/// `stages` of as many exchanges each as the powers of two have, between `first` and `last` of the
/// others, where there are any.
std::unique_ptr<CollectiveProgram> in_stages(const CollectiveCall& call, Recursion::Stage first,
                                             std::vector<Recursion::Stage> stages,
                                             Recursion::Stage last) {
  const Recursion recursion(call.members);
  const int extra = recursion.has_others() ? 1 : 0;
  const int rounds = static_cast<int>(stages.size()) * recursion.exchanges();
  return in_rounds(call,
                   {.rounds = rounds + 2 * extra, .blocks = call.members, .chunk = call.chunk},
                   [=](int member, int round, std::vector<Exchange>& out) {
                     const int exchange = round - extra;
                     if (exchange < 0) return (recursion.*first)(member, 0, out);
                     if (exchange >= rounds) return (recursion.*last)(member, 0, out);
                     const auto stage = static_cast<std::size_t>(exchange / recursion.exchanges());
                     (recursion.*stages[stage])(member, exchange % recursion.exchanges(), out);
                   });
}

}  // namespace

std::unique_ptr<CollectiveProgram> make_recursive_reduce_scatter(const CollectiveCall& call) {
  return in_stages(call, &Recursion::hand_in, {&Recursion::halve}, &Recursion::hand_out_block);
}

std::unique_ptr<CollectiveProgram> make_recursive_all_gather(const CollectiveCall& call) {
  return in_stages(call, &Recursion::hand_in_block, {&Recursion::double_up},
                   &Recursion::hand_out_rest);
}

std::unique_ptr<CollectiveProgram> make_recursive_all_reduce(const CollectiveCall& call) {
  return in_stages(call, &Recursion::hand_in, {&Recursion::halve, &Recursion::double_up},
                   &Recursion::hand_out_all);
}

/// The whole buffer in each of log2(p) rounds: the fewest there can be, for small buffers (ibid.,
/// §4.5 "recursive doubling").
std::unique_ptr<CollectiveProgram> make_recursive_doubling_all_reduce(const CollectiveCall& call) {
  return in_stages(call, &Recursion::hand_in, {&Recursion::exchange_all}, &Recursion::hand_out_all);
}

}  // namespace orrery
