// A permutation over a three-level fat tree on SimGrid: 4096 host-to-host communications at once,
// each on the route that it is given (LinkZone), so that no table of routes is kept.
#include <vector>

#include "tests/bench/jobs.hpp"
#include "tests/bench/simgrid_jobs.hpp"
#include "tools/simgrid/link_zone.hpp"

namespace orrery::jobs {

Activities run_permutation() {
  simgrid_program::LinkZone& zone = simgrid_program::LinkZone::create();
  for (int link = 0; link < three_level::kLinks; ++link) {
    zone.add_link(static_cast<double>(kLinkBytesPerSecond),
                  simgrid_program::LinkZone::Policy::SHARED);
  }
  zone.seal();
  std::vector<simgrid::s4u::CommPtr> messages;
  const std::vector<int> target = three_level::permutation();
  for (int host = 0; host < three_level::kHosts; ++host) {
    const int to = target[static_cast<std::size_t>(host)];
    const three_level::Route way = three_level::route(host, to);
    const std::vector<std::size_t> links(way.links.begin(), way.links.begin() + way.count);
    zone.set_route(links, 0);
    messages.push_back(zone.start(static_cast<std::uint64_t>(
        random_bytes(static_cast<std::uint64_t>(host), static_cast<std::uint64_t>(to)))));
  }
  simgrid::s4u::Engine::get_instance()->run();
  return {.count = messages.size()};
}

}  // namespace orrery::jobs
