#include "models/fabric.hpp"

#include <algorithm>
#include <utility>

#include "models/fabric_impl.hpp"
#include "models/topology/routing.hpp"
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
          .latency = link.spec.latency,
          .model = 0,
          .is_part = false,
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

/// Such links inside a node would carry bytes, and what they say of adapters would not count.
void refuse_adapters_inside(const Topology* node, const JsonValue& section,
                            Diagnostics& diagnostics) {
  const auto is_adapter = [](const TopologyLink& link) {
    const LinkFacts* facts = link.spec.facts.get();
    if (facts == nullptr) return false;
    return (facts->rdma && (facts->rdma->message_rate || facts->rdma->incast_efficiency < 1)) ||
           (facts->tcp && facts->tcp->core_rate);
  };
  if (node == nullptr || std::none_of(node->links().begin(), node->links().end(), is_adapter)) {
    return;
  }
  report_at(section,
            "a \"message_rate\", an \"incast_efficiency\" or a \"core_rate\" is of an adapter "
            "(\"nic_link\"), not of a link inside a node",
            diagnostics);
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

void Fabric::Impl::add_host(const ClusterSpec& spec) {
  const NodeSpec& of = spec.node;
  host_only = links.size();
  if (cluster == nullptr && inside == nullptr && of.host_memory) {
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
                     .is_part = false,
                     .counts_messages = false});
  }
  if ((cluster != nullptr && staged) || by_host)
    host_only = links.size();  // messages are there too
}

void Fabric::Impl::check_adapters(const NodeSpec& spec, Diagnostics& diagnostics) const {
  if (by_host && adapts) {
    report_at(spec.peer_written, "devices without \"peer_to_peer\" need routings that do not adapt",
              diagnostics);
  }
  if (cluster == nullptr) return;
  if (bonding > 1 && (inside != nullptr || adapts)) {
    report_at(spec.bonding_written,
              inside != nullptr
                  ? "adapters are not bonded where the node's fabric holds them, as pcie_tree does"
                  : "adapters are not bonded where a routing adapts to loads",
              diagnostics);
  }
  if (staged && inside != nullptr) {
    report_at(spec.direct_written,
              "messages are not staged through the host's memory where the node's fabric holds the "
              "adapters, as pcie_tree does",
              diagnostics);
  }
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
  if (impl->node != nullptr) impl->inside = impl->node->node_ports();
  impl->adapts = (impl->node != nullptr && impl->node->adapts()) ||
                 (impl->cluster != nullptr && impl->cluster->adapts());
  refuse_adapters_inside(impl->node.get(), node.fabric, diagnostics);
  impl->check_adapters(node, diagnostics);
  if (!diagnostics.empty()) return nullptr;
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
  impl->transports.add_parts(cluster, impl->node.get(), impl->cluster.get(),
                             impl->host_links_from(), impl->links);
  impl->add_host(cluster);
  impl->spreads_anywhere = impl->by_host ||
                           (impl->cluster != nullptr && (impl->staged || impl->bonding > 1)) ||
                           (impl->node != nullptr && impl->node->spreads()) ||
                           (impl->cluster != nullptr && impl->cluster->spreads());
  impl->routes.set_sources(static_cast<std::size_t>(cluster.device_count()));
  return std::unique_ptr<Fabric>(new Fabric(std::move(impl)));
}

Fabric::Fabric(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Fabric::~Fabric() = default;

void Fabric::degrade(int link, double capacity, double latency) {
  Link& of = impl_->links[static_cast<std::size_t>(link)];
  if (const auto both = both_directions(link)) {  // a share of what the two of them carry
    Link& part = impl_->links[static_cast<std::size_t>(both->part)];
    const double sum = of.capacity + impl_->links[static_cast<std::size_t>(both->other)].capacity;
    const double left = (sum - (1 - capacity) * of.capacity) / sum;
    part.capacity *= left;
    part.raw_capacity *= left;
  }
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
  const auto index = static_cast<std::size_t>(link);
  const bool of_host = impl_->is_host_link(index) || index >= impl_->memory_base;
  return index < impl_->host_base || (impl_->by_host && of_host);
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

std::size_t Fabric::first_host_link() const {
  return impl_->host_only;
}

bool Fabric::spreads() const {
  return impl_->spreads_anywhere;
}

bool Fabric::node_adds() const {
  return impl_->node_adds && !impl_->by_host;
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

}  // namespace orrery
