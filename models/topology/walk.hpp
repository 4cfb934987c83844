#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "models/topology/topology.hpp"
#include "sim/base/errors.hpp"
#include "sim/base/hash.hpp"

namespace orrery {

/// Goes the fewest hops from one vertex to another; pick(choices, hop) says which link to take.
template <class Pick>
void append_walk(const Topology& topology, int from, int to, std::vector<int>& route, Pick pick) {
  std::vector<int> choices;
  for (std::uint64_t hop = 0; from != to; ++hop) {
    choices.clear();
    topology.append_next_links(from, to, choices);
    ORRERY_CHECK(!choices.empty(),
                 "no route from vertex " + std::to_string(from) + " to " + std::to_string(to));
    route.push_back(pick(choices, hop));
    from = topology.links()[static_cast<std::size_t>(route.back())].to;
  }
}

inline int by_hash(const std::vector<int>& choices, std::uint64_t hash) {
  return choices[scramble(hash) % choices.size()];
}

/// Every vertex on the way chooses by the flow's hash, as with equal-cost multi-path routing.
inline void append_hashed_walk(const Topology& topology, int from, int to, std::uint64_t flow_hash,
                               std::vector<int>& route) {
  append_walk(topology, from, to, route, [flow_hash](const auto& choices, std::uint64_t hop) {
    return by_hash(choices, flow_hash + hop);
  });
}

/// Every vertex on the way deals a flow out over all links that lead on, in equal parts.
inline void append_equal_parts(const Topology& topology, int from, int to,
                               std::vector<LinkShare>& shares) {
  // All vertices that a part reaches after as many hops are equally far from the destination.
  const std::span<const TopologyLink> links = topology.links();
  struct Part {
    int vertex;
    double share;
  };
  std::vector<Part> here = {{from, 1.0}};
  std::vector<Part> next;
  std::vector<int> choices;
  while (here.front().vertex != to) {
    next.clear();
    for (const Part& part : here) {
      choices.clear();
      topology.append_next_links(part.vertex, to, choices);
      ORRERY_CHECK(!choices.empty(), "no route to vertex " + std::to_string(to));
      const double share = part.share / static_cast<double>(choices.size());
      for (const int choice : choices) {
        shares.push_back({choice, share});
        next.push_back({links[static_cast<std::size_t>(choice)].to, share});
      }
    }
    std::stable_sort(next.begin(), next.end(),
                     [](const Part& a, const Part& b) { return a.vertex < b.vertex; });
    here.clear();
    for (const Part& part : next) {
      if (here.empty() || here.back().vertex != part.vertex) {
        here.push_back(part);
      } else {
        here.back().share += part.share;
      }
    }
  }
}

}  // namespace orrery
