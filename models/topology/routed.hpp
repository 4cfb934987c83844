#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "models/topology/topology.hpp"
#include "models/topology/walk.hpp"

namespace orrery {

/// A topology whose ways are chosen by somebody else.
class Routed : public Topology {
 public:
  explicit Routed(std::unique_ptr<Topology> base) : base_(std::move(base)) {}
  int endpoints() const final { return base_->endpoints(); }
  int vertices() const final { return base_->vertices(); }
  std::span<const TopologyLink> links() const final { return base_->links(); }
  void append_next_links(int vertex, int destination, std::vector<int>& links) const final {
    base_->append_next_links(vertex, destination, links);
  }
  const NodePorts* node_ports() const final { return base_->node_ports(); }

 protected:
  const Topology& base() const { return *base_; }
  const TopologyLink& link(int index) const {
    return base_->links()[static_cast<std::size_t>(index)];
  }
  /// Goes the fewest hops from one vertex to another; pick(choices, hop) says which link to take.
  template <class Pick>
  void walk(int from, int to, std::vector<int>& route, Pick pick) const {
    append_walk(*base_, from, to, route, pick);
  }

 private:
  std::unique_ptr<Topology> base_;
};

/// Null, with a mistake at `section`, where the links of the topology do not allow it.
std::unique_ptr<Topology> route_up_down(std::unique_ptr<Topology> topology, JsonCursor& section);
std::unique_ptr<Topology> route_valiant(std::unique_ptr<Topology> topology);
/// Appends the way of fewest hops that routing.hpp describes as "adaptive".
void append_least_loaded(const Topology& ways, int from, int to, std::uint64_t flow_hash,
                         const LinkLoads& loads, std::vector<int>& route);
/// By load: "adaptive" and "ugal".
std::unique_ptr<Topology> route_adaptive(std::unique_ptr<Topology> topology);
std::unique_ptr<Topology> route_ugal(std::unique_ptr<Topology> topology);

}  // namespace orrery
