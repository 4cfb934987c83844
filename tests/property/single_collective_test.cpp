// One collective alone: larger ones take longer, faster links take less time. What makes that a
// theorem is that no two messages of it meet on a link, or that all that meet are equal. Then no
// rate ever changes, every message takes its bytes over its bottleneck, and all times are maxima of
// sums of those: monotone in each (max-plus linear; Baccelli, Cohen, Olsder and Quadrat 1992,
// Synchronization and Linearity, §1.2). Rounding to the nearest picosecond is monotone as well, so
// that these are comparisons without a tolerance.
//
//   symmetric star   all links alike: members go in lock-step, whatever the algorithm, but for
//   trees,
//                    whose inner members send to two at once while others send to one
//   any star         rings and chains: whoever sends to a member is always the same one, and it
//                    sends one message at a time
//
// Left out, as it is no theorem there: other fabrics (for why, see
// SingleFlow.AFasterLinkCanDelayOthersAndTheEndOfAll), and sizes across which a buffer is cut into
// another number of pieces, which are pipelined (ALargerBufferCanBeFasterWhereItIsCutMore).
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tests/property/simulate.hpp"
#include "tests/sampled.hpp"

namespace orrery {
namespace {

using namespace orrery::literals;

constexpr std::uint64_t kCases = sampled(250);

/// A switch and the links to it and from it, by member.
struct Star {
  std::vector<LinkSpec> up;
  std::vector<LinkSpec> down;

  ClusterSpec cluster() const {
    DrawnGraph graph{.switches = 1, .links = {}};
    for (std::size_t i = 0; i < up.size(); ++i) {
      graph.links.push_back({static_cast<int>(i), -1, up[i]});
      graph.links.push_back({-1, static_cast<int>(i), down[i]});
    }
    ClusterSpec cluster;
    cluster.nodes = 1;
    cluster.node.device = device_of({});  // its memory has room for all of these links
    cluster.node.devices = static_cast<std::int64_t>(up.size());
    cluster.node.fabric = to_json(graph);
    return cluster;
  }
  std::vector<LinkSpec*> links() {
    std::vector<LinkSpec*> all;
    for (LinkSpec& link : up) all.push_back(&link);
    for (LinkSpec& link : down) all.push_back(&link);
    return all;
  }
};

/// A collective whose n parts are `pieces` pieces of `piece` bytes each.
struct Call {
  CollectiveKind kind = CollectiveKind::all_reduce;
  std::string algorithm = "ring";
  int pieces = 1;
  Bytes piece;

  Duration on(const Star& star) const {
    const auto members = static_cast<std::int64_t>(star.up.size());
    DrawnTraffic traffic;
    traffic.choice.algorithm[static_cast<std::size_t>(kind)] = algorithm;
    traffic.choice.chunk = piece;
    Flow flow;
    flow.is_collective = true;
    flow.kind = kind;
    for (Rank rank = 0; rank < members; ++rank) flow.ranks.push_back(rank);
    flow.group_size = static_cast<std::uint32_t>(members);
    // Not cut into parts:
    const bool whole = kind == CollectiveKind::broadcast || kind == CollectiveKind::reduce ||
                       kind == CollectiveKind::send_recv;
    flow.bytes = (whole ? 1 : members) * pieces * piece;
    traffic.flows = {flow};
    const TrafficGraph made = graph_of(traffic, static_cast<Rank>(members));
    return simulate(star.cluster(), made.graph, traffic.choice).end.since_start();
  }
};

class AnyCall {
 public:
  AnyCall(std::uint64_t seed, std::string_view name) : random_(seed, name) {}

