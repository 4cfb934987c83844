#include "models/topology/graph_topology.hpp"

#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/breadth_first_search.hpp>
#include <boost/graph/reverse_graph.hpp>
#include <limits>
#include <optional>
#include <unordered_map>
#include <utility>

#include "sim/base/errors.hpp"
#include "sim/base/hash.hpp"

namespace orrery {
namespace {

constexpr int kUnreachable = std::numeric_limits<int>::max();
constexpr std::size_t kNearby = 8;  // a search is nearby in one of so many parts of the core

struct LinkIndex {
  int link = 0;
};
using Graph = boost::adjacency_list<boost::vecS, boost::vecS, boost::bidirectionalS,
                                    boost::no_property, LinkIndex>;

/// Links that leave and enter a vertex, and the last of each.
struct Ends {
  int out_count = 0;
  int in_count = 0;
  int last_out = 0;
  int last_in = 0;
};

/// The graph without its leaves, and the distances asked for so far.
struct Core {
  Graph graph;
  std::vector<std::size_t> vertex;                                 // by topology vertex
  std::unordered_map<std::size_t, std::vector<int>> distances_to;  // by destination; looked up only
  // Of the last search that ended nearby: distances, and the vertices that have one, in its order.
  std::vector<int> nearby;
  std::vector<std::size_t> reached;
};

}  // namespace

struct GraphTopology::Impl {
  int endpoints = 0;
  std::vector<TopologyLink> links;
  std::vector<Ends> ends;  // by vertex
  std::optional<NodePorts> ports;
  std::optional<Core> core;  // made by the first route after a change

