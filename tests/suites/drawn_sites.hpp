#pragma once

#include <vector>

#include "models/collective/collective.hpp"
#include "sim/base/random.hpp"

namespace orrery {

/// Factors of n in any order, and the members in any places.
inline void draw_torus(int n, RandomStream& random, CollectiveSite& site) {
  int left = n;
  while (left > 1) {
    int size = 2;
    while (left % size != 0 || (size < left && random.integer(0, 3) == 0)) ++size;
    const auto at = random.integer(0, static_cast<std::int64_t>(site.torus.size()));
    site.torus.insert(site.torus.begin() + at, size);
    left /= size;
  }
  for (int member = 0; member < n; ++member) {
    const auto at = random.integer(0, static_cast<std::int64_t>(site.torus_members.size()));
    site.torus_members.insert(site.torus_members.begin() + at, member);
  }
}

/// Where n members may be: in one node, meshed or not, or in several of any size, in any order,
/// with any number of adapters; or in a torus, also any.
inline CollectiveSite drawn_site(int n, RandomStream& random) {
  CollectiveSite site;
  site.meshed = random.integer(0, 1) == 1;
  if (random.integer(0, 1) == 1) draw_torus(n, random, site);
  const int kind = static_cast<int>(random.integer(0, 3));
  if (kind == 0) return site;
  const int per_node = static_cast<int>(random.integer(1, n));
  const int nics = static_cast<int>(random.integer(1, per_node));
  std::vector<int> locals;  // by node: members so far
  for (int member = 0; member < n; ++member) {
    const int nodes = static_cast<int>(locals.size());
    int node = member / per_node;                                           // equal nodes
    if (kind == 2) node = static_cast<int>(random.integer(0, nodes));       // anywhere
    if (kind == 3) node = member % (n % per_node == 0 ? n / per_node : n);  // in turns
    if (node >= nodes) locals.push_back(0);
    site.node.push_back(node);
    site.nic.push_back(locals[static_cast<std::size_t>(node)]++ % nics);
  }
  if (locals.size() == 1) site.node = site.nic = {};
  return site;
}

}  // namespace orrery
