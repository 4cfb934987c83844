// Bytes are neither lost nor made: what is sent arrives, and every link and memory has carried what
// the messages on it hold, counted here from the programs of the collectives and the routes.
#include <gtest/gtest.h>

#include "tests/property/cluster_vertices.hpp"
#include "tests/property/simulate.hpp"
#include "tests/sampled.hpp"

namespace orrery {
namespace {

constexpr std::uint64_t kCases = sampled(1'000);

/// What messages amount to, on links and in memories.
struct Tally {
  Tally(Fabric& on, std::size_t devices) : fabric(&on), links(on.links().size()), memory(devices) {}

  void add(Rank from, Rank to, Bytes size, int written, const CollectiveProgram::Load& load = {}) {
    ++messages;
    bytes += size.as_double();
    const std::span<const int> route = fabric->route(from, to).links;
    for (const int link : route) {
      double share = 1;
      if (route.size() > 1 && link == route.front()) share = load.out;
      if (route.size() > 1 && link == route.back()) share = load.in;
      links[static_cast<std::size_t>(link)] += share * size.as_double();
    }
    memory[static_cast<std::size_t>(from)] += load.out * size.as_double();
    memory[static_cast<std::size_t>(to)] += load.in * written * size.as_double();
  }
  void add(const DrawnTraffic& traffic) {
    for (const Flow& flow : traffic.flows) {
      if (!flow.is_collective) add(flow.ranks[0], flow.ranks[1], flow.bytes, 1);
      if (!flow.is_collective) continue;
      for_each_send(
          *fabric, traffic, flow,
          [&](auto group, int member, const Send& send, const CollectiveProgram::Load& load) {
            add(group[static_cast<std::size_t>(member)], group[static_cast<std::size_t>(send.to)],
                send.bytes, send.reduces ? 2 : 1, load);
          });
    }
  }

  Fabric* fabric;
  std::uint64_t messages = 0;
  double bytes = 0;
  std::vector<double> links;
  std::vector<double> memory;
};

TEST(FabricVertices, RoutesAreContiguousFromDeviceToDevice) {
  for (std::uint64_t seed = 0; seed < kCases; ++seed) {
    SCOPED_TRACE(seed);
    const RandomCluster cluster(seed, shape_of(seed));
    const ClusterVertices vertices(cluster.spec());
    const auto fabric = fabric_of(cluster.spec());
    ASSERT_EQ(vertices.ends().size(), fabric->links().size());
    for (int from = 0; from < fabric->devices(); ++from) {
      for (int to = 0; to < fabric->devices(); ++to) {
        if (from == to) continue;
        int here = from;
        for (const int link : fabric->route(from, to).links) {
          ASSERT_EQ(vertices.ends()[static_cast<std::size_t>(link)].from, here);
          here = vertices.ends()[static_cast<std::size_t>(link)].to;
        }
        ASSERT_EQ(here, to);
      }
    }
  }
}

// Each of at most some thousand terms is off by 2^-53 of the sum at most.
constexpr double kRounding = 1e-12;

// Whole bytes below 2^53 add up without rounding, whatever the order, so that sums are equal; but
// of a message that ends in a switch a link carries a share (CollectiveProgram::Load), which need
// not be a double.
TEST(Conservation, EveryLinkCarriesTheMessagesWhoseRouteCrossesIt) {
  std::uint64_t messages = 0;
  for (std::uint64_t seed = 0; seed < kCases; ++seed) {
    SCOPED_TRACE(seed);
    const RandomCluster cluster(seed, shape_of(seed));
    const int devices = cluster.busy_devices();
    const DrawnTraffic traffic = RandomTraffic(seed, devices, {.streams = 3}).traffic();
    const auto outcome = simulate(cluster.spec(), graph_of(traffic, devices).graph, traffic.choice);
    const auto fabric = fabric_of(cluster.spec());
    Tally tally(*fabric, static_cast<std::size_t>(devices));
    tally.add(traffic);
    messages += tally.messages;
    EXPECT_EQ(outcome.counters.messages, tally.messages);
    EXPECT_EQ(outcome.counters.bytes_sent, tally.bytes);
    EXPECT_EQ(outcome.counters.bytes_received, tally.bytes);
    for (std::size_t link = 0; link < tally.links.size(); ++link) {
      EXPECT_NEAR(outcome.carried_by_link(devices, link), tally.links[link],
                  kRounding * tally.links[link])
          << fabric->links()[link].name;
    }
  }
  EXPECT_GE(messages, 10 * kCases);
}

// A byte in memory counts 1/efficiency, which need not be a double.
TEST(Conservation, EveryMemoryCarriesWhatItsDeviceReadsAndWrites) {
  for (std::uint64_t seed = 0; seed < kCases; ++seed) {
    SCOPED_TRACE(seed);
    const RandomCluster cluster(seed, shape_of(seed));
    const int devices = cluster.busy_devices();
    const DrawnTraffic traffic = RandomTraffic(seed, devices, {.streams = 3}).traffic();
    const auto outcome = simulate(cluster.spec(), graph_of(traffic, devices).graph, traffic.choice);
    const auto fabric = fabric_of(cluster.spec());
    Tally tally(*fabric, static_cast<std::size_t>(devices));
    tally.add(traffic);
    for (Rank rank = 0; rank < devices; ++rank) {
      const double expected = tally.memory[static_cast<std::size_t>(rank)] /
                              cluster.spec().node.device.memory_efficiency;
      EXPECT_NEAR(outcome.memory_of(rank).carried, expected, kRounding * expected)
          << "device " << rank;
    }
  }
}

}  // namespace
}  // namespace orrery
