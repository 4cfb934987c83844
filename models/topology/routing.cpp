#include "models/topology/routing.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include "models/topology/routed.hpp"
#include "sim/base/hash.hpp"

namespace orrery {
namespace {

// So many links are compared when a name is unknown; each takes about a microsecond.
constexpr std::size_t kMaximumCandidates = 100'000;

class Minimal final : public Routed {
 public:
  using Routed::Routed;
  void append_route(int from, int to, std::uint64_t, std::vector<int>& route) const override {
    const auto hash = scramble(static_cast<std::uint64_t>(to));
    // By where it is, however far the flow has come, and not by what number the links there have.
    walk(from, to, route, [&](const auto& choices, auto) {
      return by_hash(choices, hash + static_cast<std::uint64_t>(link(choices.front()).from));
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
    append_equal_parts(base(), from, to, shares);
  }
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
  bool adapts() const override { return base().adapts(); }
  void append_adapted_route(int from, int to, std::uint64_t flow_hash, const LinkLoads& loads,
                            const Topology& ways, std::vector<int>& route) const override {
    const auto own = routes_.find({from, to});
    if (own == routes_.end()) {
      return base().append_adapted_route(from, to, flow_hash, loads, ways, route);
    }
    route.insert(route.end(), own->second.begin(), own->second.end());
  }

 private:
  Routes routes_;
};

/// Links by their names.
using Names = std::unordered_map<std::string, int>;

[[nodiscard]] std::string no_link(const std::string& name, const Topology& topology) {
  std::vector<std::string> candidates;
  for (const TopologyLink& link : topology.links()) {
    if (candidates.size() == kMaximumCandidates) break;
    candidates.push_back(link.name);
  }
  const std::string nearest = nearest_name(name, candidates);
  return "no link of this fabric is named \"" + name + "\"" +
         (nearest.empty() ? "; `orrery topology SCENARIO --links` shows all"
                          : "; did you mean \"" + nearest + "\"?");
}

std::vector<int> read_way(JsonCursor through, const Topology& topology, const Names& names,
                          int from, int to) {
  std::vector<int> way;
  std::vector<bool> seen(static_cast<std::size_t>(topology.vertices()), false);
  int here = from;
  for (JsonCursor& item : through.items()) {
    const std::string name = item.as_string();
    const auto found = names.find(name);
    if (found == names.end()) {
      item.error(no_link(name, topology));
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
  if (choice.kind == "valiant") return route_valiant(std::move(topology));
  if (choice.kind == "adaptive") return route_adaptive(std::move(topology));
  if (choice.kind == "ugal") return route_ugal(std::move(topology));
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
        {"ecmp", "minimal", "spray", "dimension_order", "up_down", "valiant", "adaptive", "ugal"});
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
