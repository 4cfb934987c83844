#include "models/topology/figures.hpp"

#include <algorithm>
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/push_relabel_max_flow.hpp>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <vector>

namespace orrery {
namespace {

using Traits = boost::adjacency_list_traits<boost::vecS, boost::vecS, boost::directedS>;
using Graph = boost::adjacency_list<
    boost::vecS, boost::vecS, boost::directedS, boost::no_property,
    boost::property<
        boost::edge_capacity_t, std::int64_t,
        boost::property<boost::edge_residual_capacity_t, std::int64_t,
                        boost::property<boost::edge_reverse_t, Traits::edge_descriptor>>>>;

std::size_t index(int vertex) {
  return static_cast<std::size_t>(vertex);
}

/// Capacities in kbyte/s, so that whole numbers hold them.
constexpr double kFlowUnit = 1'000;

void add_capacity(Graph& graph, int from, int to, double bytes_per_second) {
  const auto edge = [&](int a, int b, std::int64_t capacity) {
    const auto made = boost::add_edge(index(a), index(b), graph).first;
    boost::get(boost::edge_capacity, graph)[made] = capacity;
    return made;
  };
  const auto there = edge(from, to, std::llround(bytes_per_second / kFlowUnit));
  const auto back = edge(to, from, 0);
  boost::get(boost::edge_reverse, graph)[there] = back;
  boost::get(boost::edge_reverse, graph)[back] = there;
}

double capacity_of(const TopologyLink& link) {
  return link.bundle * link.spec.bandwidth.as_double();
}

/// By vertex, what it is joined to but for links of one dimension: in a grid the place along it.
/// A part is called by the least of its vertices.
std::vector<int> parts_without(const Topology& topology, int dimension) {
  std::vector<int> part(index(topology.vertices()));
  std::iota(part.begin(), part.end(), 0);
  const auto root = [&part](int vertex) {
    while (part[index(vertex)] != vertex) {
      vertex = part[index(vertex)] = part[index(part[index(vertex)])];
    }
    return vertex;
  };
  for (const TopologyLink& link : topology.links()) {
    if (link.dimension == dimension) continue;
    const auto [least, other] = std::minmax({root(link.from), root(link.to)});
    part[index(other)] = least;
  }
  for (int vertex = 0; vertex < topology.vertices(); ++vertex) part[index(vertex)] = root(vertex);
  return part;
}

/// The first half of the endpoints in an order of what they belong to; by index within one.
std::vector<bool> first_half_by(const std::vector<int>& owner) {
  const std::size_t endpoints = owner.size();
  std::vector<int> order(endpoints);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&owner](int a, int b) { return owner[index(a)] < owner[index(b)]; });
  std::vector<bool> first(endpoints, false);
  for (std::size_t i = 0; i < endpoints / 2; ++i) first[index(order[i])] = true;
  return first;
}

/// By endpoint, the first vertex it leads to: its switch, if it has one.
std::vector<int> first_neighbours(const Topology& topology) {
  std::vector<int> next(index(topology.endpoints()), topology.vertices());
  for (const TopologyLink& link : topology.links()) {
    if (link.from >= topology.endpoints()) continue;
    int& first = next[index(link.from)];
    if (link.to >= topology.endpoints()) first = std::min(first, link.to);
  }
  return next;
}

/// Which endpoints are in the first half: by index; by their switches, as rails join endpoints that
/// are not neighbours; in a grid also along each of its dimensions, of equally long ones along one.
std::set<std::vector<bool>> halves_of(const Topology& topology) {
  const auto endpoints = index(topology.endpoints());
  std::set<std::vector<bool>> halves = {first_half_by(std::vector<int>(endpoints)),
                                        first_half_by(first_neighbours(topology))};
  std::set<int> dimensions;
  for (const TopologyLink& link : topology.links()) {
    if (link.dimension >= 0) dimensions.insert(link.dimension);
  }
  std::set<std::size_t> lengths;
  for (const int dimension : dimensions) {
    std::vector<int> part = parts_without(topology, dimension);
    if (!lengths.insert(std::set<int>(part.begin(), part.end()).size()).second) continue;
    part.resize(endpoints);
    halves.insert(first_half_by(part));
  }
  return halves;
}

