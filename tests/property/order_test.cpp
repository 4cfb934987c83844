// A result is a matter of what there is to do and of what it is done on: not of the order in which
// either was written down, nor of what else stands by.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "tests/property/simulate.hpp"
#include "tests/sampled.hpp"

namespace orrery {
namespace {

constexpr std::uint64_t kCases = sampled(400);

/// One run, with all that could tell it from another.
struct Result {
  Result(const RandomCluster& cluster, const DrawnTraffic& traffic,
         const std::vector<std::size_t>& order) {
    const TrafficGraph made = graph_of(traffic, cluster.busy_devices(), order);
    const Outcome outcome = simulate(cluster.spec(), made.graph, traffic.choice);
    end = outcome.end;
    times = outcome.times(made);
    messages = outcome.counters.messages;
    const std::size_t devices = static_cast<std::size_t>(cluster.spec().device_count());
    for (std::size_t i = 2 * devices; i < outcome.resources.size(); ++i) {
      const auto& link = outcome.resources[i];
      if (link.carried > 0) carried[link.name] += link.carried;
    }
  }
  friend bool operator==(const Result&, const Result&) = default;

  Time end;
  std::vector<std::pair<Time, Time>> times;
  std::uint64_t messages = 0;
  std::map<std::string, double> carried;  // by link
};

/// Results of what should not differ. In another order the sums of doubles are rounded in another
/// way, by some 2^-53 of a rate, which shows where an end lies that close to the middle of two
/// picoseconds: hardly ever, and then by one for each message at most. Priorities are strict, so
/// that with them one picosecond can decide who goes first; there the most that can be said is:
/// hardly ever. What a link carries are whole bytes, whose sums are exact.
class Comparison {
 public:
  void add(const Result& one, const Result& other, const DrawnTraffic& traffic) {
    ++count_;
    equal_ += one == other ? 1 : 0;
    EXPECT_EQ(one.messages, other.messages);
    EXPECT_EQ(one.carried, other.carried);
    ASSERT_EQ(one.times.size(), other.times.size());
    const bool classes = std::any_of(traffic.flows.begin(), traffic.flows.end(),
                                     [](const Flow& flow) { return flow.priority != 0; });
    for (std::size_t i = 0; !classes && i < one.times.size(); ++i) {
      const Duration apart = one.times[i].second - other.times[i].second;
      EXPECT_LE(std::abs(apart.count()), static_cast<std::int64_t>(one.messages)) << "span " << i;
    }
  }
  void expect_nearly_all_equal() const { EXPECT_GE(1'000 * equal_, 995 * count_); }
  std::uint64_t count() const { return count_; }

 private:
  std::uint64_t count_ = 0;
  std::uint64_t equal_ = 0;
};

/// Every other one with priorities.
DrawnTraffic traffic_of(std::uint64_t seed, const RandomCluster& cluster, TrafficLimits limits) {
  limits.priorities = seed / kShapes % 2 == 1;
  return RandomTraffic(seed, cluster.busy_devices(), limits).traffic();
}

TEST(Order, TheSameRunTwiceGivesTheSame) {
  for (std::uint64_t seed = 0; seed < kCases; ++seed) {
    SCOPED_TRACE(seed);
    const RandomCluster cluster(seed, shape_of(seed));
    const DrawnTraffic traffic = traffic_of(seed, cluster, {.streams = 3});
    const Result first(cluster, traffic, as_drawn(traffic));
    EXPECT_EQ(Result(cluster, traffic, as_drawn(traffic)), first);
    const RandomCluster same(seed, shape_of(seed));
    EXPECT_EQ(Result(same, traffic, as_drawn(traffic)), first);
  }
}

// Each on a stream of its own: within one, order is meaning.
TEST(Order, OpsCanBeAddedInAnyOrder) {
  std::size_t most = 0;
  Comparison comparison;
  for (std::uint64_t seed = 0; seed < kCases; ++seed) {
    SCOPED_TRACE(seed);
    const RandomCluster cluster(seed, shape_of(seed));
    const DrawnTraffic traffic = traffic_of(seed, cluster, {.flows = 12});
    std::vector<std::size_t> order = as_drawn(traffic);
    const Result first(cluster, traffic, order);
    most = std::max(most, order.size());
    RandomStream random(seed, "order");
    for (int trial = 0; trial < 3; ++trial) {
      shuffle(order, random);
      comparison.add(Result(cluster, traffic, order), first, traffic);
    }
  }
  comparison.expect_nearly_all_equal();
  EXPECT_EQ(most, 12U);
}

/// Names of the links from every device to every other, where both are busy.
std::vector<std::vector<std::string>> routes_of(const RandomCluster& cluster) {
  const auto fabric = fabric_of(cluster.spec());
  std::vector<std::vector<std::string>> routes;
  for (int from = 0; from < cluster.busy_devices(); ++from) {
    for (int to = 0; to < cluster.busy_devices(); ++to) {
      auto& route = routes.emplace_back();
      if (from == to) continue;
      for (const int link : fabric->route(from, to).links) {
        route.push_back(fabric->links()[static_cast<std::size_t>(link)].name);
      }
    }
  }
  return routes;
}

/// Runs the same traffic on two clusters that differ in something that should not matter. Among
/// equally short paths the flow hash chooses, by the order of links and by the devices' numbers
/// (models/fabric.hpp): where that has chosen otherwise, the traffic takes other ways, and nothing
/// is promised nor compared.
void compare_on_equal_routes(std::uint64_t seed, const RandomCluster& one,
                             const RandomCluster& other, Comparison& comparison) {
  if (routes_of(one) != routes_of(other)) return;
  const DrawnTraffic traffic = traffic_of(seed, one, {.streams = 4});
  comparison.add(Result(other, traffic, as_drawn(traffic)), Result(one, traffic, as_drawn(traffic)),
                 traffic);
}

TEST(Order, LinksCanBeAddedInAnyOrder) {
  Comparison comparison;
  std::uint64_t seed = 0;
  for (; comparison.count() < kCases && seed < 10 * kCases; ++seed) {
    SCOPED_TRACE(seed);
    constexpr Shape kDrawn[] = {Shape::graph, Shape::tree, Shape::two_levels};
    const Shape shape = kDrawn[seed % 3];
    const RandomCluster one(seed, shape);
    const RandomCluster other(seed, shape, {.link_order = seed + 1});
    compare_on_equal_routes(seed, one, other, comparison);
  }
  comparison.expect_nearly_all_equal();
  EXPECT_EQ(comparison.count(), kCases);
  EXPECT_GT(seed, kCases) << "no graph with a choice of paths came up";
}

TEST(Order, IdleDevicesChangeNothing) {
  Comparison comparison;
  for (std::uint64_t seed = 0; comparison.count() < kCases && seed < 10 * kCases; ++seed) {
    SCOPED_TRACE(seed);
    const Shape shape = shape_of(seed);
    if (shape == Shape::two_levels) continue;  // has none
    const RandomCluster one(seed, shape);
    const RandomCluster other(seed, shape, {.idle_devices = 1 + static_cast<int>(seed % 5)});
    ASSERT_EQ(one.busy_devices(), other.busy_devices());
    ASSERT_LT(one.spec().device_count(), other.spec().device_count());
    compare_on_equal_routes(seed, one, other, comparison);
  }
  comparison.expect_nearly_all_equal();
  EXPECT_EQ(comparison.count(), kCases);
}

}  // namespace
}  // namespace orrery
