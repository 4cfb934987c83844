#pragma once

#include <cstddef>
#include <unordered_map>
#include <vector>

#include "models/topology/topology.hpp"

namespace orrery {

/// A topology some of whose links are down. Routes that cross none of these stay what they are.
/// The others take a way of fewest hops over the links that are up, whatever the routing: every
/// vertex on the way chooses by the flow's hash as with "ecmp", or, where the routing spreads
/// flows, deals out equal parts. So static routes, dimension order and up-down hold for whole ways
/// only. Left out: the time in which switches find out (convergence of a routing protocol).
class Surviving final : public Topology {
 public:
  /// Borrows the whole, all of whose links are up at first.
  explicit Surviving(const Topology& whole);

  void set_up(int link, bool up);
  /// Whether all links are up.
  bool is_whole() const { return down_ == 0; }
  /// Whether a way leads from one vertex to another.
  bool joins(int from, int to) const;

  int endpoints() const override { return whole_->endpoints(); }
  int vertices() const override { return whole_->vertices(); }
  std::span<const TopologyLink> links() const override { return whole_->links(); }
  /// Requires joins(from, to), as append_shares and append_adapted_route do.
  void append_route(int from, int to, std::uint64_t flow_hash,
                    std::vector<int>& route) const override;
  void append_next_links(int vertex, int destination, std::vector<int>& links) const override;
  bool spreads() const override { return whole_->spreads(); }
  void append_shares(int from, int to, std::uint64_t flow_hash,
                     std::vector<LinkShare>& shares) const override;
  bool adapts() const override { return whole_->adapts(); }
  void append_adapted_route(int from, int to, std::uint64_t flow_hash, const LinkLoads& loads,
                            const Topology& ways, std::vector<int>& route) const override;
  const NodePorts* node_ports() const override { return whole_->node_ports(); }

 private:
  bool is_up(int link) const { return up_[static_cast<std::size_t>(link)]; }
  const TopologyLink& link(int index) const { return links()[static_cast<std::size_t>(index)]; }
  /// Where a search for `to` ends: at the vertex before the only link into it, if there is one.
  struct Goal {
    int vertex;
    int last;  // that link, or -1
  };
  Goal goal_of(int to) const;
  const std::vector<int>& hops_to(int destination) const;
  int hops(int from, int to) const;

  const Topology* whole_;
  std::vector<bool> up_;               // by link
  std::size_t down_ = 0;               // so many are not
  std::vector<std::vector<int>> out_;  // links by vertex
  std::vector<std::vector<int>> in_;
  // Of every vertex to a destination, over links that are up; looked up only.
  mutable std::unordered_map<int, std::vector<int>> hops_;
};

}  // namespace orrery
