#include "models/collective/ring_orders.hpp"

#include <algorithm>
#include <set>

namespace orrery {
namespace {

using Order = std::vector<int>;

/// Places c, c+1, c-1, c+2, c-2, … of m, modulo m: a path whose links join places with the sums 2c
/// and 2c+1, so that those of different c have none in common while 2c < m-1, either way along. For
/// even m it ends at c + m/2, and the path of that place is the same backwards. Walecki's
/// construction, in Lucas 1892, Récréations mathématiques II, pp. 161-163.
Order zigzag(int c, int m) {
  Order path;
  for (int i = 0; i < m; ++i) path.push_back((c + (i % 2 == 1 ? (i + 1) / 2 : m - i / 2)) % m);
  return path;
}

/// Walecki's rings: a zigzag over all members but the last, closed by that one, and the same
/// backwards: n-1 rings for odd n, n-2 for even n. Requires three members or more.
std::vector<Order> mesh_rings(int n) {
  std::vector<Order> rings;
  for (int c = 0; c < (n - 1) / 2; ++c) {
    Order ring = zigzag(c, n - 1);
    ring.push_back(n - 1);
    rings.emplace_back(ring.rbegin(), ring.rend());
    rings.push_back(std::move(ring));
  }
  return rings;
}

std::vector<Order> both_ways(std::vector<Order> rings) {
  for (std::size_t ring = rings.size(); ring-- > 0;) {
    rings.emplace_back(rings[ring].rbegin(), rings[ring].rend());
  }
  return rings;
}

/// Through the members of a node, from the adapter of ring `channel` to another's, so that the
/// paths of all channels begin and end at different adapters. Where each member has its own, and
/// they are even in number, no two paths have a directed link in common.
Order path_through(const std::vector<int>& members, const CollectiveSite& site, int channel,
                   int channels) {
  const int count = static_cast<int>(members.size());
  Order path;
  if (channels == count && count % 2 == 0) {
    for (const int place : zigzag(channel, count)) {
      path.push_back(members[static_cast<std::size_t>(place)]);
    }
    return path;
  }
  const auto adapter = [&](int member) { return site.nic[static_cast<std::size_t>(member)]; };
  const int out = (channel + 1) % channels;
  const auto first = std::find_if(members.begin(), members.end(),
                                  [&](int member) { return adapter(member) == channel; });
  const auto last = std::find_if(members.rbegin(), members.rend(), [&](int member) {
    return adapter(member) == out && member != *first;
  });
  const int end = last == members.rend() ? -1 : *last;
  for (auto next = first; static_cast<int>(path.size()) < count - (end < 0 ? 0 : 1);) {
    if (*next != end) path.push_back(*next);
    if (++next == members.end()) next = members.begin();
  }
  if (end >= 0) path.push_back(end);
  return path;
}

}  // namespace

std::vector<std::vector<int>> members_by_node(const CollectiveCall& call) {
  const std::vector<int>& node = call.site.node;
  std::vector<std::vector<int>> nodes(1);
  for (int member = 0; member < call.members; ++member) {
    const std::size_t of =
        node.empty() ? 0 : static_cast<std::size_t>(node[static_cast<std::size_t>(member)]);
    if (of >= nodes.size()) nodes.resize(of + 1);
    nodes[of].push_back(member);
  }
  return nodes;
}

bool rings_go_both_ways(const CollectiveCall& call) {
  if (!call.site.rings.empty()) return true;
  return call.site.meshed && call.members > 2 && members_by_node(call).size() == 1;
}

int adapters_of(const CollectiveCall& call) {
  const std::vector<std::vector<int>> nodes = members_by_node(call);
  if (nodes.size() == 1 || static_cast<int>(nodes.size()) == call.members) return 1;
  int fewest = call.members;
  for (const std::vector<int>& members : nodes) {
    std::set<int> adapters;
    for (const int member : members) {
      const int adapter = call.site.nic[static_cast<std::size_t>(member)];
      if (adapter >= 0) adapters.insert(adapter);
    }
    fewest = std::min(fewest, static_cast<int>(adapters.size()));
  }
  return fewest;
}

std::vector<std::vector<int>> ring_orders(const CollectiveCall& call) {
  const std::vector<std::vector<int>> nodes = members_by_node(call);
  if (!call.site.rings.empty()) return both_ways(call.site.rings);
  if (rings_go_both_ways(call)) return mesh_rings(call.members);
  if (nodes.size() == 1) return {Order{}};
  if (static_cast<int>(nodes.size()) == call.members) return {Order{}};
  const int channels = adapters_of(call);
  std::vector<Order> orders(static_cast<std::size_t>(channels));
  for (int channel = 0; channel < channels; ++channel) {
    Order& order = orders[static_cast<std::size_t>(channel)];
    for (std::size_t index = 0; index < nodes.size(); ++index) {
      Order path = path_through(nodes[index], call.site, channel, channels);
      // Every other node backwards: it is entered where the one before was left.
      if (index % 2 == 1) std::reverse(path.begin(), path.end());
      order.insert(order.end(), path.begin(), path.end());
    }
  }
  return orders;
}

}  // namespace orrery
