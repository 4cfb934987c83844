// The ways through a fabric while nothing fails and no routing adapts.
#include <algorithm>

#include "models/fabric_impl.hpp"
#include "models/topology/walk.hpp"
#include "sim/base/errors.hpp"

namespace orrery {
namespace {

/// Apart, so that the check before it is small enough to stand where it is called.
[[noreturn]] void no_route(int from, int to) {
  ORRERY_CHECK(false, "no route from device " + std::to_string(from) + " to " + std::to_string(to));
}

}  // namespace

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
  if (leg.between_nodes) append_way_out(from, route);
  const std::size_t before = route.size();
  leg.topology->append_route(leg.from, leg.to, leg.flow_hash, route);
  for (std::size_t hop = before; leg.base != 0 && hop < route.size(); ++hop) {
    route[hop] += static_cast<int>(leg.base);
  }
  if (leg.between_nodes) append_way_in(to, route);
  if (transports.parts().any) put_parts_before(leg, begin, route);
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

int Fabric::Impl::part_of(int link) const {
  const SharedParts& parts = transports.parts();
  const auto index = static_cast<std::size_t>(link);
  if (index < static_cast<std::size_t>(nodes) * node_links) {
    return parts.of_inside(static_cast<int>(index / node_links),
                           static_cast<int>(index % node_links));
  }
  return is_host_link(index) ? parts.of_host_link(static_cast<int>((index - host_base) / 2))
                             : SharedParts::kNone;
}

void Fabric::Impl::put_parts_before(const Leg& leg, std::size_t begin,
                                    std::vector<int>& route) const {
  const std::size_t end = route.size();
  if (leg.between_nodes) {
    transports.parts().append_of_nics(leg.from, leg.to, static_cast<int>(nics), route);
  }
  for (std::size_t hop = begin; hop < end; ++hop) {
    const int part = part_of(route[hop]);
    if (part != SharedParts::kNone) route.push_back(part);
  }
  std::rotate(route.begin() + static_cast<std::ptrdiff_t>(begin),
              route.begin() + static_cast<std::ptrdiff_t>(end), route.end());
}

void Fabric::Impl::put_parts_before(const Leg& leg, Spread& spread) const {
  if (!transports.parts().any) return;
  Spread parts;
  const int group = leg.between_nodes ? static_cast<int>(bonding) : 1;
  for (int member = 0; leg.between_nodes && member < group; ++member) {
    std::vector<int> shared;
    transports.parts().append_of_nics(bonded(leg.from, member), bonded(leg.to, member),
                                      static_cast<int>(nics), shared);
    for (const int part : shared) parts.add(part, 1.0 / group);
  }
  for (std::size_t hop = 0; hop < spread.links.size(); ++hop) {
    const int part = part_of(spread.links[hop]);
    if (part != SharedParts::kNone) parts.add(part, spread.shares[hop]);
  }
  spread.links.insert(spread.links.begin(), parts.links.begin(), parts.links.end());
  spread.shares.insert(spread.shares.begin(), parts.shares.begin(), parts.shares.end());
}

/// Through the memory of both hosts, written and read there; the copies go over the same host links
/// as the message.
void Fabric::Impl::append_staging(std::int64_t from, std::int64_t to, Spread& spread) const {
  spread.add(memory_of(from), 2);
  spread.add(memory_of(to), 2);
  const std::size_t out = host_base + static_cast<std::size_t>(2 * from);
  const std::size_t in = host_base + static_cast<std::size_t>(2 * to + 1);
  spread.latency += links[out].latency + links[in].latency;
}

/// Written to the memory of their host and read there.
void Fabric::Impl::append_by_host(std::int64_t from, std::int64_t to, Spread& spread) const {
  spread.add(memory_of(from), 2);
  std::vector<int> way = way_to_host(from);
  const std::vector<int> back = way_from_host(to);
  way.insert(way.end(), back.begin(), back.end());
  spread.put_all(way);
  for (const int link : way) spread.latency += links[static_cast<std::size_t>(link)].latency;
}

void Fabric::Impl::append_spread(std::int64_t from, std::int64_t to, Spread& spread) const {
  const Leg leg = leg_between(from, to);
  if (by_host && !leg.between_nodes) {
    append_by_host(from, to, spread);
    put_parts_before(leg, spread);
    return;
  }
  std::vector<int> ends;
  if (leg.between_nodes) {
    if (staged) append_staging(from, to, spread);
    append_way_out(from, ends);
    spread.put_all(ends);
  }
  spread.latency += append_between(leg, spread);
  const std::size_t out = ends.size();
  if (leg.between_nodes) append_way_in(to, ends);
  spread.put_all(std::span(ends).subspan(out));
  for (const int link : ends) spread.latency += links[static_cast<std::size_t>(link)].latency;
  put_parts_before(leg, spread);
}

/// Inside a node; or from NIC to NIC, or from each of a group to the same one of the other's.
/// Returns the latency of the slowest way.
Duration Fabric::Impl::append_between(const Leg& leg, Spread& spread) const {
  const int group = leg.between_nodes ? static_cast<int>(bonding) : 1;
  const double share = 1.0 / group;
  Duration latency;
  for (int member = 0; member < group; ++member) {
    std::vector<LinkShare> ways;
    leg.topology->append_shares(bonded(leg.from, member), bonded(leg.to, member), leg.flow_hash,
                                ways);
    for (const LinkShare& way : ways) {
      const std::size_t link = leg.base + static_cast<std::size_t>(way.link);
      if (group == 1) {
        spread.put(link, way.share);
      } else {
        spread.add(static_cast<int>(link), share * way.share);
      }
    }
    latency = std::max(latency, slowest(*leg.topology, ways, [&](std::size_t link) {
                         return links[leg.base + link].latency;
                       }));
  }
  return latency;
}

std::vector<int> Fabric::Impl::way_to_host(std::int64_t device) const {
  const auto local = static_cast<int>(device % node_devices);
  std::vector<int> way;
  if (inside == nullptr) {
    way.push_back(static_cast<int>(host_base) + static_cast<int>(2 * device));
  } else {
    append_inside(device, local, inside->hosts[static_cast<std::size_t>(local)], way);
  }
  return way;
}

std::vector<int> Fabric::Impl::way_from_host(std::int64_t device) const {
  const auto local = static_cast<int>(device % node_devices);
  std::vector<int> way;
  if (inside == nullptr) {
    way.push_back(static_cast<int>(host_base) + static_cast<int>(2 * device + 1));
  } else {
    append_inside(device, inside->hosts[static_cast<std::size_t>(local)], local, way);
  }
  return way;
}

std::vector<int> Fabric::to_host(int device) const {
  ORRERY_CHECK(has_host() && device >= 0 && device < devices(), "a device without a host");
  std::vector<int> way = impl_->way_to_host(device);
  impl_->append_parts(way);
  way.push_back(impl_->memory_of(device));
  return way;
}

std::vector<int> Fabric::from_host(int device) const {
  ORRERY_CHECK(has_host() && device >= 0 && device < devices(), "a device without a host");
  std::vector<int> way = impl_->way_from_host(device);
  impl_->append_parts(way);
  way.insert(way.begin(), impl_->memory_of(device));
  return way;
}

/// What these links share besides.
void Fabric::Impl::append_parts(std::vector<int>& way) const {
  const std::size_t end = way.size();
  for (std::size_t hop = 0; hop < end; ++hop) {
    const int part = part_of(way[hop]);
    if (part != SharedParts::kNone) way.push_back(part);
  }
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
