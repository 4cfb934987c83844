#include "models/collective/collective_site.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace orrery {
namespace {

/// Whether the first members of a node of three or more reach all others there by links of their
/// own. What holds for one holds for all of a mesh.
bool is_meshed(const Fabric& fabric, std::span<const Rank> group, const std::vector<int>& node) {
  std::vector<Rank> together;
  for (std::size_t member = 0; member < group.size(); ++member) {
    if (node[member] == node.front()) together.push_back(group[member]);
  }
  if (together.size() < 3) return false;
  std::vector<int> route;
  std::vector<int> first_links;
  for (std::size_t to = 1; to < together.size(); ++to) {
    route.clear();
    fabric.append_route(together.front(), together[to], route);
    if (route.size() != 1) return false;
    first_links.push_back(route.front());
  }
  std::sort(first_links.begin(), first_links.end());
  return std::adjacent_find(first_links.begin(), first_links.end()) == first_links.end();
}

}  // namespace

CollectiveSite site_of(const Fabric& fabric, std::span<const Rank> group) {
  CollectiveSite site;
  std::map<int, int> nodes;                 // number by node of the fabric
  std::map<std::pair<int, int>, int> nics;  // number by numbers of node and adapter
  std::vector<int> nics_of;                 // by number of the node
  for (const Rank rank : group) {
    const Fabric::Place place = fabric.place(rank);
    const int node = nodes.emplace(place.node, static_cast<int>(nodes.size())).first->second;
    if (node == static_cast<int>(nics_of.size())) nics_of.push_back(0);
    const auto [nic, is_new] = nics.emplace(std::pair(node, place.nic), 0);
    if (is_new) nic->second = nics_of[static_cast<std::size_t>(node)]++;
    site.node.push_back(node);
    site.nic.push_back(nic->second);
  }
  site.meshed = is_meshed(fabric, group, site.node);
  if (nodes.size() == 1) {
    site.node.clear();
    site.nic.clear();
  }
  return site;
}

}  // namespace orrery
