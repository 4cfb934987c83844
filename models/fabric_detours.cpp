// Routes of a fabric that change while a job runs: links fail, and routings adapt.
#include <algorithm>

#include "models/fabric_impl.hpp"
#include "models/topology/walk.hpp"
#include "sim/base/errors.hpp"

namespace orrery {

void Fabric::set_up(int link, bool up) {
  Impl& impl = *impl_;
  const auto index = static_cast<std::size_t>(link);
  impl.down.resize(impl.links.size(), false);
  if (impl.down[index] == !up) return;
  impl.down[index] = !up;
  impl.down_count = up ? impl.down_count - 1 : impl.down_count + 1;
  impl.any_down = impl.down_count > 0;
  impl.detours.clear();
  const auto [whole, base] = impl.network_of(link);
  if (whole == nullptr) return;
  Surviving& ways = impl.survivors.try_emplace(base, *whole).first->second;
  ways.set_up(static_cast<int>(index - base), up);
  if (ways.is_whole()) impl.survivors.erase(base);
}

bool Fabric::joins(int from, int to) const {
  Spread spread;
  return !impl_->any_down || impl_->append_living(from, to, spread);
}

std::string Fabric::failure_refusal() const {
  if (impl_->by_host) return "links do not fail where a node has no \"peer_to_peer\"";
  if (impl_->cluster == nullptr) return "";
  if (impl_->bonding > 1) return "links do not fail where adapters are bonded";
  return transports().watches_incast()
             ? "links do not fail where the link of the adapters has an \"incast_efficiency\""
             : "";
}

bool Fabric::adapts() const {
  return impl_->adapts;
}

void Fabric::set_loads(const LinkLoads* loads) {
  impl_->loads = loads;
}

bool Fabric::is_live() const {
  return impl_->loads != nullptr;
}

std::pair<const Topology*, std::size_t> Fabric::Impl::network_of(int link) const {
  const auto index = static_cast<std::size_t>(link);
  if (node != nullptr && index < static_cast<std::size_t>(nodes) * node_links) {
    return {node.get(), index / node_links * node_links};
  }
  if (cluster != nullptr && index >= cluster_base &&
      index < cluster_base + cluster->links().size()) {
    return {cluster.get(), cluster_base};
  }
  return {nullptr, 0};
}

const Topology& Fabric::Impl::ways_of(const Topology& whole, std::size_t base) const {
  const auto found = survivors.find(base);
  return found == survivors.end() ? whole : found->second;
}

bool Fabric::Impl::joined(std::size_t base, int from, int to) const {
  const auto found = survivors.find(base);
  return found == survivors.end() || found->second.joins(from, to);
}

bool Fabric::Impl::append_leg(const Leg& leg, Spread& spread) const {
  if (!joined(leg.base, leg.from, leg.to)) return false;
  const Topology& ways = ways_of(*leg.topology, leg.base);
  std::vector<LinkShare> parts;
  if (ways.adapts() && loads != nullptr) {
    const LinkLoads here = [this, &leg](int link) {
      return (*loads)(static_cast<int>(leg.base) + link);
    };
    std::vector<int> route;
    ways.append_adapted_route(leg.from, leg.to, leg.flow_hash, here, ways, route);
    for (const int link : route) parts.push_back({link, 1});
  } else {
    ways.append_shares(leg.from, leg.to, leg.flow_hash, parts);
  }
  for (const LinkShare& part : parts) {
    spread.put(leg.base + static_cast<std::size_t>(part.link), part.share);
  }
  spread.latency += slowest(*leg.topology, parts,
                            [&](std::size_t link) { return links[leg.base + link].latency; });
  return true;
}

/// In the node of a device, from a vertex to another.
bool Fabric::Impl::append_inner_leg(std::int64_t device, int from, int to, Spread& spread) const {
  const std::size_t base = static_cast<std::size_t>(device / node_devices) * node_links;
  if (!joined(base, from, to)) return false;
  std::vector<int> route;
  append_hashed_walk(ways_of(*node, base), from, to, 0, route);
  for (const int hop : route) {
    spread.put(base + static_cast<std::size_t>(hop), 1);
    spread.latency += links[base + static_cast<std::size_t>(hop)].latency;
  }
  return true;
}

bool Fabric::Impl::append_out(std::int64_t device, std::int64_t nic, Spread& spread) const {
  if (inside != nullptr) {
    return append_inner_leg(device, static_cast<int>(device % node_devices),
                            inside->nics[static_cast<std::size_t>(nic)], spread);
  }
  const std::size_t link = host_base + static_cast<std::size_t>(2 * device);
  if (is_down(link)) return false;
  spread.put(link, 1);
  spread.latency += links[link].latency;
  return true;
}

bool Fabric::Impl::append_in(std::int64_t nic, std::int64_t device, Spread& spread) const {
  if (inside != nullptr) {
    return append_inner_leg(device, inside->nics[static_cast<std::size_t>(nic)],
                            static_cast<int>(device % node_devices), spread);
  }
  const std::size_t link = host_base + static_cast<std::size_t>(2 * device + 1);
  if (is_down(link)) return false;
  spread.put(link, 1);
  spread.latency += links[link].latency;
  return true;
}

/// By the devices' own adapters, or the nearest to them, counted upwards, that are joined.
bool Fabric::Impl::append_by_nics(std::int64_t from, std::int64_t to, Spread& spread) const {
  const auto hash = static_cast<std::uint64_t>(from * nodes * node_devices + to);
  for (std::int64_t apart = 0; apart <= 2 * (nics - 1); ++apart) {
    for (std::int64_t out = 0; out <= apart; ++out) {
      const std::int64_t in = apart - out;
      if (out >= nics || in >= nics) continue;
      const std::int64_t source = (nic_of(from % node_devices) + out) % nics;
      const std::int64_t sink = (nic_of(to % node_devices) + in) % nics;
      const Leg leg{cluster.get(),
                    cluster_base,
                    static_cast<int>(from / node_devices * nics + source),
                    static_cast<int>(to / node_devices * nics + sink),
                    hash,
                    true};
      Spread way;
      if (staged) append_staging(from, to, way);
      if (joined(cluster_base, leg.from, leg.to) && append_out(from, source, way) &&
          append_leg(leg, way) && append_in(sink, to, way)) {
        put_parts_before(leg, way);
        spread = std::move(way);
        return true;
      }
    }
  }
  return false;
}

bool Fabric::Impl::append_living(std::int64_t from, std::int64_t to, Spread& spread) const {
  const Leg leg = leg_between(from, to);
  if (!leg.between_nodes && append_leg(leg, spread)) {
    put_parts_before(leg, spread);
    return true;
  }
  return cluster != nullptr && append_by_nics(from, to, spread);
}

Fabric::Route Fabric::Impl::living_route(int from, int to) {
  const auto make = [&](Spread& spread) {
    ORRERY_CHECK(append_living(from, to, spread), "a route was asked for where none is left");
    const bool whole = std::all_of(spread.shares.begin(), spread.shares.end(),
                                   [](double share) { return share == 1; });
    if (whole) spread.shares.clear();
  };
  if (!adapts) return detours.find(from, to, make);
  adapted = Spread{};
  make(adapted);
  return {adapted.links, adapted.latency, adapted.shares};
}

namespace {

std::string first_end(const std::string& link) {
  return link.substr(0, link.find(" -> "));
}

}  // namespace

std::vector<int> Fabric::reverse(int link) const {
  const auto index = static_cast<std::size_t>(link);
  const auto [whole, base] = impl_->network_of(link);
  if (whole == nullptr) {
    // Links of devices to NICs and hosts stand in pairs; a memory is both ways, and so is a part.
    if (!impl_->is_host_link(index)) return {link};
    return {static_cast<int>(impl_->host_base + ((index - impl_->host_base) ^ 1U))};
  }
  const TopologyLink& of = whole->links()[index - base];
  std::vector<int> back;
  for (std::size_t i = 0; i < whole->links().size(); ++i) {
    const TopologyLink& other = whole->links()[i];
    if (other.from == of.to && other.to == of.from) back.push_back(static_cast<int>(base + i));
  }
  return back;
}

std::optional<Fabric::BothDirections> Fabric::both_directions(int link) const {
  const auto part_of = [this](int of) {
    const int nics = impl_->transports.parts().nic_duplex;
    const auto [whole, base] = impl_->network_of(of);
    if (nics == SharedParts::kNone || whole == nullptr || whole != impl_->cluster.get()) {
      return impl_->part_of(of);
    }
    const TopologyLink& port = whole->links()[static_cast<std::size_t>(of) - base];
    const int nic = std::min(port.from, port.to);  // switches come after the endpoints
    return nic < whole->endpoints() ? nics + nic : SharedParts::kNone;
  };
  const int part = part_of(link);
  if (part == SharedParts::kNone) return std::nullopt;
  for (const int other : reverse(link)) {
    if (part_of(other) == part) return BothDirections{part, other};
  }
  return std::nullopt;
}

std::vector<int> Fabric::links_at(const std::string& vertex) const {
  std::vector<int> found;
  std::map<std::size_t, int> known;  // the vertex of each network, by its first link
  for (std::size_t i = 0; i < impl_->links.size(); ++i) {
    if (impl_->links[i].is_part || first_end(impl_->links[i].name) != vertex) continue;
    const int link = static_cast<int>(i);
    const auto [whole, base] = impl_->network_of(link);
    if (whole == nullptr) {
      // Of devices, to NIC or host. Where an adapter fails, its devices' own links are whole.
      const bool of_device = impl_->is_host_link(i) && (i - impl_->host_base) % 2 == 0;
      if (of_device) found.insert(found.end(), {link, link + 1});
    } else if (known.emplace(base, whole->links()[i - base].from).second) {
      const int at = whole->links()[i - base].from;
      for (std::size_t l = 0; l < whole->links().size(); ++l) {
        const TopologyLink& other = whole->links()[l];
        if (other.from == at || other.to == at) found.push_back(static_cast<int>(base + l));
      }
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<int> Fabric::links_of_node(int node) const {
  const std::string prefix = "node " + std::to_string(node) + ", ";
  const Impl& impl = *impl_;
  std::vector<int> found;
  for (std::size_t i = 0; i < impl.links.size(); ++i) {
    if (impl.links[i].is_part) continue;
    const auto [whole, base] = impl.network_of(static_cast<int>(i));
    bool of_node = impl.links[i].name.starts_with(prefix);
    if (whole != nullptr && whole == impl.cluster.get()) {
      const TopologyLink& link = whole->links()[i - base];
      const auto is_nic = [&](int end) {
        return end < whole->endpoints() && end / impl.nics == node;
      };
      of_node = is_nic(link.from) || is_nic(link.to);
    }
    if (of_node) found.push_back(static_cast<int>(i));
  }
  return found;
}

}  // namespace orrery
