#include "models/topology/groups.hpp"

#include <map>
#include <utility>

#include "sim/base/errors.hpp"

namespace orrery {

void join_groups(GraphTopology& topology, std::span<const std::vector<GraphTopology::End>> ports,
                 const LinkSpec& link) {
  const std::size_t groups = ports.size();
  if (groups < 2) return;
  const std::size_t rounds = ports.front().size() / (groups - 1);
  ORRERY_CHECK(rounds > 0, "too few ports between groups");
  for (std::size_t group = 0; group < groups; ++group) {
    for (std::size_t other = group + 1; other < groups; ++other) {
      const std::size_t there = other - group;  // offset from this group to the other
      const std::size_t back = groups - there;  // and from the other to this
      std::map<std::pair<int, int>, std::pair<std::size_t, int>> joined;  // port, how many
      for (std::size_t round = 0; round < rounds; ++round) {
        const std::size_t port = round * (groups - 1) + there - 1;
        const std::size_t far = round * (groups - 1) + back - 1;
        const auto ends = std::pair(ports[group][port].vertex, ports[other][far].vertex);
        const auto entry = joined.try_emplace(ends, round, 0).first;
        ++entry->second.second;
      }
      for (const auto& [ends, found] : joined) {
        const auto& [round, bundle] = found;
        topology.add_both_ways(ports[group][round * (groups - 1) + there - 1],
                               ports[other][round * (groups - 1) + back - 1], link, bundle);
      }
    }
  }
}

}  // namespace orrery
