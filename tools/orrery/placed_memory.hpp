#pragma once

#include <span>
#include <vector>

#include "sim/graph/timeline.hpp"

namespace orrery {

/// Follows memory in use on every device, and in the hosts of their nodes. Ranks are those of the
/// graph that runs; nodes that hold equally many of each of them do the same and are one host here.
class PlacedMemory final : public Observer {
 public:
  /// `rank_of`: by device of the job, node after node, the rank of the graph that stands for it.
  /// The graph must outlive this.
  PlacedMemory(const TaskGraph& graph, std::span<const Rank> rank_of, Rank node_devices);

  void on_span(const Span&) override {}
  void on_memory(Time time, Rank rank, LabelId category, std::int64_t delta) override;

  const MemoryMeter& devices() const { return devices_; }  // by rank
  const MemoryMeter& hosts() const { return hosts_; }      // by host

  /// How many of the devices that a rank stands for hang on one host.
  struct Share {
    Rank host = 0;
    Rank devices = 0;
  };
  const std::vector<Share>& shares(Rank rank) const {
    return shares_[static_cast<std::size_t>(rank)];
  }
  /// The first node of those that a host stands for.
  Rank first_node(Rank host) const { return first_node_[static_cast<std::size_t>(host)]; }

 private:
  const TaskGraph* graph_;
  std::vector<std::vector<Share>> shares_;  // by rank
  std::vector<Rank> first_node_;            // by host
  MemoryMeter devices_;
  MemoryMeter hosts_;
};

}  // namespace orrery
