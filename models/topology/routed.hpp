#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "models/topology/topology.hpp"
#include "sim/base/errors.hpp"

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

 protected:
  const Topology& base() const { return *base_; }
  const TopologyLink& link(int index) const {
    return base_->links()[static_cast<std::size_t>(index)];
  }
  /// Goes the fewest hops from one vertex to another; pick(choices, hop) says which link to take.
  template <class Pick>
  void walk(int from, int to, std::vector<int>& route, Pick pick) const {
    std::vector<int> choices;
    for (std::uint64_t hop = 0; from != to; ++hop) {
      choices.clear();
      base_->append_next_links(from, to, choices);
      ORRERY_CHECK(!choices.empty(),
                   "no route from vertex " + std::to_string(from) + " to " + std::to_string(to));
      route.push_back(pick(choices, hop));
      from = link(route.back()).to;
    }
  }

 private:
  std::unique_ptr<Topology> base_;
};

/// Null, with a mistake at `section`, where the links of the topology do not allow it.
std::unique_ptr<Topology> route_up_down(std::unique_ptr<Topology> topology, JsonCursor& section);

}  // namespace orrery
