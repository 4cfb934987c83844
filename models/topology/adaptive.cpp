// Minimal adaptive routing: of all ways of fewest hops the least loaded.
#include <algorithm>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "models/topology/routed.hpp"

namespace orrery {
namespace {

/// The ways of fewest hops from one vertex to another, layer by layer, and the best of them.
class LeastLoaded {
 public:
  LeastLoaded(const Topology& ways, int from, int to) {
    places_.push_back({.vertex = from});
    std::size_t begin = 0;
    while (places_[begin].vertex != to) {
      const std::size_t end = places_.size();
      const std::size_t first = choices_.size();
      std::unordered_map<int, std::size_t> known;  // places of the next layer, by vertex
      for (std::size_t at = begin; at < end; ++at) {
        places_[at].first = choices_.size();
        next_.clear();
        ways.append_next_links(places_[at].vertex, to, next_);
        ORRERY_CHECK(!next_.empty(), "no route to vertex " + std::to_string(to));
        for (const int link : next_) {
          const int vertex = ways.links()[static_cast<std::size_t>(link)].to;
          const auto [entry, is_new] = known.try_emplace(vertex, places_.size());
          if (is_new) places_.push_back({.vertex = vertex, .layer = places_[at].layer + 1});
          choices_.push_back({link, entry->second});
        }
        places_[at].count = choices_.size() - places_[at].first;
      }
      choices_[first].only = choices_.size() - first == 1;
      begin = end;
    }
  }

  void append(std::uint64_t flow_hash, const LinkLoads& loads, std::vector<int>& route) {
    for (std::size_t at = places_.size() - 1; at-- > 0;) choose(places_[at], flow_hash, loads);
    for (const Place* at = &places_.front(); at->count > 0;) {
      route.push_back(choices_[at->best].link);
      at = &places_[choices_[at->best].to];
    }
  }

 private:
  struct Place {
    int vertex = 0;
    std::uint64_t layer = 0;
    std::size_t first = 0;  // of its choices
    std::size_t count = 0;
    std::size_t best = 0;  // of its choices
    double most = 0;       // load of the best way on
    double sum = 0;
  };
  struct Choice {
    int link = 0;
    std::size_t to = 0;  // a place
    bool only = false;   // every way takes it
  };

  void choose(Place& place, std::uint64_t flow_hash, const LinkLoads& loads) {
    std::vector<std::size_t> best;
    for (std::size_t c = place.first; c < place.first + place.count; ++c) {
      const Place& next = places_[choices_[c].to];
      const double load = choices_[c].only ? 0 : loads(choices_[c].link);
      const auto cost = std::pair(std::max(load, next.most), load + next.sum);
      if (best.empty() || cost < std::pair(place.most, place.sum)) {
        best.clear();
        std::tie(place.most, place.sum) = cost;
      }
      if (cost == std::pair(place.most, place.sum)) best.push_back(c);
    }
    place.best = best[scramble(flow_hash + place.layer) % best.size()];
  }

  std::vector<Place> places_;  // layer by layer; the last is the destination
  std::vector<Choice> choices_;
  std::vector<int> next_;
};

class Adaptive final : public Routed {
 public:
  using Routed::Routed;
  bool adapts() const override { return true; }
  void append_route(int from, int to, std::uint64_t flow_hash,
                    std::vector<int>& route) const override {
    append_hashed_walk(base(), from, to, flow_hash, route);
  }
  void append_adapted_route(int from, int to, std::uint64_t flow_hash, const LinkLoads& loads,
                            const Topology& ways, std::vector<int>& route) const override {
    append_least_loaded(ways, from, to, flow_hash, loads, route);
  }
};

}  // namespace

void append_least_loaded(const Topology& ways, int from, int to, std::uint64_t flow_hash,
                         const LinkLoads& loads, std::vector<int>& route) {
  if (from == to) return;
  LeastLoaded(ways, from, to).append(flow_hash, loads, route);
}

std::unique_ptr<Topology> route_adaptive(std::unique_ptr<Topology> topology) {
  return std::make_unique<Adaptive>(std::move(topology));
}

}  // namespace orrery
