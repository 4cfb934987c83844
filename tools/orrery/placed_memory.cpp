#include "tools/orrery/placed_memory.hpp"

#include <algorithm>
#include <map>

namespace orrery {

PlacedMemory::PlacedMemory(const TaskGraph& graph, std::span<const Rank> rank_of, Rank node_devices)
    : graph_(&graph),
      shares_(static_cast<std::size_t>(graph.world_size())),
      devices_(graph.world_size(), graph.label_count()),
      hosts_(0, 0) {
  if (graph.host_categories().empty()) return;
  std::map<std::vector<Rank>, Rank> host_of;  // by the ranks of a node's devices, sorted
  const auto size = static_cast<std::size_t>(node_devices);
  for (std::size_t begin = 0; begin < rank_of.size(); begin += size) {
    const std::span<const Rank> on_node =
        rank_of.subspan(begin, std::min(size, rank_of.size() - begin));
    std::vector<Rank> ranks(on_node.begin(), on_node.end());
    std::sort(ranks.begin(), ranks.end());
    const auto host = static_cast<Rank>(first_node_.size());
    if (!host_of.try_emplace(ranks, host).second) continue;
    first_node_.push_back(static_cast<Rank>(begin / size));
    for (const Rank rank : ranks) {
      std::vector<Share>& shares = shares_[static_cast<std::size_t>(rank)];
      if (shares.empty() || shares.back().host != host) shares.push_back({host, 0});
      ++shares.back().devices;
    }
  }
  hosts_ = MemoryMeter(static_cast<Rank>(first_node_.size()), graph.label_count());
}

void PlacedMemory::on_memory(Time time, Rank rank, LabelId category, std::int64_t delta) {
  if (!graph_->is_on_host(category)) {
    devices_.on_memory(time, rank, category, delta);
    return;
  }
  for (const Share& share : shares(rank)) {
    hosts_.on_memory(time, share.host, category, share.devices * delta);
  }
}

}  // namespace orrery