  /// Every registered algorithm whose members go in lock-step, but those that need a table.
  static std::vector<std::string> names() {
    std::vector<std::string> names = builtin_collectives().names();
    std::erase_if(names, [](const std::string& name) {
      return name.starts_with("all_to_all_v/") ||
             (!name.ends_with("/ring") && !name.ends_with("/pairwise") &&
              !name.ends_with("/direct"));
    });
    return names;
  }
  Call call() {
    const std::vector<std::string> names = AnyCall::names();
    const auto last = static_cast<std::int64_t>(names.size()) - 1;
    const std::string name = names[static_cast<std::size_t>(random_.integer(0, last))];
    Call call;
    for (const CollectiveKind candidate : kCollectiveKinds) {
      if (name.starts_with(std::string(to_string(candidate)) + "/")) call.kind = candidate;
    }
    call.algorithm = name.substr(name.find('/') + 1);
    call.pieces = static_cast<int>(random_.integer(1, 6));
    call.piece = Bytes(random_.integer(1, 2'000'000));
    return call;
  }
  /// Round a ring or down a chain.
  Call ring() {
    for (;;) {
      Call call = this->call();
      if (call.algorithm == "ring") return call;
    }
  }
  LinkSpec link() {
    return wire(Bandwidth(1'000'000 * random_.integer(1'000, 100'000)),
                Duration(random_.integer(0, 900'000)));
  }
  int members() { return static_cast<int>(random_.integer(2, 9)); }
  Star any_star() {
    Star star;
    for (int left = members(); left > 0; --left) {
      star.up.push_back(link());
      star.down.push_back(link());
    }
    return star;
  }
  RandomStream& random() { return random_; }

 private:
  RandomStream random_;
};

Star symmetric(int members, const LinkSpec& link) {
  return {.up = std::vector(static_cast<std::size_t>(members), link),
          .down = std::vector(static_cast<std::size_t>(members), link)};
}

Call larger(Call call) {
  call.piece += 1_KB;
  return call;
}

TEST(SingleCollective, OnASymmetricStarGrowsWithSizeAndLatencyAndShrinksWithCapacity) {
  std::map<std::string, int> seen;
  for (std::uint64_t seed = 0; seed < kCases; ++seed) {
    SCOPED_TRACE(seed);
    AnyCall any(seed, "symmetric star");
    const Call call = any.call();
    const int members = any.members();
    const LinkSpec link = any.link();
    ++seen[std::string(to_string(call.kind)) + "/" + call.algorithm];
    const Duration took = call.on(symmetric(members, link));
    EXPECT_LT(took, larger(call).on(symmetric(members, link)));
    LinkSpec slower = link;
    slower.bandwidth = slower.bandwidth / 2;
    EXPECT_LT(took, call.on(symmetric(members, slower)));
    LinkSpec longer = link;
    longer.latency += 1_ns;
    EXPECT_LT(took, call.on(symmetric(members, longer)));
  }
  EXPECT_EQ(seen.size(), AnyCall::names().size());
}

TEST(SingleCollective, AroundARingOfAnyLinksGrowsWithItsSize) {
  for (std::uint64_t seed = 0; seed < kCases; ++seed) {
    SCOPED_TRACE(seed);
    AnyCall any(seed, "ring, size");
    const Call call = any.ring();
    const Star star = any.any_star();
    EXPECT_LT(call.on(star), larger(call).on(star));
  }
}

// Equal where the link was not what held it up.
TEST(SingleCollective, AroundARingOfAnyLinksNoSingleLinkHelpsByBeingWorse) {
  int strictly = 0;
  for (std::uint64_t seed = 0; seed < kCases; ++seed) {
    SCOPED_TRACE(seed);
    AnyCall any(seed, "ring, one link");
    const Call call = any.ring();
    Star star = any.any_star();
    const Duration took = call.on(star);
    const auto links = star.links();
    const auto last = static_cast<std::int64_t>(links.size()) - 1;
    LinkSpec& link = *links[static_cast<std::size_t>(any.random().integer(0, last))];
    const LinkSpec before = link;
    link.bandwidth = link.bandwidth / 3;
    const Duration slower = call.on(star);
    link = before;
    link.latency += 100_ns;
    const Duration longer = call.on(star);
    EXPECT_LE(took, slower);
    EXPECT_LE(took, longer);
    strictly += (took < slower ? 1 : 0) + (took < longer ? 1 : 0);
  }
  EXPECT_GE(strictly, static_cast<int>(kCases) / 2);
}

// With a latency as long as a piece takes, p: a round of one piece is p + p, and a round of two
// pieces of half of that is (p + p/2), as the first of them is on its way while the second leaves.
TEST(SingleCollective, ALargerBufferCanBeFasterWhereItIsCutMore) {
  const Star star = symmetric(4, wire(10_GBps, 50_us));
  const auto took = [&](Bytes part) {
    DrawnTraffic traffic;
    traffic.choice.chunk = 1_MB;
    Flow flow;
    flow.is_collective = true;
    flow.ranks = {0, 1, 2, 3};
    flow.group_size = 4;
    flow.bytes = 4 * part;
    traffic.flows = {flow};
    return simulate(star.cluster(), graph_of(traffic, 4).graph, traffic.choice).end;
  };
  const int rounds = 2 * 3;
  EXPECT_EQ(took(1_MB), Time(rounds * 200_us));
  const Duration half = 50_us + 100_ns;  // of 1 002 000 bytes
  EXPECT_EQ(took(1_MB + 2_KB), Time((rounds - 1) * (half + 100_us) + 2 * half + 100_us));
  EXPECT_LT(took(1_MB + 2_KB), took(1_MB));
}

}  // namespace
}  // namespace orrery
