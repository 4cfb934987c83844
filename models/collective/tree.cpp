#include <algorithm>
#include <numeric>

#include "models/collective/builtin.hpp"
#include "models/collective/channels.hpp"
#include "models/collective/parts.hpp"
#include "models/collective/ring_orders.hpp"
#include "models/collective/rounds.hpp"

namespace orrery {
namespace {

/// A binary tree over an order of nodes in which inner places and leaves take turns: place p, whose
/// lowest bit is b, hangs below p - b with bit 2b set (as it may be already), or below p - b where
/// that is past the end; place 0 is the root. NCCL's tree (src/graph/trees.cc, ncclGetBtree), after
/// Sanders, Speck and Träff 2009 (Parallel Computing 35(12), §3).
class Tree {
 public:
  explicit Tree(const std::vector<int>& order)
      : parent_(order.size(), -1), children_(order.size()), depth_(order.size(), 0) {
    const int n = static_cast<int>(order.size());
    for (int place = 1; place < n; ++place) {
      const int node = order[static_cast<std::size_t>(place)];
      const int above = order[static_cast<std::size_t>(parent_of(place, n))];
      parent_[static_cast<std::size_t>(node)] = above;
      children_[static_cast<std::size_t>(above)].push_back(node);
      int depth = 1;
      for (int up = parent_of(place, n); up != 0; up = parent_of(up, n)) ++depth;
      depth_[static_cast<std::size_t>(node)] = depth;
      height_ = std::max(height_, depth);
    }
  }

  int height() const { return height_; }
  /// Above a node, or -1; below it; how far below the root it is.
  int parent(int node) const { return parent_[static_cast<std::size_t>(node)]; }
  const std::vector<int>& children(int node) const {
    return children_[static_cast<std::size_t>(node)];
  }
  int depth(int node) const { return depth_[static_cast<std::size_t>(node)]; }

 private:
  static int parent_of(int place, int n) {
    const int bit = place & -place;
    const int up = (place ^ bit) | (bit << 1);
    return up >= n ? place ^ bit : up;
  }

  std::vector<int> parent_;  // by node
  std::vector<std::vector<int>> children_;
  std::vector<int> depth_;
  int height_ = 0;
};

/// One channel: the members of every node in a chain, whose heads are in a tree. Sums go down the
/// chains to the heads and up the tree, then down again and back along the chains, as in NCCL
/// (src/graph/tuning.cc reckons with the same steps, 2 (members of a node - 1) inside nodes and
/// 2 log2(nodes) between). In a round all nodes do the same, or all of one depth.
///
///   a3 → a2 → a1 → a0 ─┐
///   b3 → b2 → b1 → b0 ─┴→ …
class Branch {
 public:
  /// `chains`: members of each node, its head first.
  Branch(std::vector<std::vector<int>> chains, const std::vector<int>& order)
      : chains_(std::move(chains)), tree_(order) {
    std::size_t members = 0;
    for (const std::vector<int>& chain : chains_) {
      members += chain.size();
      links_ = std::max(links_, static_cast<int>(chain.size()) - 1);
    }
    place_.resize(members);
    for (std::size_t node = 0; node < chains_.size(); ++node) {
      for (std::size_t at = 0; at < chains_[node].size(); ++at) {
        place_[static_cast<std::size_t>(chains_[node][at])] = {static_cast<int>(node),
                                                               static_cast<int>(at)};
      }
    }
  }

  int rounds() const { return 2 * (links_ + tree_.height()); }
  /// From the members that are farthest from the root to it in the first half, back in the second.
  void exchanges(int member, int round, std::vector<Exchange>& out) const {
    const auto [node, at] = place_[static_cast<std::size_t>(member)];
    const bool up = round < links_ + tree_.height();
    const int far = up ? links_ + tree_.height() - 1 - round : round - links_ - tree_.height();
    if (far >= tree_.height()) {  // along the chain, between `link` and the one after it
      const int link = far - tree_.height();
      if (at != (up ? link + 1 : link) || at + (up ? 0 : 1) >= length(node)) return;
      out.push_back({.to = member_at(node, up ? at - 1 : at + 1), .reduces = up});
    } else if (at == 0 && up) {
      if (tree_.depth(node) == far + 1) {
        out.push_back({.to = member_at(tree_.parent(node), 0), .reduces = true});
      }
    } else if (at == 0 && tree_.depth(node) == far) {
      for (const int child : tree_.children(node)) out.push_back({.to = member_at(child, 0)});
    }
  }

