#include "models/collective/collective_site.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace orrery {
namespace {

/// Whether the members in the first node, three or more, reach each other by links of their own.
bool is_meshed(const Fabric& fabric, std::span<const Rank> group, const std::vector<int>& node) {
  std::vector<Rank> together;
  for (std::size_t member = 0; member < group.size(); ++member) {
    if (node[member] == node.front()) together.push_back(group[member]);
  }
  if (together.size() < 3) return false;
  std::vector<int> route;
  std::vector<int> links;
  for (const Rank from : together) {
    for (const Rank to : together) {
      if (from == to) continue;
      route.clear();
      fabric.append_route(from, to, route);
      std::erase_if(
          route, [&](int link) { return fabric.links()[static_cast<std::size_t>(link)].is_part; });
      if (route.size() != 1) return false;
      links.push_back(route.front());
    }
  }
  std::sort(links.begin(), links.end());
  return std::adjacent_find(links.begin(), links.end()) == links.end();
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
  site.switch_adds = fabric.node_adds();
  site.network_adds = fabric.network_adds();
  if (nodes.size() == 1) {
    site.node.clear();
    site.nic.clear();
  }
  return site;
}

}  // namespace orrery
