#include "models/collective/collective_site.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "models/collective/disjoint_cycles.hpp"

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

/// Members of a node that are searched for rings, at most.
constexpr int kMostSearched = 16;
/// Of links between members, at most, that are searched; one thinner than that is left out.
constexpr double kWidest = 8;

/// What a link carries as it was built: the same rings are found where some links are slow.
double nominal_capacity(const Fabric& fabric, int index) {
  const auto link = static_cast<std::size_t>(index);
  const Topology* node = fabric.node_topology();
  const auto nodes = static_cast<std::size_t>(fabric.place(fabric.devices() - 1).node) + 1;
  if (node == nullptr || link >= nodes * node->links().size()) return fabric.links()[link].capacity;
  const TopologyLink& of = node->links()[link % node->links().size()];
  return of.spec.bandwidth.as_double() * of.bundle * of.spec.efficiency;
}

/// By pair of members how many links of their own join them, in units of the narrowest that has an
/// eighth of the widest or more; empty where none do, or all pairs in the same way.
std::vector<int> links_between(const Fabric& fabric, std::span<const Rank> group) {
  std::vector<double> carried(group.size() * group.size(), 0.0);
  std::set<int> seen;
  std::vector<int> route;
  for (std::size_t a = 0; a < group.size(); ++a) {
    for (std::size_t b = 0; b < group.size(); ++b) {
      if (a == b) continue;
      route.clear();
      fabric.append_route(group[a], group[b], route);
      std::erase_if(
          route, [&](int link) { return fabric.links()[static_cast<std::size_t>(link)].is_part; });
      if (route.size() != 1) continue;
      if (!seen.insert(route.front()).second) return {};  // one that several pairs share
      carried[a * group.size() + b] = nominal_capacity(fabric, route.front());
    }
  }
  if (seen.empty()) return {};
  const double widest = *std::max_element(carried.begin(), carried.end());
  double least = widest;
  for (const double bytes : carried) {
    if (bytes * kWidest * (1 + 1e-9) >= widest) least = std::min(least, bytes);
  }
  std::vector<int> links(carried.size(), 0);
  for (std::size_t pair = 0; pair < links.size(); ++pair) {
    const std::size_t back = pair % group.size() * group.size() + pair / group.size();
    links[pair] = static_cast<int>(std::min(carried[pair], carried[back]) / least + 1e-9);
  }
  const std::size_t pairs = group.size() * (group.size() - 1);
  const auto single = static_cast<std::size_t>(std::count(links.begin(), links.end(), 1));
  return single == pairs ? std::vector<int>{} : links;
}

std::vector<std::vector<int>> rings_of(const Fabric& fabric, std::span<const Rank> group,
                                       RingInOrder in_order) {
  if (group.size() < 3 || group.size() > kMostSearched || fabric.spreads()) return {};
  std::vector<int> links = links_between(fabric, group);
  if (links.empty()) return {};
  std::vector<std::vector<int>> rings =
      disjoint_cycles(std::move(links), static_cast<int>(group.size()));
  const bool is_in_order =
      rings.size() == 1 && std::is_sorted(rings.front().begin(), rings.front().end());
  if (is_in_order && in_order == RingInOrder::one_way) return {};
  return rings;
}

}  // namespace

CollectiveSite site_of(const Fabric& fabric, std::span<const Rank> group, RingInOrder in_order) {
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
    site.rings = rings_of(fabric, group, in_order);
  }
  find_torus(fabric, group, site);
  return site;
}

CollectiveSite over_adapters(CollectiveSite site, int adapters) {
  if (adapters == 0) return site;
  for (int& nic : site.nic) nic = nic < adapters ? nic : -1;
  return site;
}

}  // namespace orrery
