// Up-down routing: a way goes up to a top, as far as it needs, then down.
//
// The tops are the vertices farthest from all endpoints (the spines of a fat tree), if each of them
// reaches every endpoint going down only; else the first of them alone is the root, as in Autonet.
// A link leads up when its end is nearer to the tops, or as near and of lower index.
#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <unordered_map>

#include "models/topology/routed.hpp"
#include "sim/base/hash.hpp"

namespace orrery {
namespace {

constexpr int kFar = std::numeric_limits<int>::max() / 2;

/// Hops of the best allowed way from every vertex to one destination.
struct Distances {
  std::vector<int> any;   // going up is still allowed
  std::vector<int> down;  // it is not
};

class UpDown final : public Routed {
 public:
  explicit UpDown(std::unique_ptr<Topology> topology) : Routed(std::move(topology)) {
    out_.resize(size(vertices()));
    in_.resize(size(vertices()));
    for (std::size_t i = 0; i < links().size(); ++i) {
      out_[size(links()[i].from)].push_back(static_cast<int>(i));
      in_[size(links()[i].to)].push_back(static_cast<int>(i));
    }
    rank_from(tops());
  }

  void append_route(int from, int to, std::uint64_t flow_hash,
                    std::vector<int>& route) const override {
    if (from == to) return;
    const Turn turn = turn_of(to);
    const Distances& hops = distances_to(turn.vertex);
    bool may_rise = true;
    std::vector<int> choices;
    for (std::uint64_t hop = 0; from != turn.vertex; ++hop) {
      choices.clear();
      const int left = (may_rise ? hops.any : hops.down)[size(from)];
      for (const int index : out_[size(from)]) {
        const bool up = rises(index);
        if (up && !may_rise) continue;
        const auto& after = up ? hops.any : hops.down;
        if (after[size(link(index).to)] == left - 1) choices.push_back(index);
      }
      ORRERY_CHECK(!choices.empty(), "up-down routing finds no way to " + std::to_string(to));
      route.push_back(choices[scramble(flow_hash + hop) % choices.size()]);
      may_rise = may_rise && rises(route.back());
      from = link(route.back()).to;
    }
    if (turn.last >= 0) route.push_back(turn.last);
  }

 private:
  static std::size_t size(int index) { return static_cast<std::size_t>(index); }
  bool is_above(int a, int b) const {
    return std::pair(rank_[size(a)], a) < std::pair(rank_[size(b)], b);
  }
  bool rises(int index) const { return is_above(link(index).to, link(index).from); }

  /// Where the search ends: before the only link into `to`, when that leads down.
  struct Turn {
    int vertex;
    int last;  // that link, or -1
  };
  Turn turn_of(int to) const {
    const std::vector<int>& into = in_[size(to)];
    if (into.size() != 1 || rises(into.front())) return {to, -1};
    return {link(into.front()).from, into.front()};
  }

  /// Hops from the nearest of `sources`, over links in either direction.
  std::vector<int> hops_from(const std::vector<int>& sources) const {
    std::vector<int> hops(size(vertices()), kFar);
    std::vector<int> queue = sources;
    for (const int source : sources) hops[size(source)] = 0;
    for (std::size_t next = 0; next < queue.size(); ++next) {
      const int here = queue[next];
      const auto visit = [&](int there) {
        if (hops[size(there)] != kFar) return;
        hops[size(there)] = hops[size(here)] + 1;
        queue.push_back(there);
      };
      for (const int index : out_[size(here)]) visit(link(index).to);
      for (const int index : in_[size(here)]) visit(link(index).from);
    }
    return hops;
  }

  void rank_from(const std::vector<int>& tops) {
    rank_ = hops_from(tops);
    order_.resize(size(vertices()));
    std::iota(order_.begin(), order_.end(), 0);
    std::sort(order_.begin(), order_.end(), [this](int a, int b) { return is_above(a, b); });
  }

  std::vector<int> tops() {
    std::vector<int> endpoints_of(size(endpoints()));
    std::iota(endpoints_of.begin(), endpoints_of.end(), 0);
    const std::vector<int> heights = hops_from(endpoints_of);
    int highest = 0;
    for (const int height : heights) highest = std::max(highest, height == kFar ? 0 : height);
    std::vector<int> found;
    for (int vertex = 0; vertex < vertices(); ++vertex) {
      if (heights[size(vertex)] == highest) found.push_back(vertex);
    }
    rank_from(found);
    const auto reaches = [this](int top) { return falls_everywhere(top); };
    if (found.size() > 1 && !std::all_of(found.begin(), found.end(), reaches)) {
      return {found.front()};
    }
    return found;
  }

  bool falls_everywhere(int top) const {
    std::vector<bool> seen(size(vertices()), false);
    seen[size(top)] = true;
    for (const int vertex : order_) {
      if (!seen[size(vertex)]) continue;
      for (const int index : out_[size(vertex)]) {
        if (!rises(index)) seen[size(link(index).to)] = true;
      }
    }
    return std::all_of(seen.begin(), seen.begin() + static_cast<std::ptrdiff_t>(endpoints()),
                       [](bool is) { return is; });
  }

  /// In the order of vertices a way down only leads on, and a way up only back.
  const Distances& distances_to(int destination) const {
    const auto [entry, is_new] = distances_.try_emplace(destination);
    Distances& hops = entry->second;
    if (!is_new) return hops;
    hops.down.assign(size(vertices()), kFar);
    hops.down[size(destination)] = 0;
    for (auto vertex = order_.rbegin(); vertex != order_.rend(); ++vertex) {
      for (const int index : out_[size(*vertex)]) {
        if (rises(index)) continue;
        int& best = hops.down[size(*vertex)];
        best = std::min(best, hops.down[size(link(index).to)] + 1);
      }
    }
    hops.any = hops.down;
    for (const int vertex : order_) {
      for (const int index : out_[size(vertex)]) {
        if (!rises(index)) continue;
        int& best = hops.any[size(vertex)];
        best = std::min(best, hops.any[size(link(index).to)] + 1);
      }
    }
    return hops;
  }

  std::vector<std::vector<int>> out_;  // links by vertex
  std::vector<std::vector<int>> in_;
  std::vector<int> rank_;                                 // hops from the tops
  std::vector<int> order_;                                // vertices, those above first
  mutable std::unordered_map<int, Distances> distances_;  // by destination; looked up only
};

}  // namespace

std::unique_ptr<Topology> route_up_down(std::unique_ptr<Topology> topology, JsonCursor& section) {
  // With links both ways the tree of shortest ways from the tops joins everyone: up it, then down.
  std::map<std::pair<int, int>, int> ways;
  for (const TopologyLink& link : topology->links()) ++ways[{link.from, link.to}];
  for (const auto& [ends, count] : ways) {
    if (!ways.contains({ends.second, ends.first})) {
      section.error("up_down needs links that lead both ways");
      return nullptr;
    }
  }
  return std::make_unique<UpDown>(std::move(topology));
}

}  // namespace orrery
