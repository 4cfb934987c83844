// What programs are reckoned to take, against closed forms on a switch.
#include "models/collective/prediction.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "models/collective/builtin.hpp"
#include "models/incast.hpp"
#include "tests/theory/transport_cluster.hpp"

namespace orrery {
namespace {

constexpr double kBandwidth = 1e11;    // bytes/s of a port
constexpr double kLatency = 2 * 1e-6;  // of a route: two links

double predicted_on(const ClusterSpec& cluster, Bytes size, CollectiveFactory make) {
  const int members = static_cast<int>(cluster.device_count());
  Diagnostics mistakes;
  const auto fabric = Fabric::build(cluster, builtin_topologies(), mistakes);
  mistakes.throw_if_any();
  std::vector<Rank> group(static_cast<std::size_t>(members));
  std::iota(group.begin(), group.end(), 0);
  const auto program = make({.members = members, .size = size, .chunk = Bytes(0)});
  return CollectivePrediction(*fabric).seconds(*program, group);
}

double predicted(int members, Bytes size, CollectiveFactory make) {
  return predicted_on(crossbar_of(members, wire(Bandwidth(100'000'000'000), Duration(1'000'000))),
                      size, make);
}

/// Patarasuk and Yuan 2009, §3: 2(n-1) rounds of an n-th.
TEST(CollectivePrediction, OfARingIsItsRounds) {
  for (const int n : {2, 3, 8, 64}) {
    const double size = 1e6 * n;
    const double expected = 2 * (n - 1) * (kLatency + size / n / kBandwidth);
    EXPECT_NEAR(predicted(n, Bytes(std::llround(size)), make_ring_all_reduce), expected,
                1e-9 * expected)
        << n;
  }
}

/// Two rounds in which a port sends all but an n-th; from 182 members on some messages are looked
/// at.
TEST(CollectivePrediction, OfTwoShotsIsThatOfItsPortsAlsoWhereMessagesAreDrawn) {
  for (const int n : {4, 100, 600}) {
    const double size = 1e6 * n;
    const double expected = 2 * (kLatency + (n - 1) * size / n / kBandwidth);
    EXPECT_NEAR(predicted(n, Bytes(std::llround(size)), make_two_shot_all_reduce), expected,
                (n > 181 ? 0.02 : 1e-9) * expected)
        << n;
  }
}

/// All members send into each port, also where a half or a third of the messages is looked at.
TEST(CollectivePrediction, CountsAllWhoSendIntoAPortWhereMessagesAreDrawn) {
  constexpr double kEfficiency = 0.933;
  const auto of_a_message = [](int n) {
    const LinkSpec nic = link_of(link_json("rdma", Bandwidth(100'000'000'000), Duration(1'000'000),
                                           R"(, "efficiency": 1, "incast_efficiency": 0.933)"));
    const double shared = incast_share(kEfficiency, static_cast<std::size_t>(n - 1));
    return predicted_on(star_of({.nodes = n}, nic), Bytes(100'000'000) * n,
                        make_direct_all_to_all) *
           shared / (n - 1);
  };
  const double all = of_a_message(100);
  for (const int n : {181, 183, 300}) EXPECT_NEAR(of_a_message(n), all, 0.02 * all) << n;
}

/// Pieces of 512 KiB follow each other; the first passes n-1 links.
TEST(CollectivePrediction, OfAChainIsItsLatencyOnceAndItsPieces) {
  constexpr int kMembers = 6;
  constexpr int kPieces = 200;
  const double piece = 524'288 / kBandwidth;
  const double expected = (kMembers - 1) * (kLatency + piece) + (kPieces - 1) * piece;
  EXPECT_NEAR(predicted(kMembers, kPieces * Bytes(524'288), make_ring_broadcast), expected,
              1e-9 * expected);
}

/// Of three the second to send waits for nobody: both come to the root's port at once.
TEST(CollectivePrediction, OfStepsThatMeetInAPortIsAllThatItCarries) {
  const Bytes size(1'000'000'000);
  const double once = size.as_double() / kBandwidth;
  const double binomial = predicted(3, size, make_binomial_reduce);
  EXPECT_GE(binomial, 2 * once);
  EXPECT_LE(binomial, 2 * (once + kLatency));
  EXPECT_LE(predicted(3, size, make_ring_reduce), 1.01 * once);
}

TEST(CollectivePrediction, IsLeftOutWhereAStepHasMoreThanAMillionMessages) {
  EXPECT_TRUE(std::isfinite(predicted(1'024, Bytes(1'024), make_direct_all_gather)));
  EXPECT_TRUE(std::isinf(predicted(1'100, Bytes(1'100), make_direct_all_gather)));
  EXPECT_TRUE(std::isfinite(predicted(1'100, Bytes(1'100), make_bruck_all_gather)));
}

}  // namespace
}  // namespace orrery
