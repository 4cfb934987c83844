// Valiant's routing through a switch drawn at random, and UGAL, which takes that way only where the
// shortest one is loaded.
#include <algorithm>

#include "models/topology/routed.hpp"

namespace orrery {
namespace {

class Valiant : public Routed {
 public:
  explicit Valiant(std::unique_ptr<Topology> topology) : Routed(std::move(topology)) {
    // The switch of an endpoint on one link is where the first and the last hop lead.
    std::vector<std::pair<int, int>> above(static_cast<std::size_t>(endpoints()), {0, -1});
    for (const TopologyLink& link : links()) {
      if (link.from >= endpoints()) continue;
      auto& [count, vertex] = above[static_cast<std::size_t>(link.from)];
      ++count;
      vertex = link.to;
    }
    for (int endpoint = 0; endpoint < endpoints(); ++endpoint) {
      const auto& [count, vertex] = above[static_cast<std::size_t>(endpoint)];
      middles_.push_back(count == 1 && vertex >= endpoints() ? vertex : endpoint);
    }
  }
  void append_route(int from, int to, std::uint64_t flow_hash,
                    std::vector<int>& route) const override {
    if (from != to) append_two_halves(base(), from, to, flow_hash, route);
  }

 protected:
  int middle(std::uint64_t flow_hash) const {
    return middles_[scramble(~flow_hash) % middles_.size()];
  }
  void append_two_halves(const Topology& ways, int from, int to, std::uint64_t flow_hash,
                         std::vector<int>& route) const {
    const std::size_t before = route.size();
    append_hashed_walk(ways, from, middle(flow_hash), flow_hash, route);
    append_hashed_walk(ways, middle(flow_hash), to, flow_hash, route);
    // Where links lead one way only, the halves may share one; no flow goes over a link twice.
    std::vector<int> used(route.begin() + static_cast<std::ptrdiff_t>(before), route.end());
    std::sort(used.begin(), used.end());
    if (std::adjacent_find(used.begin(), used.end()) == used.end()) return;
    route.resize(before);
    append_hashed_walk(ways, from, to, flow_hash, route);
  }

 private:
  std::vector<int> middles_;  // by endpoint
};

class Ugal final : public Valiant {
 public:
  using Valiant::Valiant;
  bool adapts() const override { return true; }
  void append_route(int from, int to, std::uint64_t flow_hash,
                    std::vector<int>& route) const override {
    if (from != to) base().append_route(from, to, flow_hash, route);
  }
  void append_adapted_route(int from, int to, std::uint64_t flow_hash, const LinkLoads& loads,
                            const Topology& ways, std::vector<int>& route) const override {
    if (from == to) return;
    std::vector<int> minimal;
    append_least_loaded(ways, from, to, flow_hash, loads, minimal);
    std::vector<int> around;
    const int over = middle(flow_hash);
    if (leads(ways, from, over) && leads(ways, over, to)) {
      append_two_halves(ways, from, to, flow_hash, around);
    }
    const bool detour =
        !around.empty() && product(around, minimal, loads) < product(minimal, around, loads);
    const std::vector<int>& taken = detour ? around : minimal;
    route.insert(route.end(), taken.begin(), taken.end());
  }

 private:
  static bool leads(const Topology& ways, int from, int to) {
    std::vector<int> next;
    if (from != to) ways.append_next_links(from, to, next);
    return from == to || !next.empty();
  }
  /// Hops times the load of the most loaded link that `other` does not take.
  static double product(const std::vector<int>& way, const std::vector<int>& other,
                        const LinkLoads& loads) {
    double most = 0;
    for (const int link : way) {
      if (std::find(other.begin(), other.end(), link) == other.end()) {
        most = std::max(most, loads(link));
      }
    }
    return most * static_cast<double>(way.size());
  }
};

}  // namespace

std::unique_ptr<Topology> route_valiant(std::unique_ptr<Topology> topology) {
  return std::make_unique<Valiant>(std::move(topology));
}

std::unique_ptr<Topology> route_ugal(std::unique_ptr<Topology> topology) {
  return std::make_unique<Ugal>(std::move(topology));
}

}  // namespace orrery
