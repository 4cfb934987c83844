#include <algorithm>
#include <numeric>

#include "models/collective/builtin.hpp"
#include "models/collective/channels.hpp"
#include "models/collective/parts.hpp"
#include "models/collective/ring_orders.hpp"
#include "models/collective/rounds.hpp"

namespace orrery {
namespace {

/// A binary tree over an order of the members in which inner places and leaves take turns: place p,
/// whose lowest bit is b, hangs below p - b with bit 2b set (as it may be already), or below p - b
/// where that is past the end; place 0 is the root. NCCL's tree (src/graph/trees.cc, ncclGetBtree),
/// after Sanders, Speck and Träff 2009 (Parallel Computing 35(12), §3).
class Tree {
 public:
  explicit Tree(const std::vector<int>& order)
      : parent_(order.size(), -1), children_(order.size()), depth_(order.size(), 0) {
    const int n = static_cast<int>(order.size());
    for (int place = 1; place < n; ++place) {
      const int member = order[static_cast<std::size_t>(place)];
      const int above = order[static_cast<std::size_t>(parent_of(place, n))];
      parent_[static_cast<std::size_t>(member)] = above;
      children_[static_cast<std::size_t>(above)].push_back(member);
      int depth = 1;
      for (int up = parent_of(place, n); up != 0; up = parent_of(up, n)) ++depth;
      depth_[static_cast<std::size_t>(member)] = depth;
      height_ = std::max(height_, depth);
    }
  }

  int height() const { return height_; }
  /// Sums go up from the deepest members on, in `height` rounds, and come down in as many.
  void exchanges(int member, int round, std::vector<Exchange>& out) const {
    const auto of = static_cast<std::size_t>(member);
    if (round < height_) {
      if (parent_[of] >= 0 && depth_[of] == height_ - round) {
        out.push_back({.to = parent_[of], .reduces = true});
      }
    } else if (depth_[of] == round - height_) {
      for (const int child : children_[of]) out.push_back({.to = child});
    }
  }

 private:
  static int parent_of(int place, int n) {
    const int bit = place & -place;
    const int up = (place ^ bit) | (bit << 1);
    return up >= n ? place ^ bit : up;
  }

  std::vector<int> parent_;  // by member
  std::vector<std::vector<int>> children_;
  std::vector<int> depth_;
  int height_ = 0;
};

/// Members of a node stand together, so that most of the tree stays in nodes.
std::vector<int> order_by_nodes(const CollectiveCall& call) {
  std::vector<int> order;
  for (const std::vector<int>& node : members_by_node(call)) {
    order.insert(order.end(), node.begin(), node.end());
  }
  return order;
}

std::unique_ptr<CollectiveProgram> trees(const CollectiveCall& call,
                                         std::vector<std::vector<int>> orders) {
  const Bytes chunk = call.chunk > Bytes(0) ? call.chunk : kPipelineChunk;
  return side_by_side(std::move(orders), [&](const Channel& channel) {
    const Tree tree(channel.order);
    return in_rounds(
        call, {.rounds = 2 * tree.height(), .blocks = 1, .chunk = chunk},
        [tree](int member, int round, std::vector<Exchange>& out) {
          tree.exchanges(member, round, out);
        },
        channel);
  });
}

}  // namespace

std::unique_ptr<CollectiveProgram> make_tree_all_reduce(const CollectiveCall& call) {
  return trees(call, {order_by_nodes(call)});
}

/// Two trees with half of the buffer each; a leaf of one is an inner place of the other: of an even
/// number the order backwards, of an odd one moved by a place (NCCL, ncclGetDtree).
std::unique_ptr<CollectiveProgram> make_double_binary_tree_all_reduce(const CollectiveCall& call) {
  const std::vector<int> first = order_by_nodes(call);
  std::vector<int> second(first.rbegin(), first.rend());
  if (call.members % 2 == 1) {
    second = first;
    std::rotate(second.begin(), second.begin() + 1, second.end());
  }
  return trees(call, {first, second});
}

}  // namespace orrery
