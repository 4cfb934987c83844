// Closed forms of collectives behind a crossbar, where every member has a link of its own in each
// direction. n members, size S, bandwidth B, latency α of a route; a step moves S/n and takes
// S/(nB) + α (Thakur, Rabenseifner and Gropp 2005, IJHPCA 19(1), §4; their γ, the adding, costs
// nothing here as long as memory is fast enough).
#include <algorithm>

#include "sim/base/random.hpp"
#include "tests/theory/small_cluster.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;

constexpr Bandwidth kBandwidth = 100_GBps;
constexpr Duration kHop = 350_ns;
constexpr Duration kLatency = 2 * kHop;
const LinkSpec kWire = wire(kBandwidth, kHop);

Finished run_collective(CollectiveKind kind, int n, Bytes size,
                        const CollectiveChoice& choice = {}) {
  GraphOf graph(n);
  graph.collective(kind, size, n);
  CollectiveChoice in_rounds = choice;
  in_rounds.algorithm[static_cast<std::size_t>(CollectiveKind::all_to_all)] = "pairwise";
  return run(crossbar_of(n, kWire), graph, in_rounds);
}

CollectiveChoice cut_to(Bytes chunk) {
  CollectiveChoice choice;
  choice.chunk = chunk;
  return choice;
}
CollectiveChoice launched(Duration launch) {
  CollectiveChoice choice;
  choice.launch = launch;
  return choice;
}

/// Steps around a ring of n: twice for an all-reduce.
int rounds_of(CollectiveKind kind, int n) {
  return kind == CollectiveKind::all_reduce ? 2 * (n - 1) : n - 1;
}

class InRounds : public testing::TestWithParam<CollectiveKind> {};

TEST_P(InRounds, TakeTheirRoundsOfAnNthPlusLatency) {
  for (const int n : {2, 3, 4, 8, 16}) {
    const Bytes block = 1_MB;
    const Duration step = transfer_time(block, kBandwidth) + kLatency;
    EXPECT_EQ(run_collective(GetParam(), n, n * block).end, Time(rounds_of(GetParam(), n) * step));
  }
}

TEST_P(InRounds, TheLaunchIsPaidOnce) {
  const int n = 8;
  const Duration launch = 5_us;
  const auto without = run_collective(GetParam(), n, 8_MB);
  const auto with = run_collective(GetParam(), n, 8_MB, launched(launch));
  EXPECT_EQ(with.end, without.end + launch);
}

TEST_P(InRounds, NothingToMoveTakesTheLatencies) {
  const int n = 5;
  EXPECT_EQ(run_collective(GetParam(), n, Bytes(0)).end, Time(rounds_of(GetParam(), n) * kLatency));
}

/// Every member the same: a piece begins when the one before it has left and the same piece of the
/// round before has arrived.
Duration recurrence(int rounds, int pieces, Duration piece, Duration latency) {
  std::vector<Duration> arrived(static_cast<std::size_t>(pieces));  // of the round before
  Duration left;
  for (int round = 0; round < rounds; ++round) {
    for (Duration& at : arrived) {
      left = std::max(left, at) + piece;
      at = left + latency;
    }
  }
  return arrived.back();
}

