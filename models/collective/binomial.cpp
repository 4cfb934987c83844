#include <algorithm>
#include <bit>

#include "models/collective/builtin.hpp"
#include "models/collective/rounds.hpp"

namespace orrery {
namespace {

/// A binomial tree below the root of a call: the member p places on hangs below the one at p
/// without its lowest bit, and has the subtree p … p + that bit - 1. Depth ceil(log2 n) for any n.
/// Thakur, Rabenseifner and Gropp 2005, IJHPCA 19(1), §3.2, §3.4; Chan et al. 2007, Concurrency and
/// Computation 19(13), §4 (minimum spanning tree algorithms).
class BinomialTree {
 public:
  explicit BinomialTree(const CollectiveCall& call) : members_(call.members), root_(call.root) {}

  int height() const { return std::bit_width(static_cast<unsigned>(members_ - 1)); }
  enum class Load { buffer, subtree };  // the one block there is, or those of the subtree below

  /// From the root on, largest subtrees first.
  void down(int member, int round, Load load, std::vector<Exchange>& out) const {
    const int bit = 1 << (height() - 1 - round);
    const int place = place_of(member);
    if (place % (2 * bit) == 0 && place + bit < members_) {
      out.push_back(edge(place + bit, bit, member_at(place + bit), load));
    }
  }
  /// The same backwards.
  void up(int member, int round, Load load, bool reduces, std::vector<Exchange>& out) const {
    const int bit = 1 << round;
    const int place = place_of(member);
    if (place % (2 * bit) != bit) return;
    out.push_back(edge(place, bit, member_at(place - bit), load));
    out.back().reduces = reduces;
  }

 private:
  Exchange edge(int child, int bit, int to, Load load) const {
    if (load == Load::buffer) return {.to = to};
    return {.to = to, .first = member_at(child), .count = std::min(bit, members_ - child)};
  }
  int place_of(int member) const { return (member - root_ + members_) % members_; }
  int member_at(int place) const { return (place + root_) % members_; }

  int members_;
  int root_;
};

RoundShape shape_of(const CollectiveCall& call, const BinomialTree& tree, int blocks) {
  return {.rounds = tree.height(), .blocks = blocks, .chunk = call.chunk};
}

}  // namespace

std::unique_ptr<CollectiveProgram> make_binomial_broadcast(const CollectiveCall& call) {
  const BinomialTree tree(call);
  return in_rounds(call, shape_of(call, tree, 1),
                   [tree](int member, int round, std::vector<Exchange>& out) {
                     tree.down(member, round, BinomialTree::Load::buffer, out);
                   });
}

std::unique_ptr<CollectiveProgram> make_binomial_reduce(const CollectiveCall& call) {
  const BinomialTree tree(call);
  return in_rounds(call, shape_of(call, tree, 1),
                   [tree](int member, int round, std::vector<Exchange>& out) {
                     tree.up(member, round, BinomialTree::Load::buffer, true, out);
                   });
}

/// A block goes as often as its place has bits: for small ones.
std::unique_ptr<CollectiveProgram> make_binomial_gather(const CollectiveCall& call) {
  const BinomialTree tree(call);
  return in_rounds(call, shape_of(call, tree, call.members),
                   [tree](int member, int round, std::vector<Exchange>& out) {
                     tree.up(member, round, BinomialTree::Load::subtree, false, out);
                   });
}

std::unique_ptr<CollectiveProgram> make_binomial_scatter(const CollectiveCall& call) {
  const BinomialTree tree(call);
  return in_rounds(call, shape_of(call, tree, call.members),
                   [tree](int member, int round, std::vector<Exchange>& out) {
                     tree.down(member, round, BinomialTree::Load::subtree, out);
                   });
}

}  // namespace orrery
