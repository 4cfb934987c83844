#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "models/fabric.hpp"
#include "sim/base/errors.hpp"

namespace orrery {

/// A flow over several ways: its links, hop by hop, and what part of it each carries.
struct Spread {
  std::vector<int> links;
  std::vector<double> shares;
  Duration latency;  // on the slowest way

  void put(std::size_t link, double share) {
    links.push_back(static_cast<int>(link));
    shares.push_back(share);
  }
  /// The same, where the link may be there already.
  void add(int link, double share) {
    const auto known = std::find(links.begin(), links.end(), link);
    if (known == links.end()) {
      put(static_cast<std::size_t>(link), share);
    } else {
      shares[static_cast<std::size_t>(known - links.begin())] += share;
    }
  }
  /// Each carries all of the flow.
  void put_all(std::span<const int> whole) {
    for (const int link : whole) put(static_cast<std::size_t>(link), 1);
  }
};

/// Latency of the slowest way. `parts` stand hop by hop, so that what leads to a vertex comes
/// before what leads on; latency_of(link) is that of a link of the topology.
template <class LatencyOf>
Duration slowest(const Topology& topology, std::span<const LinkShare> parts, LatencyOf latency_of) {
  struct Reached {
    int vertex;
    Duration after;
  };
  const std::span<const TopologyLink> links = topology.links();
  std::vector<Reached> here;  // by vertex, after as many hops
  std::vector<Reached> next;
  const auto find = [&here](int vertex) {
    const auto at = std::lower_bound(here.begin(), here.end(), vertex,
                                     [](const Reached& a, int b) { return a.vertex < b; });
    return at != here.end() && at->vertex == vertex ? at : here.end();
  };
  Duration latest;
  for (const LinkShare& part : parts) {
    const TopologyLink& link = links[static_cast<std::size_t>(part.link)];
    if (here.empty()) here.push_back({link.from, Duration(0)});
    auto from = find(link.from);
    if (from == here.end()) {  // one hop on; the slowest of a vertex first
      std::sort(next.begin(), next.end(), [](const Reached& a, const Reached& b) {
        return std::pair(a.vertex, b.after) < std::pair(b.vertex, a.after);
      });
      next.erase(
          std::unique(next.begin(), next.end(),
                      [](const Reached& a, const Reached& b) { return a.vertex == b.vertex; }),
          next.end());
      here.swap(next);
      next.clear();
      from = find(link.from);
    }
    const Duration after = from->after + latency_of(static_cast<std::size_t>(part.link));
    next.push_back({link.to, after});
    latest = std::max(latest, after);
  }
  return latest;
}

/// The spreads of all pairs that were asked for.
class SpreadStore {
 public:
  /// `make` fills in the spread of a pair that is new.
  template <class Make>
  Fabric::Route find(int from, int to, Make make) {
    const std::uint64_t pair = static_cast<std::uint64_t>(from) << 32U | static_cast<unsigned>(to);
    const auto [entry, is_new] = spreads_.try_emplace(pair);
    Spread& spread = entry->second;
    if (is_new) make(spread);
    if (spread.links.size() > kMaximumLinks) {
      throw LimitError("a sprayed flow goes over " + std::to_string(spread.links.size()) +
                       " links, at most " + std::to_string(kMaximumLinks) + " can be simulated");
    }
    return {spread.links, spread.latency, spread.shares};
  }
  void clear() { spreads_.clear(); }

 private:
  static constexpr std::size_t kMaximumLinks = 60'000;  // the engine counts usages in 16 bits
  std::unordered_map<std::uint64_t, Spread> spreads_;   // looked up only
};

}  // namespace orrery