  bool is_leaf(int vertex) const;
  const Core& built_core();
  const std::vector<int>& distances_to(std::size_t destination, std::size_t here);
  bool reaches_nearby(std::size_t destination, std::size_t here);
  void append_core_route(int from, int to, std::uint64_t flow_hash, std::vector<int>& route);
  void append_core_next(int vertex, int destination, std::vector<int>& next);
};

bool GraphTopology::Impl::is_leaf(int vertex) const {
  if (vertex >= endpoints) {
    return false;
  }
  const Ends& end = ends[static_cast<std::size_t>(vertex)];
  if (end.out_count != 1 || end.in_count != 1) {
    return false;
  }
  const int above = links[static_cast<std::size_t>(end.last_out)].to;
  return above >= endpoints && above == links[static_cast<std::size_t>(end.last_in)].from;
}

const Core& GraphTopology::Impl::built_core() {
  if (core) {
    return *core;
  }
  core.emplace();
  core->vertex.resize(ends.size());
  for (std::size_t vertex = 0; vertex < ends.size(); ++vertex) {
    if (!is_leaf(static_cast<int>(vertex))) {
      core->vertex[vertex] = boost::add_vertex(core->graph);
    }
  }
  for (std::size_t index = 0; index < links.size(); ++index) {
    const TopologyLink& link = links[index];
    if (!is_leaf(link.from) && !is_leaf(link.to)) {
      boost::add_edge(core->vertex[static_cast<std::size_t>(link.from)],
                      core->vertex[static_cast<std::size_t>(link.to)],
                      LinkIndex{static_cast<int>(index)}, core->graph);
    }
  }
  return *core;
}

/// A search back from `destination` until it comes to `here`, in a small part of the core.
bool GraphTopology::Impl::reaches_nearby(std::size_t destination, std::size_t here) {
  std::vector<int>& distances = core->nearby;
  std::vector<std::size_t>& reached = core->reached;
  const std::size_t vertices = boost::num_vertices(core->graph);
  distances.resize(vertices, kUnreachable);
  for (const std::size_t vertex : reached) distances[vertex] = kUnreachable;
  reached.assign(1, destination);
  distances[destination] = 0;
  for (std::size_t next = 0; next < reached.size() && distances[here] == kUnreachable; ++next) {
    if (reached.size() > vertices / kNearby) return false;
    const std::size_t at = reached[next];
    const auto [first, last] = boost::in_edges(at, core->graph);
    for (auto edge = first; edge != last; ++edge) {
      const std::size_t from = boost::source(*edge, core->graph);
      if (distances[from] != kUnreachable) continue;
      distances[from] = distances[at] + 1;
      reached.push_back(from);
    }
  }
  return distances[here] != kUnreachable;
}

/// Hops to `destination` from `here` and from every vertex of the core that is nearer, or from all:
/// what a search had to go far for is kept. So neighbours of many destinations cost no memory.
const std::vector<int>& GraphTopology::Impl::distances_to(std::size_t destination,
                                                          std::size_t here) {
  const auto known = core->distances_to.find(destination);
  if (known != core->distances_to.end()) return known->second;
  if (reaches_nearby(destination, here)) return core->nearby;
  const auto [entry, is_new] = core->distances_to.try_emplace(destination);
  std::vector<int>& distances = entry->second;
  if (is_new) {
    distances.assign(boost::num_vertices(core->graph), kUnreachable);
    distances[destination] = 0;
    const auto recorder =
        boost::make_bfs_visitor(boost::record_distances(distances.data(), boost::on_tree_edge()));
    boost::breadth_first_search(boost::make_reverse_graph(core->graph), destination,
                                boost::visitor(recorder));
  }
  return distances;
}

void GraphTopology::Impl::append_core_route(int from, int to, std::uint64_t flow_hash,
                                            std::vector<int>& route) {
  const Core& built = built_core();
  const std::size_t destination = built.vertex[static_cast<std::size_t>(to)];
  std::size_t here = built.vertex[static_cast<std::size_t>(from)];
  const std::vector<int>& distances = distances_to(destination, here);
  ORRERY_CHECK(distances[here] != kUnreachable,
               "no route from vertex " + std::to_string(from) + " to " + std::to_string(to));
  std::vector<std::pair<int, std::size_t>> choices;  // link, next vertex
  for (std::uint64_t hop = 0; here != destination; ++hop) {
    choices.clear();
    const auto [first, last] = boost::out_edges(here, built.graph);
    for (auto edge = first; edge != last; ++edge) {
      const std::size_t next = boost::target(*edge, built.graph);
      if (distances[next] == distances[here] - 1) {
        choices.emplace_back(built.graph[*edge].link, next);
      }
    }
    const auto& [link, next] = choices[scramble(flow_hash + hop) % choices.size()];
    route.push_back(link);
    here = next;
  }
}

void GraphTopology::Impl::append_core_next(int vertex, int destination, std::vector<int>& next) {
  const Core& built = built_core();
  const std::size_t here = built.vertex[static_cast<std::size_t>(vertex)];
  const std::vector<int>& distances =
      distances_to(built.vertex[static_cast<std::size_t>(destination)], here);
  if (distances[here] == kUnreachable) {
    return;
  }
  const auto [first, last] = boost::out_edges(here, built.graph);
  for (auto edge = first; edge != last; ++edge) {
    if (distances[boost::target(*edge, built.graph)] == distances[here] - 1) {
      next.push_back(built.graph[*edge].link);
    }
  }
}

GraphTopology::GraphTopology(int endpoints) : impl_(std::make_unique<Impl>()) {
  ORRERY_CHECK(endpoints >= 0, "a negative number of endpoints");
  impl_->endpoints = endpoints;
  impl_->ends.resize(static_cast<std::size_t>(endpoints));
}

GraphTopology::~GraphTopology() = default;

void GraphTopology::reserve_links(std::size_t count) {
  impl_->links.reserve(count);
}

int GraphTopology::add_vertex() {
  impl_->core.reset();
  impl_->ends.emplace_back();
  return vertices() - 1;
}

int GraphTopology::add_link(TopologyLink link) {
  const bool exist =
      link.from >= 0 && link.from < vertices() && link.to >= 0 && link.to < vertices();
  ORRERY_CHECK(exist && link.from != link.to, "link " + link.name + " joins no two vertices");
  impl_->core.reset();
  const int index = static_cast<int>(impl_->links.size());
  Ends& from = impl_->ends[static_cast<std::size_t>(link.from)];
  Ends& to = impl_->ends[static_cast<std::size_t>(link.to)];
  ++from.out_count;
  from.last_out = index;
  ++to.in_count;
  to.last_in = index;
  impl_->links.push_back(std::move(link));
  return index;
}

void GraphTopology::add_both_ways(End a, End b, const LinkSpec& spec, double bundle,
                                  int dimension) {
  add_link({a.vertex, b.vertex, spec, bundle, a.name + " -> " + b.name, dimension});
  add_link({b.vertex, a.vertex, spec, bundle, b.name + " -> " + a.name, dimension});
}

void GraphTopology::set_node_ports(NodePorts ports) {
  impl_->ports = std::move(ports);
}

const NodePorts* GraphTopology::node_ports() const {
  return impl_->ports ? &*impl_->ports : nullptr;
}

int GraphTopology::endpoints() const {
  return impl_->endpoints;
}

int GraphTopology::vertices() const {
  return static_cast<int>(impl_->ends.size());
}

std::span<const TopologyLink> GraphTopology::links() const {
  return impl_->links;
}

void GraphTopology::append_route(int from, int to, std::uint64_t flow_hash,
                                 std::vector<int>& route) const {
  const bool exist = from >= 0 && from < endpoints() && to >= 0 && to < endpoints();
  ORRERY_CHECK(exist, "no endpoints " + std::to_string(from) + " and " + std::to_string(to));
  if (from == to) {
    return;
  }
  int first = from;
  int last = to;
  if (impl_->is_leaf(from)) {
    route.push_back(impl_->ends[static_cast<std::size_t>(from)].last_out);
    first = impl_->links[static_cast<std::size_t>(route.back())].to;
  }
  const bool has_last_link = impl_->is_leaf(to);
  const int last_link = impl_->ends[static_cast<std::size_t>(to)].last_in;
  if (has_last_link) {
    last = impl_->links[static_cast<std::size_t>(last_link)].from;
  }
  if (first != last) {
    impl_->append_core_route(first, last, flow_hash, route);
  }
  if (has_last_link) {
    route.push_back(last_link);
  }
}

void GraphTopology::append_next_links(int vertex, int destination, std::vector<int>& links) const {
  const bool exist =
      vertex >= 0 && vertex < vertices() && destination >= 0 && destination < vertices();
  ORRERY_CHECK(exist,
               "no vertices " + std::to_string(vertex) + " and " + std::to_string(destination));
  if (vertex == destination) {
    return;
  }
  const Ends& here = impl_->ends[static_cast<std::size_t>(vertex)];
  const Ends& there = impl_->ends[static_cast<std::size_t>(destination)];
  if (impl_->is_leaf(vertex)) {
    links.push_back(here.last_out);
    return;
  }
  int last = destination;
  if (impl_->is_leaf(destination)) {
    last = impl_->links[static_cast<std::size_t>(there.last_in)].from;
    if (last == vertex) {
      links.push_back(there.last_in);
      return;
    }
  }
  impl_->append_core_next(vertex, last, links);
}

std::string endpoint_name(const TopologySite& site, int endpoint) {
  if (endpoint >= site.endpoints - site.uplinks) {
    return "uplink " + std::to_string(endpoint - (site.endpoints - site.uplinks));
  }
  if (!site.endpoint_link) {
    return "device " + std::to_string(endpoint);
  }
  return std::string(site.member) + " " + std::to_string(endpoint / site.endpoints_per_node) +
         ", " + site.port + " " + std::to_string(endpoint % site.endpoints_per_node);
}

}  // namespace orrery
