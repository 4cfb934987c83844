// Rings over the links of a node: each through every member, no link twice, as many as there are.
#include "models/collective/disjoint_cycles.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "models/collective/collective_site.hpp"
#include "models/collective/ring_orders.hpp"
#include "sim/base/random.hpp"
#include "tests/theory/small_cluster.hpp"

namespace orrery {
namespace {

using Links = std::vector<int>;  // by pair of members, row by row

void join(Links& links, int n, int a, int b, int count) {
  links[static_cast<std::size_t>(a * n + b)] += count;
  links[static_cast<std::size_t>(b * n + a)] += count;
}

/// Fails where a ring misses a member, or where the rings together use more links than there are.
void expect_disjoint(Links links, int n, const std::vector<std::vector<int>>& rings) {
  for (const std::vector<int>& ring : rings) {
    ASSERT_EQ(ring.size(), static_cast<std::size_t>(n));
    EXPECT_EQ(std::set<int>(ring.begin(), ring.end()).size(), ring.size());
    for (std::size_t i = 0; i < ring.size(); ++i) {
      join(links, n, ring[i], ring[(i + 1) % ring.size()], -1);
    }
  }
  EXPECT_GE(*std::min_element(links.begin(), links.end()), 0);
}

Links full_mesh(int n, int count) {
  Links links(static_cast<std::size_t>(n * n), 0);
  for (int a = 0; a < n; ++a) {
    for (int b = 0; b < a; ++b) join(links, n, a, b, count);
  }
  return links;
}

TEST(DisjointCycles, OfAMeshAreHalfOfTheLinksOfAMember) {
  for (int n = 3; n <= 9; ++n) {
    for (int count = 1; count <= 3; ++count) {
      const auto rings = disjoint_cycles(full_mesh(n, count), n);
      EXPECT_EQ(rings.size(), static_cast<std::size_t>(count * (n - 1) / 2)) << n << ", " << count;
      expect_disjoint(full_mesh(n, count), n, rings);
    }
  }
}

TEST(DisjointCycles, AreNoneWhereAMemberHasOneLinkOrAllPathsCrossOne) {
  Links star = full_mesh(5, 1);
  for (int other = 1; other < 4; ++other) join(star, 5, 4, other, -1);  // member 4 to 0 alone
  EXPECT_TRUE(disjoint_cycles(star, 5).empty());
  Links bow(25, 0);  // two triangles that share member 0
  for (const auto& [a, b] : {std::pair(0, 1), {1, 2}, {2, 0}, {0, 3}, {3, 4}, {4, 0}}) {
    join(bow, 5, a, b, 1);
  }
  EXPECT_TRUE(disjoint_cycles(bow, 5).empty());
}

/// Rings laid over each other, and links beside them: no fewer than were laid, where few members
/// let the search come to its end.
TEST(DisjointCycles, FindWhatWasHidden) {
  RandomStream random(2026, "hidden rings");
  for (int draw = 0; draw < 200; ++draw) {
    const int n = static_cast<int>(random.integer(4, 8));
    const int laid = static_cast<int>(random.integer(1, 3));
    Links links(static_cast<std::size_t>(n * n), 0);
    for (int ring = 0; ring < laid; ++ring) {
      std::vector<int> order;
      for (int member = 0; member < n; ++member) {
        order.insert(order.begin() + random.integer(0, member), member);
      }
      for (int i = 0; i < n; ++i) {
        join(links, n, order[static_cast<std::size_t>(i)],
             order[static_cast<std::size_t>((i + 1) % n)], 1);
      }
    }
    const int a = static_cast<int>(random.integer(0, n - 1));
    join(links, n, a, (a + 1) % n, 1);
    const auto rings = disjoint_cycles(links, n);
    EXPECT_GE(rings.size(), static_cast<std::size_t>(laid)) << draw;
    expect_disjoint(links, n, rings);
  }
}

/// All six NVLinks of each device, in three rings both ways, of which none crosses a pair without.
TEST(DisjointCycles, TakeAllLinksOfAHybridCubeMesh) {
  constexpr int kDevices = 8;
  const LinkSpec nvlink2{"nvlink2", "wire", Bandwidth(25'000'000'000), Duration(500'000), 1.0};
  ClusterSpec cluster = crossbar_of(kDevices, nvlink2, {});
  cluster.node.fabric =
      json_object({{"kind", json_string("hybrid_cube_mesh")}, {"link", to_json(nvlink2)}});
  Diagnostics mistakes;
  const auto fabric = Fabric::build(cluster, builtin_topologies(), mistakes);
  mistakes.throw_if_any();
  std::vector<Rank> group(kDevices);
  for (Rank rank = 0; rank < kDevices; ++rank) group[static_cast<std::size_t>(rank)] = rank;
  Links links(kDevices * kDevices, 0);
  for (const Rank from : group) {
    for (const Rank to : group) {
      if (from == to) continue;
      const Fabric::Route route = fabric->route(from, to);
      if (route.links.size() != 1) continue;
      const double capacity =
          fabric->links()[static_cast<std::size_t>(route.links[0])].raw_capacity;
      links[static_cast<std::size_t>(from * kDevices + to)] =
          static_cast<int>(capacity / nvlink2.bandwidth.as_double() + 0.5);
    }
  }
  const CollectiveSite site = site_of(*fabric, group);
  EXPECT_EQ(site.rings.size(), 3U);
  expect_disjoint(links, kDevices, site.rings);
  const auto orders =
      ring_orders({.members = kDevices, .size = Bytes(0), .chunk = Bytes(0), .site = site});
  EXPECT_EQ(orders.size(), 6U);
}

/// Eight devices, all joined, two of them by a link of other bandwidth.
std::unique_ptr<Fabric> mesh_with(std::int64_t other) {
  constexpr int kDevices = 8;
  const auto link_of = [](std::int64_t bandwidth) {
    return LinkSpec{"test wire", "wire", Bandwidth(bandwidth), Duration(500'000), 1.0};
  };
  ClusterSpec cluster = crossbar_of(kDevices, link_of(100'000'000'000), {});
  std::vector<JsonValue> links;
  for (int a = 0; a < kDevices; ++a) {
    for (int b = 0; b < a; ++b) {
      const std::int64_t bandwidth = a == 1 && b == 0 ? other : 100'000'000'000;
      links.push_back(json_object({{"between", json_array({json_integer(a), json_integer(b)})},
                                   {"link", to_json(link_of(bandwidth))}}));
    }
  }
  cluster.node.fabric =
      json_object({{"kind", json_string("graph")}, {"links", json_array(std::move(links))}});
  Diagnostics mistakes;
  auto fabric = Fabric::build(cluster, builtin_topologies(), mistakes);
  mistakes.throw_if_any();
  return fabric;
}

/// A link a thousand times as thin as the others, or 1e11 times, is not one of a ring; were it the
/// unit, thousands of rings would be sought.
TEST(DisjointCycles, LeaveOutALinkThatIsFarThinnerThanTheOthers) {
  const std::vector<Rank> group = {0, 1, 2, 3, 4, 5, 6, 7};
  Links links = full_mesh(8, 1);
  join(links, 8, 0, 1, -1);
  for (const std::int64_t thin : {100'000'000, 1}) {
    const auto rings = site_of(*mesh_with(thin), group).rings;
    EXPECT_EQ(rings.size(), 3U) << thin;
    expect_disjoint(links, 8, rings);
  }
  EXPECT_TRUE(site_of(*mesh_with(100'000'000'000), group).rings.empty());
}

/// Some links that are slow change no ring.
TEST(DisjointCycles, AreThoseOfTheLinksAsTheyWereBuilt) {
  const std::vector<Rank> group = {0, 1, 2, 3, 4, 5, 6, 7};
  const auto as_built = site_of(*mesh_with(200'000'000'000), group).rings;
  EXPECT_FALSE(as_built.empty());
  for (const double capacity : {0.51, 0.5, 1e-3, 1e-11}) {
    const auto fabric = mesh_with(200'000'000'000);
    for (const int link : {0, 1, 7}) fabric->degrade(link, capacity, 1);
    EXPECT_EQ(site_of(*fabric, group).rings, as_built) << capacity;
  }
}

}  // namespace
}  // namespace orrery
