#include "models/topology/figures.hpp"

#include <algorithm>
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/push_relabel_max_flow.hpp>
#include <cmath>
#include <map>
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

void measure_halves(const Topology& topology, TopologyFigures& figures) {
  const int half = topology.endpoints() / 2;
  if (half == 0) return;
  double sent = 0;      // by the first half
  double received = 0;  // by the rest
  const int source = topology.vertices();
  const int sink = source + 1;
  Graph graph(index(sink) + 1);
  for (const TopologyLink& link : topology.links()) {
    const double capacity = capacity_of(link);
    add_capacity(graph, link.from, link.to, capacity);
    if (link.from < half) sent += capacity;
    if (link.to >= half && link.to < topology.endpoints()) received += capacity;
  }
  for (int endpoint = 0; endpoint < topology.endpoints(); ++endpoint) {
    const bool first = endpoint < half;
    add_capacity(graph, first ? source : endpoint, first ? endpoint : sink, sent);
  }
  const std::int64_t flow = boost::push_relabel_max_flow(graph, index(source), index(sink));
  figures.bisection = static_cast<double>(flow) * kFlowUnit;
  if (flow > 0) figures.oversubscription = std::min(sent, received) / figures.bisection;
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
  measure_halves(topology, figures);
  return figures;
}

}  // namespace orrery
