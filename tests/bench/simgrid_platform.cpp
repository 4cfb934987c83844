#include <string>

#include "tests/bench/jobs.hpp"
#include "tests/bench/simgrid_jobs.hpp"

namespace orrery::jobs {
namespace {

namespace s4u = simgrid::s4u;

s4u::NetZone* create_zone(Zone zone) {
  return zone == Zone::star ? s4u::create_star_zone("platform") : s4u::create_full_zone("platform");
}

// The number is the whole name: a short one stays inside its std::string.
s4u::Link* create_link(s4u::NetZone& zone, double latency_s) {
  static int created = 0;
  return zone.create_link(std::to_string(created++), static_cast<double>(kLinkBytesPerSecond))
      ->set_latency(latency_s)
      ->set_sharing_policy(s4u::Link::SharingPolicy::SHARED)
      ->seal();
}

s4u::Host* create_host(s4u::NetZone& zone, std::size_t index) {
  return zone.create_host(std::to_string(index), kHostFlopsPerSecond)->seal();
}

/// The two halves of a host's routes in a star zone.
void join(s4u::NetZone& zone, s4u::Host& host, const std::vector<s4u::LinkInRoute>& up,
          const std::vector<s4u::LinkInRoute>& down) {
  zone.add_route(host.get_netpoint(), nullptr, nullptr, nullptr, up, false);
  zone.add_route(nullptr, host.get_netpoint(), nullptr, nullptr, down, false);
}

void route(s4u::NetZone& zone, s4u::Host& from, s4u::Host& to,
           const std::vector<s4u::LinkInRoute>& links) {
  zone.add_route(from.get_netpoint(), to.get_netpoint(), nullptr, nullptr, links, false);
}

/// The links of the fabric in leaf_spine.cpp.
class LeafSpineLinks {
 public:
  LeafSpineLinks(s4u::NetZone& zone, int hosts) {
    const int leaves = (hosts + leaf_spine::kHostsPerLeaf - 1) / leaf_spine::kHostsPerLeaf;
    for (int host = 0; host < hosts; ++host) {
      host_up_.push_back(create_link(zone, 0));
      host_down_.push_back(create_link(zone, 0));
    }
    for (int link = 0; link < leaves * leaf_spine::kSpines; ++link) {
      leaf_up_.push_back(create_link(zone, 0));
      leaf_down_.push_back(create_link(zone, 0));
    }
  }
  std::vector<s4u::LinkInRoute> up(int host, int way) const { return half(host, way, true); }
  std::vector<s4u::LinkInRoute> down(int host, int way) const { return half(host, way, false); }

  /// The spine, or kSpines for a route that stays below its leaf.
  static int way(int from, int to) {
    const bool below = from / leaf_spine::kHostsPerLeaf == to / leaf_spine::kHostsPerLeaf;
    return below ? leaf_spine::kSpines : leaf_spine::spine_of(from, to);
  }

 private:
  std::vector<s4u::LinkInRoute> half(int host, int way, bool up) const {
    const auto own = static_cast<std::size_t>(host);
    std::vector<s4u::LinkInRoute> links = {s4u::LinkInRoute((up ? host_up_ : host_down_)[own])};
    if (way == leaf_spine::kSpines) return links;
    const auto spine =
        static_cast<std::size_t>(host / leaf_spine::kHostsPerLeaf * leaf_spine::kSpines + way);
    links.insert(up ? links.end() : links.begin(),
                 s4u::LinkInRoute((up ? leaf_up_ : leaf_down_)[spine]));
    return links;
  }

  std::vector<s4u::Link*> host_up_;
  std::vector<s4u::Link*> host_down_;
  std::vector<s4u::Link*> leaf_up_;
  std::vector<s4u::Link*> leaf_down_;
};

}  // namespace

Platform star_platform(const StarShape& shape, Zone kind) {
  s4u::NetZone& zone = *create_zone(kind);
  Platform platform;
  platform.ranks = shape.hosts;
  std::vector<s4u::LinkInRoute> up;
  std::vector<s4u::LinkInRoute> down;
  for (std::size_t i = 0; i < static_cast<std::size_t>(shape.hosts); ++i) {
    up.emplace_back(create_link(zone, shape.hop_s));
    down.emplace_back(create_link(zone, shape.hop_s));
    platform.hosts.push_back(create_host(zone, i));
    if (kind == Zone::star) join(zone, *platform.hosts[i], {up[i]}, {down[i]});
  }
  if (kind == Zone::full) {
    const std::size_t count = platform.hosts.size();
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t targets = shape.successors_only ? 1 : count - 1;
      for (std::size_t distance = 1; distance <= targets; ++distance) {
        const std::size_t to = (i + distance) % count;
        route(zone, *platform.hosts[i], *platform.hosts[to], {up[i], down[to]});
      }
    }
  }
  zone.seal();
  return platform;
}

// A full zone stores each of the 65 280 routes of 256 hosts. A star zone stores an up and a down
// half for each host; since the spine depends on both ends, a rank is then five hosts, one for each
// spine and one for its own leaf, whose halves share the links of the rank.
Platform leaf_spine_platform(int hosts, Zone kind) {
  s4u::NetZone& zone = *create_zone(kind);
  const LeafSpineLinks links(zone, hosts);
  Platform platform;
  platform.ranks = hosts;
  if (kind == Zone::star) {
    platform.ways = leaf_spine::kSpines + 1;
    platform.way = LeafSpineLinks::way;
  }
  for (int rank = 0; rank < hosts; ++rank) {
    for (int way = 0; way < platform.ways; ++way) {
      platform.hosts.push_back(create_host(zone, platform.hosts.size()));
      if (kind == Zone::star) {
        join(zone, *platform.hosts.back(), links.up(rank, way), links.down(rank, way));
      }
    }
  }
  for (int from = 0; kind == Zone::full && from < hosts; ++from) {
    for (int to = 0; to < hosts; ++to) {
      if (from == to) continue;
      const int way = LeafSpineLinks::way(from, to);
      std::vector<s4u::LinkInRoute> path = links.up(from, way);
      for (const s4u::LinkInRoute& link : links.down(to, way)) path.push_back(link);
      route(zone, *platform.host(from), *platform.host(to), path);
    }
  }
  zone.seal();
  return platform;
}

}  // namespace orrery::jobs
