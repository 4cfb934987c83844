#include "models/fabric.hpp"

#include <algorithm>
#include <utility>

#include "models/fabric_impl.hpp"
#include "models/topology/routing.hpp"
#include "models/topology/walk.hpp"
#include "sim/base/errors.hpp"
#include "sim/base/json_cursor.hpp"

namespace orrery {
namespace {

constexpr std::int64_t kMaximumLinks = 20'000'000;  // 2 to 3 GiB of them

/// Null when the section is missing or wrong; the readers of specs report a missing one.
std::unique_ptr<Topology> make_topology(const JsonValue& section, const TopologySite& site,
                                        const Registry<TopologyFactory>& topologies,
                                        Diagnostics& diagnostics, bool& adds) {
  JsonCursor cursor(section, diagnostics);
  const std::string kind = cursor.at("kind").as_choice(topologies.names());
  const RoutingChoice routing = read_routing(cursor);
  adds = cursor.find("in_network_reduction").as_boolean();
  const auto* entry = topologies.find(kind);
  if (entry == nullptr) return nullptr;
  auto topology = route_by(entry->make(cursor, site), routing);
  adds = adds && topology != nullptr && topology->vertices() > topology->endpoints();
  return topology;
}

Fabric::Link fabric_link(const TopologyLink& link, const std::string& prefix) {
  const double raw = link.spec.bandwidth.as_double() * link.bundle;
  return {.name = prefix + link.name,
          .kind = link.spec.name,
          .capacity = raw * link.spec.efficiency,
          .raw_capacity = raw,
          .latency = link.spec.latency};
}

TopologyLink host_link(const LinkSpec& spec, const std::string& from, const std::string& to) {
  return {.spec = spec, .name = from + " -> " + to};
}

int at_least_one(std::int64_t count) {
  return static_cast<int>(std::max<std::int64_t>(1, count));
}

std::int64_t link_count(const Topology* topology) {
  return topology == nullptr ? 0 : static_cast<std::int64_t>(topology->links().size());
}

/// Those that there are only for the host.
std::int64_t host_link_count(const ClusterSpec& cluster) {
  if (!cluster.node.host_memory) return 0;
  return cluster.nodes + (cluster.nodes == 1 ? 2 * cluster.device_count() : 0);
}

/// Apart, so that the check before it is small enough to stand where it is called.
[[noreturn]] void no_route(int from, int to) {
  ORRERY_CHECK(false, "no route from device " + std::to_string(from) + " to " + std::to_string(to));
}

}  // namespace

void Fabric::Impl::add_links(const NodeSpec& spec) {
  ports.resize(static_cast<std::size_t>(nodes * node_devices));
  node_links = static_cast<std::size_t>(link_count(node.get()));
  for (std::int64_t index = 0; node != nullptr && index < nodes; ++index) {
    const std::string prefix = "node " + std::to_string(index) + ", ";
    for (const TopologyLink& link : node->links()) {
      links.push_back(fabric_link(link, prefix));
      const double capacity = links.back().raw_capacity;
      const auto first = static_cast<std::size_t>(index * node_devices);
      if (link.from < node_devices)
        ports[first + static_cast<std::size_t>(link.from)].out += capacity;
      if (link.to < node_devices) ports[first + static_cast<std::size_t>(link.to)].in += capacity;
    }
  }
  host_base = links.size();
  const bool by_host_links = cluster != nullptr && inside == nullptr;
  for (std::int64_t index = 0; by_host_links && index < nodes * node_devices; ++index) {
    const std::int64_t local = index % node_devices;
    const std::string prefix = "node " + std::to_string(index / node_devices) + ", ";
    const std::string device = "device " + std::to_string(local);
    const std::string nic = "NIC " + std::to_string(nic_of(local));
    links.push_back(fabric_link(host_link(*spec.host_link, device, nic), prefix));
    links.push_back(fabric_link(host_link(*spec.host_link, nic, device), prefix));
    ports[static_cast<std::size_t>(index)].out += links.back().raw_capacity;
    ports[static_cast<std::size_t>(index)].in += links.back().raw_capacity;
  }
  cluster_base = links.size();
  for (std::size_t index = 0; cluster != nullptr && index < cluster->links().size(); ++index) {
    links.push_back(fabric_link(cluster->links()[index], ""));
  }
}

void Fabric::Impl::add_host(const NodeSpec& spec) {
  host_only = links.size();
  if (cluster == nullptr && inside == nullptr && spec.host_memory) {
    host_base = links.size();
    for (std::int64_t index = 0; index < nodes * node_devices; ++index) {
      const std::string device = "device " + std::to_string(index);
      links.push_back(fabric_link(host_link(*spec.host_link, device, "host"), "node 0, "));
      links.push_back(fabric_link(host_link(*spec.host_link, "host", device), "node 0, "));
    }
  }
  memory_base = links.size();
  for (std::int64_t index = 0; spec.host_memory && index < nodes; ++index) {
    const double raw = spec.host_memory->bandwidth.as_double();
    links.push_back({.name = "node " + std::to_string(index) + ", host memory",
                     .kind = "host_memory",
                     .capacity = raw * spec.host_memory->efficiency,
                     .raw_capacity = raw,
                     .latency = Duration(0)});
  }
}

Fabric::Impl::Leg Fabric::Impl::leg_between(std::int64_t from, std::int64_t to) const {
  const auto devices = static_cast<std::uint64_t>(nodes * node_devices);
  const std::uint64_t flow_hash =
      static_cast<std::uint64_t>(from) * devices + static_cast<std::uint64_t>(to);
  if (nodes == 1) {  // no need to divide
    return {node.get(), 0, static_cast<int>(from), static_cast<int>(to), flow_hash, false};
  }
  const std::int64_t from_node = from / node_devices;
  const std::int64_t to_node = to / node_devices;
  const std::int64_t from_local = from % node_devices;
  const std::int64_t to_local = to % node_devices;
  if (from_node == to_node) {
    return {node.get(),
            static_cast<std::size_t>(from_node) * node_links,
            static_cast<int>(from_local),
            static_cast<int>(to_local),
            flow_hash,
            false};
  }
  return {cluster.get(),
          cluster_base,
          static_cast<int>(from_node * nics + nic_of(from_local)),
          static_cast<int>(to_node * nics + nic_of(to_local)),
          flow_hash,
          true};
}

void Fabric::Impl::append_route(std::int64_t from, std::int64_t to, std::vector<int>& route) const {
  const Leg leg = leg_between(from, to);
  if (leg.between_nodes) append_way_out(from, route);
  const std::size_t before = route.size();
  leg.topology->append_route(leg.from, leg.to, leg.flow_hash, route);
  for (std::size_t hop = before; leg.base != 0 && hop < route.size(); ++hop) {
    route[hop] += static_cast<int>(leg.base);
  }
  if (leg.between_nodes) append_way_in(to, route);
}

/// From a device to its NIC.
void Fabric::Impl::append_way_out(std::int64_t device, std::vector<int>& route) const {
  if (inside != nullptr) {
    append_inside(device, static_cast<int>(device % node_devices), nic_vertex(device), route);
  } else {
    route.push_back(static_cast<int>(host_base) + static_cast<int>(2 * device));
  }
}

void Fabric::Impl::append_way_in(std::int64_t device, std::vector<int>& route) const {
  if (inside != nullptr) {
    append_inside(device, nic_vertex(device), static_cast<int>(device % node_devices), route);
  } else {
    route.push_back(static_cast<int>(host_base) + static_cast<int>(2 * device + 1));
  }
}

void Fabric::Impl::append_inside(std::int64_t device, int from, int to,
                                 std::vector<int>& route) const {
  const auto base = static_cast<int>(static_cast<std::size_t>(device / node_devices) * node_links);
  const std::size_t before = route.size();
  append_hashed_walk(*node, from, to, 0, route);
  for (std::size_t hop = before; hop < route.size(); ++hop) route[hop] += base;
}

void Fabric::Impl::append_spread(std::int64_t from, std::int64_t to, Spread& spread) const {
  const Leg leg = leg_between(from, to);
  std::vector<LinkShare> parts;
  leg.topology->append_shares(leg.from, leg.to, leg.flow_hash, parts);
  std::vector<int> ends;
  if (leg.between_nodes) append_way_out(from, ends);
  spread.put_all(ends);
  for (const LinkShare& part : parts) {
    spread.put(leg.base + static_cast<std::size_t>(part.link), part.share);
  }
  spread.latency = slowest(*leg.topology, parts,
                           [&](std::size_t link) { return links[leg.base + link].latency; });
  const std::size_t out = ends.size();
  if (leg.between_nodes) append_way_in(to, ends);
  spread.put_all(std::span(ends).subspan(out));
  for (const int link : ends) spread.latency += links[static_cast<std::size_t>(link)].latency;
}

std::unique_ptr<Fabric> Fabric::build(const ClusterSpec& cluster,
                                      const Registry<TopologyFactory>& topologies,
                                      Diagnostics& diagnostics) {
  const NodeSpec& node = cluster.node;
  auto impl = std::make_unique<Impl>();
  impl->nodes = cluster.nodes;
  impl->node_devices = node.devices;
  impl->nics = node.nics;
  // Sections that nothing will travel through are read too, for their mistakes, and so are those of
  // a cluster whose counts and links could not be read.
  if (node.fabric.kind != JsonValue::Kind::null) {
    const TopologySite site{.endpoints = at_least_one(node.devices),
                            .endpoint_link = std::nullopt,
                            .kinds = &topologies,
                            .nics = cluster.nodes > 1 ? at_least_one(node.nics) : 0,
                            .nic_slot = node.host_link};
    impl->node = make_topology(node.fabric, site, topologies, diagnostics, impl->node_adds);
  }
  if (cluster.fabric) {
    const int nics = at_least_one(node.nics);
    const TopologySite site{.endpoints = at_least_one(cluster.nodes) * nics,
                            .endpoints_per_node = nics,
                            .endpoint_link = node.nic_link.value_or(LinkSpec{}),
                            .kinds = &topologies};
    impl->cluster =
        make_topology(*cluster.fabric, site, topologies, diagnostics, impl->network_adds);
  }
  if (!diagnostics.empty()) {
    return nullptr;
  }
  ORRERY_CHECK(cluster.nodes > 0 && node.devices > 0, "a cluster without devices");
  ORRERY_CHECK(node.devices == 1 || impl->node != nullptr, "a node without a fabric");
  ORRERY_CHECK(cluster.nodes == 1 || impl->cluster != nullptr, "a cluster without a fabric");
  if (node.devices == 1) impl->node.reset();
  if (cluster.nodes == 1) impl->cluster.reset();
  const std::int64_t count = cluster.nodes * link_count(impl->node.get()) +
                             (impl->cluster ? 2 * cluster.device_count() : 0) +
                             link_count(impl->cluster.get()) + host_link_count(cluster);
  if (count > kMaximumLinks) {
    throw LimitError("the fabric of " + std::to_string(cluster.nodes) + " nodes has " +
                     std::to_string(count) + " links, at most " + std::to_string(kMaximumLinks) +
                     " can be simulated");
  }
  if (impl->node != nullptr) impl->inside = impl->node->node_ports();
  impl->links.reserve(static_cast<std::size_t>(count));
  impl->add_links(node);
  impl->add_host(node);
  impl->spreads_anywhere = (impl->node != nullptr && impl->node->spreads()) ||
                           (impl->cluster != nullptr && impl->cluster->spreads());
  impl->adapts = (impl->node != nullptr && impl->node->adapts()) ||
                 (impl->cluster != nullptr && impl->cluster->adapts());
  impl->routes.set_sources(static_cast<std::size_t>(cluster.device_count()));
  return std::unique_ptr<Fabric>(new Fabric(std::move(impl)));
}

Fabric::Fabric(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Fabric::~Fabric() = default;

void Fabric::degrade(int link, double capacity, double latency) {
  Link& of = impl_->links[static_cast<std::size_t>(link)];
  of.capacity *= capacity;
  of.raw_capacity *= capacity;
  of.latency = duration_from_seconds(to_seconds(of.latency) * latency);
}

int Fabric::devices() const {
  return static_cast<int>(impl_->nodes * impl_->node_devices);
}

Fabric::Place Fabric::place(int device) const {
  const std::int64_t node = device / impl_->node_devices;
  const std::int64_t local = device % impl_->node_devices;
  return {static_cast<int>(node), static_cast<int>(impl_->nic_of(local))};
}

bool Fabric::inside_node(int link) const {
  return static_cast<std::size_t>(link) < impl_->host_base;
}

Fabric::Port Fabric::port(int device) const {
  return impl_->ports[static_cast<std::size_t>(device)];
}

std::span<const Fabric::Link> Fabric::links() const {
  return impl_->links;
}

bool Fabric::has_host() const {
  return impl_->memory_base < impl_->links.size();
}

std::vector<int> Fabric::to_host(int device) const {
  ORRERY_CHECK(has_host() && device >= 0 && device < devices(), "a device without a host");
  const int local = device % static_cast<int>(impl_->node_devices);
  std::vector<int> way;
  if (impl_->inside == nullptr) {
    way.push_back(static_cast<int>(impl_->host_base) + 2 * device);
  } else {
    impl_->append_inside(device, local, impl_->inside->hosts[static_cast<std::size_t>(local)], way);
  }
  way.push_back(impl_->memory_of(device));
  return way;
}

std::vector<int> Fabric::from_host(int device) const {
  ORRERY_CHECK(has_host() && device >= 0 && device < devices(), "a device without a host");
  const int local = device % static_cast<int>(impl_->node_devices);
  std::vector<int> way = {impl_->memory_of(device)};
  if (impl_->inside == nullptr) {
    way.push_back(static_cast<int>(impl_->host_base) + 2 * device + 1);
  } else {
    impl_->append_inside(device, impl_->inside->hosts[static_cast<std::size_t>(local)], local, way);
  }
  return way;
}

std::size_t Fabric::first_host_link() const {
  return impl_->host_only;
}

void Fabric::Impl::check_pair(int from, int to) const {
  const std::int64_t devices = nodes * node_devices;
  if (from >= 0 && from < devices && to >= 0 && to < devices && from != to) return;
  no_route(from, to);
}

void Fabric::append_route(int from, int to, std::vector<int>& route,
                          std::vector<double>* shares) const {
  impl_->check_pair(from, to);
  if (!impl_->spreads(from, to)) {
    const std::size_t before = route.size();
    impl_->append_route(from, to, route);
    if (shares != nullptr) shares->insert(shares->end(), route.size() - before, 1.0);
    return;
  }
  Spread spread;
  impl_->append_spread(from, to, spread);
  route.insert(route.end(), spread.links.begin(), spread.links.end());
  if (shares != nullptr) {
    shares->insert(shares->end(), spread.shares.begin(), spread.shares.end());
  }
}

bool Fabric::spreads() const {
  return impl_->spreads_anywhere;
}

bool Fabric::node_adds() const {
  return impl_->node_adds;
}
bool Fabric::network_adds() const {
  return impl_->network_adds;
}

const Topology* Fabric::node_topology() const {
  return impl_->node.get();
}

const Topology* Fabric::cluster_topology() const {
  return impl_->cluster.get();
}

Fabric::Route Fabric::route(int from, int to) {
  impl_->check_pair(from, to);
  if (impl_->any_down || impl_->adapts) return impl_->living_route(from, to);
  if (impl_->spreads(from, to)) {
    return impl_->spread_routes.find(
        from, to, [&](Spread& spread) { impl_->append_spread(from, to, spread); });
  }
  // Inside a node a route is short and made in no time; between nodes it may take a search.
  const bool keep = impl_->nodes > 1 && from / impl_->node_devices != to / impl_->node_devices;
  return impl_->routes.find(from, to, keep, [&](std::vector<int>& route) {
    impl_->append_route(from, to, route);
    Duration latency;
    for (const int link : route) latency += impl_->links[static_cast<std::size_t>(link)].latency;
    return latency;
  });
}

}  // namespace orrery
