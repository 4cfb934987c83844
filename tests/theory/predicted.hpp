#pragma once

#include <numeric>
#include <vector>

#include "models/collective/collective_site.hpp"
#include "models/collective/prediction.hpp"

namespace orrery {

/// Seconds that a collective is predicted to take among the first devices of a cluster; 0: all.
inline double predicted(const ClusterSpec& cluster, CollectiveFactory make, CollectiveCall call,
                        std::int64_t members = 0) {
  Diagnostics mistakes;
  const auto fabric = Fabric::build(cluster, builtin_topologies(), mistakes);
  mistakes.throw_if_any();
  std::vector<Rank> group(static_cast<std::size_t>(members > 0 ? members : cluster.device_count()));
  std::iota(group.begin(), group.end(), 0);
  call.members = static_cast<int>(group.size());
  call.site = site_of(*fabric, group);
  return CollectivePrediction(*fabric).seconds(*make(call), group);
}

}  // namespace orrery