// C pieces of time s each: a round follows the one before by C·s where the link is the bottleneck,
// and by s + α where a piece's own way around is; the last one ends with C·s + α.
TEST_P(InRounds, PiecesFollowEachOtherAtTheSlowerOfLinkAndLatency) {
  const int n = 6;
  const int rounds = rounds_of(GetParam(), n);
  for (const int pieces : {1, 2, 3, 8, 15, 40}) {
    for (const Bytes chunk : {1'000_B, 70'000_B, 100'000_B}) {
      const Duration piece = transfer_time(chunk, kBandwidth);
      const auto done = run_collective(GetParam(), n, n * pieces * chunk, cut_to(chunk));
      const Duration every = std::max(pieces * piece, piece + kLatency);
      const Duration closed = (rounds - 1) * every + pieces * piece + kLatency;
      EXPECT_EQ(recurrence(rounds, pieces, piece, kLatency), closed);
      EXPECT_EQ(done.end, Time(closed)) << pieces << " pieces of " << chunk.count() << " B";
    }
  }
}

TEST_P(InRounds, AreNeverFasterThanTheirBytesOverOneLink) {
  RandomStream random(7, "never faster");
  for (int trial = 0; trial < 40; ++trial) {
    const int n = static_cast<int>(random.integer(2, 9));
    const Bytes size(random.integer(1, 20'000'000));
    const Bytes chunk(random.integer(10'000, 1'000'000));
    const auto done = run_collective(GetParam(), n, size, cut_to(chunk));
    // (S/B) · rounds/n, rounded down, against ends that are each rounded to the nearest picosecond.
    // No member can receive less than size/n rounded down in a round.
    const Bytes received = rounds_of(GetParam(), n) * (size / n);
    EXPECT_GE(done.end, Time(transfer_time(received, kBandwidth))) << n << ", " << size.count();
  }
}

std::string kind_name(const testing::TestParamInfo<CollectiveKind>& info) {
  return std::string(to_string(info.param));
}
INSTANTIATE_TEST_SUITE_P(Collectives, InRounds,
                         testing::Values(CollectiveKind::all_reduce, CollectiveKind::all_gather,
                                         CollectiveKind::reduce_scatter,
                                         CollectiveKind::all_to_all),
                         kind_name);

// The first chunk travels n-1 hops, the others follow it at the rate of the link.
TEST(Broadcast, ChunksFollowTheFirstAlongTheChain) {
  const Bytes chunk = 200_KB;
  const Duration piece = transfer_time(chunk, kBandwidth);
  for (const int n : {2, 3, 8}) {
    for (const int chunks : {1, 2, 10}) {
      const auto done = run_collective(CollectiveKind::broadcast, n, chunks * chunk, cut_to(chunk));
      EXPECT_EQ(done.end, Time((n - 1) * (piece + kLatency) + (chunks - 1) * piece));
    }
  }
}

// A switch that copies is sent a block once and brings all of them; one that adds is sent all and
// brings a sum once. So the direction that carries an n-th may be n times slower and costs nothing.
TEST(InSwitch, AGatherOrScatterLoadsOneDirectionWithAnNth) {
  for (const int n : {2, 4, 8}) {
    const auto star = [n](Bandwidth up, Bandwidth down) {
      std::vector<JsonValue> links;
      for (int device = 0; device < n; ++device) {
        for (const bool out : {true, false}) {
          JsonValue vertex = json_integer(device);
          JsonValue hub = json_string("hub");
          links.push_back(json_object({{"from", out ? vertex : hub},
                                       {"to", out ? hub : vertex},
                                       {"link", to_json(wire(out ? up : down, kHop))}}));
        }
      }
      ClusterSpec cluster = crossbar_of(n, kWire);
      cluster.node.fabric = json_object({{"kind", json_string("graph")},
                                         {"switches", json_array({json_string("hub")})},
                                         {"links", json_array(std::move(links))}});
      return cluster;
    };
    const auto time = [n](const ClusterSpec& cluster, CollectiveKind kind) {
      CollectiveChoice choice;
      choice.algorithm[static_cast<std::size_t>(kind)] = "nvls";
      GraphOf graph(n);
      graph.collective(kind, 8_MB, n);
      return run(cluster, graph, choice).end.since_start();
    };
    const Bandwidth nth(kBandwidth.count() / n);
    const Duration expected = transfer_time(8_MB, kBandwidth) + kLatency;
    EXPECT_EQ(time(star(nth, kBandwidth), CollectiveKind::all_gather), expected) << n;
    EXPECT_EQ(time(star(kBandwidth, nth), CollectiveKind::reduce_scatter), expected) << n;
    EXPECT_GT(time(star(kBandwidth, nth), CollectiveKind::all_gather), expected) << n;
  }
}

TEST(CollectiveTime, ALateMemberDelaysAllByItsLateness) {
  const int n = 4;
  const Duration late = 123_us;
  GraphOf graph(n);
  const OpId wait = graph.delay(2, late);
  const OpId reduce = graph.collective(CollectiveKind::all_reduce, 4_MB, n);
  graph.depend(reduce, wait);
  const auto punctual = run_collective(CollectiveKind::all_reduce, n, 4_MB);
  const auto delayed = run(crossbar_of(n, kWire), graph);
  EXPECT_EQ(delayed.end, punctual.end + late);
  for (const Span& span : delayed.spans) {
    if (span.instance.op != reduce) continue;
    EXPECT_EQ(span.start, Time(late));
    EXPECT_EQ(span.ready, span.rank == 2 ? Time(late) : Time());
  }
}

TEST(CollectiveTime, AGroupOfOneTakesNoTime) {
  EXPECT_EQ(run_collective(CollectiveKind::all_reduce, 1, 4_MB, launched(5_us)).end, Time());
}

// Two groups behind one crossbar have no link in common.
TEST(CollectiveTime, GroupsOfOneOpRunSideBySide) {
  const int members = 4;
  const Bytes size = 4_MB;
  GraphOf graph(2 * members);
  graph.collective(CollectiveKind::all_reduce, size, members);
  const auto done = run(crossbar_of(2 * members, kWire), graph);
  EXPECT_EQ(done.end, run_collective(CollectiveKind::all_reduce, members, size).end);
  ASSERT_EQ(done.records.size(), 1U);
  EXPECT_EQ(done.records[0].runs, 2U);
  EXPECT_EQ(done.records[0].total, 2 * done.end.since_start());
}

}  // namespace
}  // namespace orrery
