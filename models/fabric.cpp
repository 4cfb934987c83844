#include "models/fabric.hpp"

#include <algorithm>
#include <utility>

#include "models/route_store.hpp"
#include "models/spread_store.hpp"
#include "models/topology/routing.hpp"
#include "models/transports.hpp"
#include "sim/base/errors.hpp"
#include "sim/base/json_cursor.hpp"

namespace orrery {
namespace {

constexpr std::int64_t kMaximumLinks = 20'000'000;  // 2 to 3 GiB of them

/// Null when the section is missing or wrong; the readers of specs report a missing one.
std::unique_ptr<Topology> make_topology(const JsonValue& section, const TopologySite& site,
                                        const Registry<TopologyFactory>& topologies,
                                        Diagnostics& diagnostics) {
  JsonCursor cursor(section, diagnostics);
  const std::string kind = cursor.at("kind").as_choice(topologies.names());
  const RoutingChoice routing = read_routing(cursor);
  const auto* entry = topologies.find(kind);
  return entry == nullptr ? nullptr : route_by(entry->make(cursor, site), routing);
}

Fabric::Link fabric_link(const TopologyLink& link, const std::string& prefix) {
  const double raw = link.spec.bandwidth.as_double() * link.bundle;
  return {.name = prefix + link.name,
          .kind = link.spec.name,
          .capacity = raw * link.spec.efficiency,
          .raw_capacity = raw,
          .latency = link.spec.latency,
          .model = 0,
          .counts_messages = false};
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

// Links stand in this order:
//   node 0's topology, node 1's, …            node_links each
//   device 0 -> NIC, NIC -> device 0, …       from host_base, in the order of devices
//   the cluster's topology                    from cluster_base
//   what messages share besides               where SharedParts says
//   for the host, where there is no NIC:
//   device 0 -> host, host -> device 0, …     from host_base, which then comes here
//   memory of node 0's host, node 1's, …      from memory_base
struct Fabric::Impl {
  Impl(const ClusterSpec& spec, const Registry<LinkFactory>& link_kinds)
      : nodes(spec.nodes),
        node_devices(spec.node.devices),
        nics(spec.node.nics),
        nic_of_device(spec.node.nic_of_device),
        bonding(spec.node.nic_bonding),
        staged(!spec.node.gpu_direct),
        transports(spec, link_kinds) {}

  std::int64_t nodes = 0;
  std::int64_t node_devices = 0;
  std::int64_t nics = 0;
  std::vector<int> nic_of_device;  // empty: blocks
  std::int64_t bonding = 1;
  bool staged = false;
  Transports transports;
  std::unique_ptr<Topology> node;     // null when a node is one device
  std::unique_ptr<Topology> cluster;  // null when there is one node
  std::vector<Link> links;
  std::vector<Port> ports;  // by device
  std::size_t node_links = 0;
  std::size_t host_base = 0;
  std::size_t cluster_base = 0;
  std::size_t host_only = 0;    // the first link that is for the host alone
  std::size_t memory_base = 0;  // at the end: no host memory
  RouteStore routes;
  bool spreads_anywhere = false;
  SpreadStore spread_routes;

  std::int64_t nic_of(std::int64_t device) const {
    if (nic_of_device.empty()) return device * nics / node_devices;
    return nic_of_device[static_cast<std::size_t>(device)];
  }
  void add_links(const NodeSpec& spec);
  void add_host(const ClusterSpec& spec);
  void check_pair(int from, int to) const;
  /// The part of a way that a topology decides.
  struct Leg {
    const Topology* topology;
    std::size_t base;  // of its links
    int from;
    int to;
    std::uint64_t flow_hash;
    bool between_nodes;
  };
  Leg leg_between(std::int64_t from, std::int64_t to) const;
  void append_route(std::int64_t from, std::int64_t to, std::vector<int>& route) const;
  bool spreads(const Leg& leg) const {
    return leg.topology->spreads() || (leg.between_nodes && (staged || bonding > 1));
  }
  bool spreads(std::int64_t from, std::int64_t to) const {
    return spreads_anywhere && spreads(leg_between(from, to));
  }
  void append_parts(const Leg& leg, std::int64_t from, std::int64_t to,
                    std::vector<int>& route) const;
  void append_spread(std::int64_t from, std::int64_t to, Spread& spread) const;
  Duration append_between(const Leg& leg, Spread& spread) const;
};

void Fabric::Impl::add_links(const NodeSpec& spec) {
  ports.resize(static_cast<std::size_t>(nodes * node_devices));
  node_links = static_cast<std::size_t>(link_count(node.get()));
  for (std::int64_t index = 0; node != nullptr && index < nodes; ++index) {
    const std::string prefix = "node " + std::to_string(index) + ", ";
    for (const TopologyLink& link : node->links()) {
      links.push_back(fabric_link(link, prefix));
      const double capacity = links.back().capacity;
      const auto first = static_cast<std::size_t>(index * node_devices);
      if (link.from < node_devices)
        ports[first + static_cast<std::size_t>(link.from)].out += capacity;
      if (link.to < node_devices) ports[first + static_cast<std::size_t>(link.to)].in += capacity;
    }
  }
  host_base = links.size();
  for (std::int64_t index = 0; cluster != nullptr && index < nodes * node_devices; ++index) {
    const std::int64_t local = index % node_devices;
    const std::string prefix = "node " + std::to_string(index / node_devices) + ", ";
    const std::string device = "device " + std::to_string(local);
    const std::string nic = "NIC " + std::to_string(nic_of(local));
    links.push_back(fabric_link(host_link(*spec.host_link, device, nic), prefix));
    links.push_back(fabric_link(host_link(*spec.host_link, nic, device), prefix));
    ports[static_cast<std::size_t>(index)].out += links.back().capacity;
    ports[static_cast<std::size_t>(index)].in += links.back().capacity;
  }
  cluster_base = links.size();
  for (std::size_t index = 0; cluster != nullptr && index < cluster->links().size(); ++index) {
    links.push_back(fabric_link(cluster->links()[index], ""));
  }
}

void Fabric::Impl::add_host(const ClusterSpec& spec) {
  const NodeSpec& of = spec.node;
  host_only = links.size();
  if (cluster == nullptr && of.host_memory) {
    host_base = links.size();
    for (std::int64_t index = 0; index < nodes * node_devices; ++index) {
      const std::string device = "device " + std::to_string(index);
      links.push_back(fabric_link(host_link(*of.host_link, device, "host"), "node 0, "));
      links.push_back(fabric_link(host_link(*of.host_link, "host", device), "node 0, "));
    }
    transports.add_host_parts(spec, host_base, links);
  }
  memory_base = links.size();
  for (std::int64_t index = 0; of.host_memory && index < nodes; ++index) {
    const double raw = of.host_memory->bandwidth.as_double();
    links.push_back({.name = "node " + std::to_string(index) + ", host memory",
                     .kind = "host_memory",
                     .capacity = raw * of.host_memory->efficiency,
                     .raw_capacity = raw,
                     .latency = Duration(0),
                     .model = 0,
                     .counts_messages = false});
  }
  if (cluster != nullptr && staged) host_only = links.size();  // messages use the memory too
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
  const std::size_t begin = route.size();
  if (leg.between_nodes) {
    if (transports.parts().any) append_parts(leg, from, to, route);
    route.push_back(static_cast<int>(host_base) + static_cast<int>(2 * from));
  }
  const std::size_t before = route.size();
  leg.topology->append_route(leg.from, leg.to, leg.flow_hash, route);
  if (!leg.between_nodes && transports.parts().any) {
    const std::size_t end = route.size();
    for (std::size_t hop = before; hop < end; ++hop) {
      const int part =
          transports.parts().of_inside(static_cast<int>(from / node_devices), route[hop]);
      if (part != SharedParts::kNone) route.push_back(part);
    }
    for (std::size_t hop = before; hop < end; ++hop) route[hop] += static_cast<int>(leg.base);
    std::rotate(route.begin() + static_cast<std::ptrdiff_t>(begin),
                route.begin() + static_cast<std::ptrdiff_t>(end), route.end());
    return;
  }
  for (std::size_t hop = before; leg.base != 0 && hop < route.size(); ++hop) {
    route[hop] += static_cast<int>(leg.base);
  }
  if (leg.between_nodes)
    route.push_back(static_cast<int>(host_base) + static_cast<int>(2 * to + 1));
}

/// What a message between nodes shares besides its links.
void Fabric::Impl::append_parts(const Leg& leg, std::int64_t from, std::int64_t to,
                                std::vector<int>& route) const {
  const SharedParts& parts = transports.parts();
  parts.append_of_nics(leg.from, leg.to, static_cast<int>(nics), route);
  parts.append_of_host_link(static_cast<int>(from), route);
  parts.append_of_host_link(static_cast<int>(to), route);
}

void Fabric::Impl::append_spread(std::int64_t from, std::int64_t to, Spread& spread) const {
  const Leg leg = leg_between(from, to);
  if (!leg.between_nodes) {
    std::vector<LinkShare> ways;
    leg.topology->append_shares(leg.from, leg.to, leg.flow_hash, ways);
    for (const LinkShare& way : ways) {
      const int node_of = static_cast<int>(from / node_devices);
      const int part = transports.parts().of_inside(node_of, way.link);
      if (part != SharedParts::kNone) spread.add(part, way.share);
    }
    for (const LinkShare& way : ways) {
      spread.put(leg.base + static_cast<std::size_t>(way.link), way.share);
    }
    spread.latency = slowest(*leg.topology, ways);
    return;
  }
  const std::size_t out = host_base + static_cast<std::size_t>(2 * from);
  const std::size_t in = host_base + static_cast<std::size_t>(2 * to + 1);
  const Duration of_host = links[out].latency + links[in].latency;
  std::vector<int> of_host_links;
  transports.parts().append_of_host_link(static_cast<int>(from), of_host_links);
  transports.parts().append_of_host_link(static_cast<int>(to), of_host_links);
  for (const int part : of_host_links) spread.put(static_cast<std::size_t>(part), 1);
  if (staged) {
    for (const std::int64_t at : {from / node_devices, to / node_devices}) {
      spread.put(memory_base + static_cast<std::size_t>(at), 2);  // written, and read
    }
    spread.latency += of_host;
  }
  spread.put(out, 1);
  spread.latency += append_between(leg, spread) + of_host;
  spread.put(in, 1);
}

/// From NIC to NIC, or from each of a group to the same one of the other's. Returns the latency of
/// the slowest way.
Duration Fabric::Impl::append_between(const Leg& leg, Spread& spread) const {
  const auto group = static_cast<int>(bonding);
  const double share = 1.0 / group;
  Duration latency;
  for (int member = 0; member < group; ++member) {
    const int from = group == 1 ? leg.from : leg.from / group * group + member;
    const int to = group == 1 ? leg.to : leg.to / group * group + member;
    std::vector<int> shared;
    transports.parts().append_of_nics(from, to, static_cast<int>(nics), shared);
    for (const int part : shared) spread.add(part, share);
    std::vector<LinkShare> ways;
    leg.topology->append_shares(from, to, leg.flow_hash, ways);
    for (const LinkShare& way : ways) {
      spread.add(static_cast<int>(leg.base) + way.link, share * way.share);
    }
    latency = std::max(latency, slowest(*leg.topology, ways));
  }
  return latency;
}

std::unique_ptr<Fabric> Fabric::build(const ClusterSpec& cluster,
                                      const Registry<TopologyFactory>& topologies,
                                      Diagnostics& diagnostics,
                                      const Registry<LinkFactory>& link_kinds) {
  const NodeSpec& node = cluster.node;
  auto impl = std::make_unique<Impl>(cluster, link_kinds);
  // Sections that nothing will travel through are read too, for their mistakes, and so are those of
  // a cluster whose counts and links could not be read.
  if (node.fabric.kind != JsonValue::Kind::null) {
    const TopologySite site{.endpoints = at_least_one(node.devices),
                            .endpoint_link = std::nullopt,
                            .kinds = &topologies};
    impl->node = make_topology(node.fabric, site, topologies, diagnostics);
  }
  if (cluster.fabric) {
    const int nics = at_least_one(node.nics);
    const TopologySite site{.endpoints = at_least_one(cluster.nodes) * nics,
                            .endpoints_per_node = nics,
                            .endpoint_link = node.nic_link.value_or(LinkSpec{}),
                            .kinds = &topologies};
    impl->cluster = make_topology(*cluster.fabric, site, topologies, diagnostics);
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
  impl->links.reserve(static_cast<std::size_t>(count));
  impl->add_links(node);
  impl->transports.add_parts(cluster, impl->node.get(), impl->cluster.get(), impl->host_base,
                             impl->links);
  impl->add_host(cluster);
  impl->spreads_anywhere = (impl->cluster != nullptr && (impl->staged || impl->bonding > 1)) ||
                           (impl->node != nullptr && impl->node->spreads()) ||
                           (impl->cluster != nullptr && impl->cluster->spreads());
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

Fabric::Port Fabric::port(int device) const {
  return impl_->ports[static_cast<std::size_t>(device)];
}

std::span<const Fabric::Link> Fabric::links() const {
  return impl_->links;
}

const Transports& Fabric::transports() const {
  return impl_->transports;
}

bool Fabric::has_host() const {
  return impl_->memory_base < impl_->links.size();
}

std::vector<int> Fabric::to_host(int device) const {
  ORRERY_CHECK(has_host() && device >= 0 && device < devices(), "a device without a host");
  const auto memory = impl_->memory_base + static_cast<std::size_t>(device) /
                                               static_cast<std::size_t>(impl_->node_devices);
  std::vector<int> way = {static_cast<int>(impl_->host_base) + 2 * device,
                          static_cast<int>(memory)};
  impl_->transports.parts().append_of_host_link(device, way);
  return way;
}

std::vector<int> Fabric::from_host(int device) const {
  std::vector<int> way = to_host(device);
  ++way.front();
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

const Topology* Fabric::node_topology() const {
  return impl_->node.get();
}

const Topology* Fabric::cluster_topology() const {
  return impl_->cluster.get();
}

Fabric::Route Fabric::route(int from, int to) {
  impl_->check_pair(from, to);
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
