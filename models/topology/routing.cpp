#include "models/topology/routing.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "models/topology/routed.hpp"
#include "sim/base/hash.hpp"

namespace orrery {
namespace {

int by_hash(const std::vector<int>& choices, std::uint64_t hash) {
  return choices[scramble(hash) % choices.size()];
}

class Minimal final : public Routed {
 public:
  using Routed::Routed;
  void append_route(int from, int to, std::uint64_t, std::vector<int>& route) const override {
    const auto hash = scramble(static_cast<std::uint64_t>(to));
    // The first of the choices tells where it is, however far the flow has come.
    walk(from, to, route, [&](const auto& choices, auto) {
      return by_hash(choices, hash + static_cast<std::uint64_t>(choices.front()));
    });
  }
};

class DimensionOrder final : public Routed {
 public:
  using Routed::Routed;
  /// Along a dimension the distance is one of that dimension alone, so that a link of the lowest
  /// dimension on any way of fewest hops is one in order.
  void append_route(int from, int to, std::uint64_t flow_hash,
                    std::vector<int>& route) const override {
    walk(from, to, route, [&](std::vector<int>& choices, std::uint64_t hop) {
      int lowest = link(choices.front()).dimension;
      for (const int choice : choices) lowest = std::min(lowest, link(choice).dimension);
      std::erase_if(choices, [&](int choice) { return link(choice).dimension != lowest; });
      return by_hash(choices, flow_hash + hop);
    });
  }
};

class Spray final : public Routed {
 public:
  using Routed::Routed;
  bool spreads() const override { return true; }
  void append_route(int from, int to, std::uint64_t flow_hash,
                    std::vector<int>& route) const override {
    base().append_route(from, to, flow_hash, route);
  }
  void append_shares(int from, int to, std::uint64_t,
                     std::vector<LinkShare>& shares) const override {
    // All vertices that a part reaches after as many hops are equally far from the destination.
    std::map<int, double> here = {{from, 1.0}};
    std::vector<int> choices;
    while (from != to && here.begin()->first != to) {
      std::map<int, double> next;
      for (const auto& [vertex, part] : here) {
        choices.clear();
        base().append_next_links(vertex, to, choices);
        ORRERY_CHECK(!choices.empty(), "no route to vertex " + std::to_string(to));
        const double share = part / static_cast<double>(choices.size());
        for (const int choice : choices) {
          shares.push_back({choice, share});
          next[link(choice).to] += share;
        }
      }
      here = std::move(next);
    }
  }
};

class Valiant final : public Routed {
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
    if (from == to) return;
    const auto pick = [&](const auto& choices, auto hop) {
      return by_hash(choices, flow_hash + hop);
    };
    const std::size_t before = route.size();
    const int middle = middles_[scramble(~flow_hash) % middles_.size()];
    walk(from, middle, route, pick);
    walk(middle, to, route, pick);
    // Where links lead one way only, the halves may share one; no flow goes over a link twice.
    std::vector<int> used(route.begin() + static_cast<std::ptrdiff_t>(before), route.end());
    std::sort(used.begin(), used.end());
    if (std::adjacent_find(used.begin(), used.end()) == used.end()) return;
    route.resize(before);
    walk(from, to, route, pick);
  }

 private:
  std::vector<int> middles_;  // by endpoint
};

/// Some pairs have a way of their own.
class StaticRoutes final : public Routed {
 public:
  using Routes = std::map<std::pair<int, int>, std::vector<int>>;
  StaticRoutes(std::unique_ptr<Topology> base, Routes routes)
      : Routed(std::move(base)), routes_(std::move(routes)) {}
  bool spreads() const override { return base().spreads(); }
  void append_route(int from, int to, std::uint64_t flow_hash,
                    std::vector<int>& route) const override {
    const auto own = routes_.find({from, to});
    if (own == routes_.end()) return base().append_route(from, to, flow_hash, route);
    route.insert(route.end(), own->second.begin(), own->second.end());
  }
  void append_shares(int from, int to, std::uint64_t flow_hash,
                     std::vector<LinkShare>& shares) const override {
    const auto own = routes_.find({from, to});
    if (own == routes_.end()) return base().append_shares(from, to, flow_hash, shares);
    for (const int link : own->second) shares.push_back({link, 1});
  }

