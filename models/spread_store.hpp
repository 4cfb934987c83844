#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <unordered_map>
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
  std::map<int, Duration> after;  // by vertex
  Duration latest;
  for (const LinkShare& part : parts) {
    const TopologyLink& link = topology.links()[static_cast<std::size_t>(part.link)];
    const Duration here = after[link.from] + latency_of(static_cast<std::size_t>(part.link));
    Duration& there = after[link.to];
    there = std::max(there, here);
    latest = std::max(latest, there);
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
