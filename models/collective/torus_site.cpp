#include <algorithm>
#include <map>
#include <set>

#include "models/collective/collective_site.hpp"

namespace orrery {
namespace {

/// The routers of a grid, as models/topology/grid.hpp numbers them: neighbours along a dimension
/// are as many places apart as those of all dimensions before hold.
class Routers {
 public:
  /// There are none where the links do not know of dimensions; of those of a grid the last ones do.
  explicit Routers(const Topology& topology) : topology_(&topology) {
    if (topology.links().empty() || topology.links().back().dimension < 0) return;
    std::map<int, int> strides;  // by dimension
    int last = 0;
    first_ = topology.vertices();
    for (const TopologyLink& link : topology.links()) {
      if (link.dimension < 0) continue;
      const int apart = std::abs(link.from - link.to);
      int& stride = strides.try_emplace(link.dimension, apart).first->second;
      stride = std::min(stride, apart);
      first_ = std::min(first_, link.from);
      last = std::max(last, link.from);
    }
    for (const auto& [dimension, stride] : strides) strides_.push_back(stride);
    strides_.push_back(last + 1 - first_);
  }

  std::size_t dimensions() const { return strides_.empty() ? 0 : strides_.size() - 1; }
  int size(std::size_t dimension) const { return strides_[dimension + 1] / strides_[dimension]; }
  /// Of the router before an endpoint, or the endpoint that is one.
  int coordinate(int router, std::size_t dimension) const {
    return router / strides_[dimension] % size(dimension);
  }
  std::vector<int> of_endpoints() const {
    std::vector<int> routers(static_cast<std::size_t>(topology_->endpoints()));
    for (std::size_t i = 0; i < routers.size(); ++i) routers[i] = static_cast<int>(i);
    for (const TopologyLink& link : topology_->links()) {
      if (link.dimension < 0 && link.from < topology_->endpoints()) {
        routers[static_cast<std::size_t>(link.from)] = link.to - first_;
      }
    }
    return routers;
  }

 private:
  const Topology* topology_;
  int first_ = 0;
  std::vector<int> strides_;  // by dimension; all routers
};

/// The network that joins the members, each by an endpoint of its own; null where there is none.
const Topology* network_of(const Fabric& fabric, std::span<const Rank> group,
                           const CollectiveSite& site, std::vector<int>& endpoints) {
  const int nodes = fabric.place(fabric.devices() - 1).node + 1;
  const bool inside = site.node.empty();
  const bool between =
      !inside && site.node.back() + 1 == static_cast<int>(group.size());  // one a node
  if (!inside && !between) return nullptr;
  const Topology* network = inside ? fabric.node_topology() : fabric.cluster_topology();
  if (network == nullptr) return nullptr;
  const int each = inside ? fabric.devices() / nodes : network->endpoints() / nodes;
  for (const Rank rank : group) {
    const Fabric::Place place = fabric.place(rank);
    endpoints.push_back(inside ? static_cast<int>(rank) % each : place.node * each + place.nic);
  }
  return network;
}

}  // namespace

void find_torus(const Fabric& fabric, std::span<const Rank> group, CollectiveSite& site) {
  if (group.size() < 4) return;  // two places along two dimensions
  std::vector<int> endpoints;
  const Topology* network = network_of(fabric, group, site, endpoints);
  if (network == nullptr) return;
  const Routers routers(*network);
  if (routers.dimensions() < 2) return;
  const std::vector<int> router_of = routers.of_endpoints();
  std::vector<int> places(group.size(), 0);
  std::vector<int> sizes;
  int stride = 1;
  for (std::size_t dimension = 0; dimension < routers.dimensions(); ++dimension) {
    const auto at = [&](std::size_t member) {
      return routers.coordinate(router_of[static_cast<std::size_t>(endpoints[member])], dimension);
    };
    std::set<int> taken;
    for (std::size_t member = 0; member < group.size(); ++member) taken.insert(at(member));
    if (taken.size() == 1) continue;
    for (std::size_t member = 0; member < group.size(); ++member) {
      places[member] +=
          stride * static_cast<int>(std::distance(taken.begin(), taken.find(at(member))));
    }
    sizes.push_back(static_cast<int>(taken.size()));
    if (stride > static_cast<int>(group.size()) / sizes.back()) return;  // more places than members
    stride *= sizes.back();
  }
  if (sizes.size() < 2 || stride != static_cast<int>(group.size())) return;
  std::vector<int> member_at(group.size(), -1);
  for (std::size_t member = 0; member < group.size(); ++member) {
    member_at[static_cast<std::size_t>(places[member])] = static_cast<int>(member);
  }
  if (std::count(member_at.begin(), member_at.end(), -1) > 0) return;
  site.torus = std::move(sizes);
  site.torus_members = std::move(member_at);
}

}  // namespace orrery
