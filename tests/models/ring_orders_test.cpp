#include "models/collective/ring_orders.hpp"

#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <set>

#include "sim/base/random.hpp"
#include "tests/suites/drawn_sites.hpp"

namespace orrery {
namespace {

using Hop = std::pair<int, int>;

std::vector<Hop> hops_of(const std::vector<int>& ring) {
  std::vector<Hop> hops;
  for (std::size_t i = 0; i < ring.size(); ++i) {
    hops.emplace_back(ring[i], ring[(i + 1) % ring.size()]);
  }
  return hops;
}

CollectiveCall call_of(int members, CollectiveSite site) {
  CollectiveCall call;
  call.members = members;
  call.site = std::move(site);
  return call;
}

/// Nodes of `local` members, each with an adapter of its own.
CollectiveCall nodes_of(int nodes, int local, bool meshed = false) {
  CollectiveSite site;
  site.meshed = meshed;
  for (int member = 0; member < nodes * local; ++member) {
    site.node.push_back(member / local);
    site.nic.push_back(member % local);
  }
  return call_of(nodes * local, std::move(site));
}

TEST(RingOrders, VisitEveryMemberOnceInEveryRing) {
  RandomStream random(2026, "ring orders");
  for (int draw = 0; draw < 2'000; ++draw) {
    const int n = static_cast<int>(random.integer(2, 24));
    const auto orders = ring_orders(call_of(n, drawn_site(n, random)));
    ASSERT_GE(orders.size(), 1U);
    for (const auto& order : orders) {
      if (order.empty()) continue;
      ASSERT_EQ(order.size(), static_cast<std::size_t>(n)) << draw;
      ASSERT_EQ(std::set<int>(order.begin(), order.end()).size(), order.size()) << draw;
    }
  }
}

TEST(RingOrders, OfAMeshShareNoLinkAndUseAllOrAllButOneOfEachMember) {
  for (int n = 3; n <= 16; ++n) {
    CollectiveSite site;
    site.meshed = true;
    std::set<Hop> used;
    const auto orders = ring_orders(call_of(n, site));
    for (const auto& order : orders) {
      for (const Hop& hop : hops_of(order)) EXPECT_TRUE(used.insert(hop).second) << n;
    }
    EXPECT_EQ(orders.size(), static_cast<std::size_t>(n % 2 == 1 ? n - 1 : n - 2));
  }
}

TEST(RingOrders, AcrossNodesEveryAdapterSendsInOneRingAndReceivesInOne) {
  for (const int nodes : {2, 3, 4, 7}) {
    for (int local = 1; local <= 9; ++local) {
      const CollectiveCall call = nodes_of(nodes, local);
      std::map<int, int> sends;
      std::map<int, int> receives;
      for (auto order : ring_orders(call)) {
        if (order.empty()) {
          order.resize(static_cast<std::size_t>(call.members));
          std::iota(order.begin(), order.end(), 0);
        }
        int off_rail = 0;
        int between_nodes = 0;
        for (const auto& [from, to] : hops_of(order)) {
          if (from / local == to / local) continue;
          ++between_nodes;
          ++sends[from];
          ++receives[to];
          off_rail += from % local == to % local ? 0 : 1;
        }
        EXPECT_EQ(between_nodes, nodes) << nodes << " x " << local;
        EXPECT_EQ(off_rail, nodes % 2 == 0 || local == 1 ? 0 : 1) << nodes << " x " << local;
      }
      for (int member = 0; member < call.members; ++member) {
        EXPECT_EQ(sends[member], 1) << nodes << " x " << local;
        EXPECT_EQ(receives[member], 1) << nodes << " x " << local;
      }
    }
  }
}

TEST(RingOrders, AcrossMeshedNodesShareNoLinkWhereTheyAreEven) {
  for (const int local : {2, 4, 6, 8}) {
    std::set<Hop> used;
    for (const auto& order : ring_orders(nodes_of(4, local, true))) {
      for (const Hop& hop : hops_of(order)) EXPECT_TRUE(used.insert(hop).second) << local;
    }
  }
}

}  // namespace
}  // namespace orrery
