#include "models/topology/topology.hpp"

#include "sim/base/errors.hpp"

namespace orrery {

void Topology::append_next_links(int, int, std::vector<int>&) const {
  ORRERY_CHECK(false, "a topology without a choice of links was asked for one");
}

void Topology::append_shares(int from, int to, std::uint64_t flow_hash,
                             std::vector<LinkShare>& shares) const {
  for (const int link : route(from, to, flow_hash)) shares.push_back({link, 1});
}

void Topology::append_adapted_route(int from, int to, std::uint64_t flow_hash, const LinkLoads&,
                                    const Topology&, std::vector<int>& route) const {
  append_route(from, to, flow_hash, route);
}

}  // namespace orrery