void measure_halves(const Topology& topology, const std::vector<bool>& first,
                    TopologyFigures& figures) {
  double sent = 0;      // by the first half
  double received = 0;  // by the rest
  const int source = topology.vertices();
  const int sink = source + 1;
  Graph graph(index(sink) + 1);
  const auto is_end = [&](int vertex, bool of_first) {
    return vertex < topology.endpoints() && first[index(vertex)] == of_first;
  };
  for (const TopologyLink& link : topology.links()) {
    const double capacity = capacity_of(link);
    add_capacity(graph, link.from, link.to, capacity);
    if (is_end(link.from, true)) sent += capacity;
    if (is_end(link.to, false)) received += capacity;
  }
  for (int endpoint = 0; endpoint < topology.endpoints(); ++endpoint) {
    const bool sends = first[index(endpoint)];
    add_capacity(graph, sends ? source : endpoint, sends ? endpoint : sink, sent);
  }
  const std::int64_t flow = boost::push_relabel_max_flow(graph, index(source), index(sink));
  const double bisection = static_cast<double>(flow) * kFlowUnit;
  if (figures.bisection > 0 && bisection >= figures.bisection) return;
  figures.bisection = bisection;
  if (flow > 0) figures.oversubscription = std::min(sent, received) / bisection;
}

/// Hops from one vertex to all.
std::vector<int> hops_from(int start, const std::vector<std::vector<int>>& next) {
  std::vector<int> hops(next.size(), -1);
  std::vector<int> queue = {start};
  hops[index(start)] = 0;
  for (std::size_t at = 0; at < queue.size(); ++at) {
    for (const int there : next[index(queue[at])]) {
      if (hops[index(there)] >= 0) continue;
      hops[index(there)] = hops[index(queue[at])] + 1;
      queue.push_back(there);
    }
  }
  return hops;
}

void measure_hops(const Topology& topology, TopologyFigures& figures) {
  std::vector<std::vector<int>> next(index(topology.vertices()));
  for (const TopologyLink& link : topology.links()) next[index(link.from)].push_back(link.to);
  // Endpoints with one way out into one switch see the same; they are looked at once.
  std::map<int, int> starts;  // how many endpoints, by the vertex behind their first hop, or ~self
  for (int endpoint = 0; endpoint < topology.endpoints(); ++endpoint) {
    const std::vector<int>& out = next[index(endpoint)];
    const bool hangs = out.size() == 1 && out.front() >= topology.endpoints();
    ++starts[hangs ? out.front() : ~endpoint];
  }
  double sum = 0;
  for (const auto& [start, count] : starts) {
    const std::vector<int> hops = hops_from(start < 0 ? ~start : start, next);
    const int before = start < 0 ? 0 : 1;
    for (int endpoint = 0; endpoint < topology.endpoints(); ++endpoint) {
      if (endpoint == ~start) continue;
      const int way = hops[index(endpoint)] + before;
      const std::vector<int>& out = next[index(endpoint)];
      const bool is_one_of_them = start >= 0 && out.size() == 1 && out.front() == start;
      const int others = is_one_of_them ? count - 1 : count;
      if (others > 0) figures.diameter = std::max(figures.diameter, way);
      sum += static_cast<double>(way) * others;
    }
  }
  const double endpoints = topology.endpoints();
  if (endpoints > 1) figures.mean_hops = sum / (endpoints * (endpoints - 1));
}

}  // namespace

TopologyFigures figures_of(const Topology& topology) {
  TopologyFigures figures;
  figures.endpoints = topology.endpoints();
  figures.switches = topology.vertices() - topology.endpoints();
  if (const NodePorts* ports = topology.node_ports(); ports != nullptr) {
    figures.switches -= static_cast<int>(ports->nics.size());
  }
  figures.links = topology.links().size();
  measure_hops(topology, figures);
  if (figures.endpoints < 2) return figures;
  for (const std::vector<bool>& first : halves_of(topology)) {
    measure_halves(topology, first, figures);
  }
  return figures;
}

}  // namespace orrery