 private:
  struct Place {
    int node = 0;
    int at = 0;  // along the chain; 0: the head
  };
  int length(int node) const {
    return static_cast<int>(chains_[static_cast<std::size_t>(node)].size());
  }
  int member_at(int node, int at) const {
    return chains_[static_cast<std::size_t>(node)][static_cast<std::size_t>(at)];
  }

  std::vector<std::vector<int>> chains_;  // by node
  Tree tree_;
  int links_ = 0;             // of the longest chain
  std::vector<Place> place_;  // by member
};

/// In channel c the members of a node behind one that uses its adapter c: members of a node change
/// places from channel to channel, as NCCL's do, and all adapters are used.
std::vector<std::vector<int>> chains_of(std::vector<std::vector<int>> nodes,
                                        const CollectiveSite& site, int channel) {
  for (std::vector<int>& members : nodes) {
    const auto head = std::find_if(members.begin(), members.end(), [&](int member) {
      return !site.nic.empty() && site.nic[static_cast<std::size_t>(member)] == channel;
    });
    if (head != members.end()) std::rotate(members.begin(), head, members.end());
  }
  return nodes;
}

/// Pieces that may be under way between two members: NCCL_STEPS, by which NCCL's user guide divides
/// NCCL_BUFFSIZE (recalled).
constexpr int kBuffers = 8;
/// Of these as many as make kPipelineChunk, which waits for latency of more than a link has, and
/// two at least, one that leaves and one on its way: each round begins so many pieces after the one
/// before, where NCCL's begins with the first.
constexpr int kLeastAhead = 2;

/// With one node every member counts as one: the tree is among them.
std::unique_ptr<CollectiveProgram> trees(const CollectiveCall& call,
                                         const std::vector<std::vector<int>>& nodes,
                                         const std::vector<std::vector<int>>& orders) {
  std::vector<Branch> branches;
  const int adapters = adapters_of(call);
  for (int adapter = 0; adapter < adapters; ++adapter) {
    const std::vector<std::vector<int>> chains = chains_of(nodes, call.site, adapter);
    for (const std::vector<int>& order : orders) branches.emplace_back(chains, order);
  }
  const int count = static_cast<int>(branches.size());
  const Bytes chunk = call.chunk > Bytes(0)
                          ? call.chunk
                          : tree_chunk(call.size / count, branches.front().rounds() / 2);
  const auto ahead = static_cast<int>(
      std::clamp<std::int64_t>(kPipelineChunk.count() / chunk.count(), kLeastAhead, kBuffers));
  std::vector<std::unique_ptr<CollectiveProgram>> channels;
  for (int index = 0; index < count; ++index) {
    auto branch =
        std::make_shared<const Branch>(std::move(branches[static_cast<std::size_t>(index)]));
    channels.push_back(
        in_rounds(call, {.rounds = branch->rounds(), .blocks = 1, .chunk = chunk, .ahead = ahead},
                  [branch](int member, int round, std::vector<Exchange>& out) {
                    branch->exchanges(member, round, out);
                  },
                  {.index = index, .count = count}));
  }
  return side_by_side(std::move(channels));
}

std::vector<std::vector<int>> nodes_of(const CollectiveCall& call) {
  std::vector<std::vector<int>> nodes = members_by_node(call);
  if (nodes.size() > 1) return nodes;
  nodes.assign(static_cast<std::size_t>(call.members), {});
  for (int member = 0; member < call.members; ++member) {
    nodes[static_cast<std::size_t>(member)].push_back(member);
  }
  return nodes;
}

std::vector<int> in_order(std::size_t count) {
  std::vector<int> order(count);
  std::iota(order.begin(), order.end(), 0);
  return order;
}

}  // namespace

std::unique_ptr<CollectiveProgram> make_tree_all_reduce(const CollectiveCall& call) {
  const std::vector<std::vector<int>> nodes = nodes_of(call);
  return trees(call, nodes, {in_order(nodes.size())});
}

/// Two trees with half of the buffer each; a leaf of one is an inner place of the other: of an even
/// number the order backwards, of an odd one moved by a place (NCCL, ncclGetDtree).
std::unique_ptr<CollectiveProgram> make_double_binary_tree_all_reduce(const CollectiveCall& call) {
  const std::vector<std::vector<int>> nodes = nodes_of(call);
  const std::vector<int> first = in_order(nodes.size());
  std::vector<int> second(first.rbegin(), first.rend());
  if (nodes.size() % 2 == 1) {
    second = first;
    std::rotate(second.begin(), second.begin() + 1, second.end());
  }
  return trees(call, nodes, {first, second});
}

}  // namespace orrery
