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

}  // namespace orrery
