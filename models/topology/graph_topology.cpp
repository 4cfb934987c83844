#include "models/topology/graph_topology.hpp"

#include <optional>
#include <utility>

#include "models/topology/shortest_ways.hpp"
#include "sim/base/errors.hpp"

namespace orrery {
namespace {

/// Links that leave and enter a vertex, and the last of each.
struct Ends {
  int out_count = 0;
  int in_count = 0;
  int last_out = 0;
  int last_in = 0;
};

}  // namespace

struct GraphTopology::Impl {
  int endpoints = 0;
  std::vector<TopologyLink> links;
  std::vector<Ends> ends;  // by vertex
  std::optional<NodePorts> ports;
  std::optional<ShortestWays> core;  // without leaves; made by the first route after a change

  bool is_leaf(int vertex) const;
  ShortestWays& built_core();
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

ShortestWays& GraphTopology::Impl::built_core() {
  if (!core) {
    core.emplace(static_cast<int>(ends.size()), links,
                 [this](int vertex) { return is_leaf(vertex); });
  }
  return *core;
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
    impl_->built_core().append_route(first, last, flow_hash, route);
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
  impl_->built_core().append_next(vertex, last, links);
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