 private:
  Routes routes_;
};

/// Links by their names.
using Names = std::unordered_map<std::string, int>;

std::vector<int> read_way(JsonCursor through, const Topology& topology, const Names& names,
                          int from, int to) {
  std::vector<int> way;
  std::vector<bool> seen(static_cast<std::size_t>(topology.vertices()), false);
  int here = from;
  for (JsonCursor& item : through.items()) {
    const std::string name = item.as_string();
    const auto found = names.find(name);
    if (found == names.end()) {
      item.error("no link of this fabric is named \"" + name + "\"");
      return way;
    }
    const TopologyLink& link = topology.links()[static_cast<std::size_t>(found->second)];
    if (link.from != here || seen[static_cast<std::size_t>(link.to)] || link.to == from) {
      item.error("\"" + name + "\" does not lead on from where the way has come to");
      return way;
    }
    here = link.to;
    seen[static_cast<std::size_t>(here)] = true;
    way.push_back(found->second);
  }
  if (through.present() && here != to) {
    through.error("the way does not end at endpoint " + std::to_string(to));
  }
  return way;
}

StaticRoutes::Routes read_routes(JsonCursor& section, const Topology& topology) {
  Names names;
  for (std::size_t i = 0; i < topology.links().size(); ++i) {
    names.emplace(topology.links()[i].name, static_cast<int>(i));
  }
  const CountRange range{.minimum = 0, .maximum = topology.endpoints() - 1};
  StaticRoutes::Routes routes;
  for (JsonCursor& item : section.items()) {
    const auto from = static_cast<int>(item.at("from").as_count(range));
    const auto to = static_cast<int>(item.at("to").as_count(range));
    JsonCursor through = item.at("through");
    item.reject_unknown_keys();
    if (!item.diagnostics().empty()) continue;
    if (from == to) item.error("a route joins two different endpoints");
    const auto way = read_way(through, topology, names, from, to);
    if (!routes.try_emplace({from, to}, way).second) {
      item.error("a second route from " + std::to_string(from) + " to " + std::to_string(to));
    }
  }
  return routes;
}

std::unique_ptr<Topology> chosen(std::unique_ptr<Topology> topology, RoutingChoice& choice) {
  if (choice.kind == "minimal") return std::make_unique<Minimal>(std::move(topology));
  if (choice.kind == "spray") return std::make_unique<Spray>(std::move(topology));
  if (choice.kind == "valiant") return std::make_unique<Valiant>(std::move(topology));
  if (choice.kind == "up_down") return route_up_down(std::move(topology), choice.section);
  if (choice.kind == "dimension_order") {
    const auto links = topology->links();
    if (!links.empty() && std::none_of(links.begin(), links.end(),
                                       [](const auto& link) { return link.dimension >= 0; })) {
      choice.section.error("dimension_order needs a grid: ring, torus, hypercube or hyperx");
    }
    return std::make_unique<DimensionOrder>(std::move(topology));
  }
  return topology;  // "ecmp", "" or a mistake
}

}  // namespace

RoutingChoice read_routing(JsonCursor& fabric) {
  RoutingChoice choice{"", fabric.find("routing"), fabric.find("routes")};
  if (choice.section.present()) {
    choice.kind = choice.section.as_choice(
        {"ecmp", "minimal", "spray", "dimension_order", "up_down", "valiant"});
  }
  return choice;
}

std::unique_ptr<Topology> route_by(std::unique_ptr<Topology> topology, RoutingChoice choice) {
  if (topology == nullptr) return nullptr;
  topology = chosen(std::move(topology), choice);
  if (topology == nullptr || !choice.routes.present()) return topology;
  StaticRoutes::Routes routes = read_routes(choice.routes, *topology);
  return std::make_unique<StaticRoutes>(std::move(topology), std::move(routes));
}

}  // namespace orrery
