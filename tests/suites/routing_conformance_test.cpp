// What every routing promises, on every sample of every topology.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <tuple>

#include "models/topology/surviving.hpp"
#include "sim/base/hash.hpp"
#include "tests/suites/topology_samples.hpp"

namespace orrery {
namespace {

const std::vector<std::string> kRoutings = {"ecmp",    "minimal", "spray",    "dimension_order",
                                            "up_down", "valiant", "adaptive", "ugal"};

std::string with_routing(std::string section, const std::string& routing) {
  return section.insert(section.rfind('}'), R"(, "routing": ")" + routing + "\"");
}

struct Case {
  Sample sample;
  std::string routing;
};

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const Sample& sample : all_samples()) {
    for (const std::string& routing : kRoutings) {
      if (routing != "dimension_order" || sample.is_grid) cases.push_back({sample, routing});
    }
  }
  return cases;
}

TEST(RoutingSuite, DimensionOrderNeedsDimensions) {
  int refused = 0;
  for (const Sample& sample : all_samples()) {
    if (sample.is_grid) continue;
    std::string mistakes;
    make_topology(with_routing(sample.section, "dimension_order"), sample.site, &mistakes);
    EXPECT_EQ(mistakes.rfind("t.json#/routing: dimension_order needs a grid", 0), 0U) << mistakes;
    ++refused;
  }
  EXPECT_GT(refused, 20);
}

class RoutingConformance : public ::testing::TestWithParam<Case> {
 protected:
  const Sample& sample() const { return GetParam().sample; }
  const std::string& routing() const { return GetParam().routing; }
  std::string section() const { return with_routing(sample().section, routing()); }
  std::size_t shortest(int from, int to) const { return from == to ? 0 : sample().hops(from, to); }

  void SetUp() override {
    topology_ = make_topology(section(), sample().site);
    for (int from = 0; from < topology_->endpoints(); ++from) {
      for (int to = 0; to < topology_->endpoints(); ++to) {
        for (const std::uint64_t hash : {0U, 1U, 77U}) check_.emplace_back(from, to, hash);
      }
    }
  }
  const TopologyLink& link(int index) const {
    return topology_->links()[static_cast<std::size_t>(index)];
  }

  std::unique_ptr<Topology> topology_;
  std::vector<std::tuple<int, int, std::uint64_t>> check_;
};

TEST_P(RoutingConformance, RoutesLeadThereAndUseNoLinkTwice) {
  for (const auto& [from, to, hash] : check_) {
    int here = from;
    std::set<int> used;
    for (const int index : topology_->route(from, to, hash)) {
      ASSERT_EQ(link(index).from, here);
      ASSERT_TRUE(used.insert(index).second);
      here = link(index).to;
    }
    ASSERT_EQ(here, to);
  }
}

TEST_P(RoutingConformance, RoutesAreAsLongAsTheRoutingSays) {
  std::size_t diameter = 0;
  for (const auto& [from, to, hash] : check_) diameter = std::max(diameter, shortest(from, to));
  for (const auto& [from, to, hash] : check_) {
    const std::size_t hops = topology_->route(from, to, hash).size();
    if (routing() == "valiant") {
      EXPECT_GE(hops, shortest(from, to));
      EXPECT_LE(hops, 2 * diameter);
    } else if (routing() == "up_down") {
      EXPECT_GE(hops, shortest(from, to));
    } else {
      EXPECT_EQ(hops, shortest(from, to)) << from << " -> " << to;
    }
  }
}

TEST_P(RoutingConformance, RoutesDoNotDependOnWhatWasAskedBefore) {
  const auto other = make_topology(section(), sample().site);
  std::map<std::tuple<int, int, std::uint64_t>, std::vector<int>> routes;
  for (const auto& [from, to, hash] : check_) {
    routes[{from, to, hash}] = topology_->route(from, to, hash);
  }
  for (auto asked = check_.rbegin(); asked != check_.rend(); ++asked) {
    const auto& [from, to, hash] = *asked;
    EXPECT_EQ(other->route(from, to, hash), routes[*asked]);
  }
}

/// All that leaves arrives, and nothing stays or appears on the way.
TEST_P(RoutingConformance, SharesAreAFlow) {
  EXPECT_EQ(topology_->spreads(), routing() == "spray");
  for (const auto& [from, to, hash] : check_) {
    std::vector<LinkShare> shares;
    topology_->append_shares(from, to, hash, shares);
    std::set<int> used;
    std::map<int, double> held = {{from, 1.0}};
    for (const LinkShare& part : shares) {
      ASSERT_TRUE(used.insert(part.link).second);
      EXPECT_GT(part.share, 0);
      held[link(part.link).from] -= part.share;
      EXPECT_GT(held[link(part.link).from], -1e-12) << "more than has come so far";
      held[link(part.link).to] += part.share;
    }
    for (const auto& [vertex, left] : held) EXPECT_NEAR(left, vertex == to ? 1 : 0, 1e-12);
    // Parts of one hop sum to 1, and all ways are of fewest hops.
    double all = 0;
    for (const LinkShare& part : shares) all += part.share;
    const std::size_t hops =
        routing() == "spray" ? shortest(from, to) : topology_->route(from, to, hash).size();
    EXPECT_NEAR(all, static_cast<double>(hops), 1e-9);
  }
}

TEST_P(RoutingConformance, EachKeepsItsRule) {
  std::map<std::pair<int, int>, int> next;  // by vertex and destination
  for (const auto& [from, to, hash] : check_) {
    int dimension = -1;
    for (const int index : topology_->route(from, to, hash)) {
      if (routing() == "minimal") {
        const auto [entry, is_new] = next.try_emplace({link(index).from, to}, index);
        EXPECT_EQ(entry->second, index) << "one entry a destination";
      }
      if (routing() == "dimension_order" && link(index).dimension >= 0) {
        EXPECT_GE(link(index).dimension, dimension);
        dimension = link(index).dimension;
      }
    }
  }
}

/// The greatest load on a way.
double most_loaded(const std::vector<int>& route, const std::vector<double>& loads) {
  double most = 0;
  for (const int link : route) most = std::max(most, loads[static_cast<std::size_t>(link)]);
  return most;
}

TEST_P(RoutingConformance, WhatAdaptsTakesALeastLoadedWay) {
  EXPECT_EQ(topology_->adapts(), routing() == "adaptive" || routing() == "ugal");
  std::mt19937 random(1);
  std::vector<double> loads(topology_->links().size());
  for (double& load : loads) load = 1 + static_cast<double>(random() % 8);
  const LinkLoads told = [&](int link) { return loads[static_cast<std::size_t>(link)]; };
  for (const auto& [from, to, hash] : check_) {
    std::vector<int> route;
    topology_->append_adapted_route(from, to, hash, told, *topology_, route);
    int here = from;
    std::set<int> used;
    for (const int index : route) {
      ASSERT_EQ(link(index).from, here);
      ASSERT_TRUE(used.insert(index).second);
      here = link(index).to;
    }
    ASSERT_EQ(here, to);
    if (!topology_->adapts()) {
      EXPECT_EQ(route, topology_->route(from, to, hash));
    } else if (routing() == "adaptive") {
      EXPECT_EQ(route.size(), shortest(from, to));
      // The way of an idle network is one of those that it chose from.
      EXPECT_LE(most_loaded(route, loads), most_loaded(topology_->route(from, to, hash), loads));
    }
  }
}

/// Hops to every vertex over links that are up, or -1.
std::vector<int> hops_from(const Topology& topology, int from, const std::set<int>& down) {
  std::vector<int> hops(static_cast<std::size_t>(topology.vertices()), -1);
  hops[static_cast<std::size_t>(from)] = 0;
  for (bool grew = true; grew;) {
    grew = false;
    for (std::size_t i = 0; i < topology.links().size(); ++i) {
      const TopologyLink& link = topology.links()[i];
      const int here = hops[static_cast<std::size_t>(link.from)];
      int& there = hops[static_cast<std::size_t>(link.to)];
      if (here < 0 || down.contains(static_cast<int>(i))) continue;
      if (there >= 0 && there <= here + 1) continue;
      there = here + 1;
      grew = true;
    }
  }
  return hops;
}

/// A fifth of the links fail: whoever is not touched keeps its way, the others take one of fewest
/// hops over what is left, and what is cut off is known to be.
TEST_P(RoutingConformance, WaysAroundFailuresAreTheShortestThatAreLeft) {
  Surviving left(*topology_);
  std::set<int> down;
  for (int i = 0; i < static_cast<int>(topology_->links().size()); ++i) {
    if (scramble(static_cast<std::uint64_t>(i) + 5) % 5 != 0) continue;
    left.set_up(i, false);
    down.insert(i);
  }
  const LinkLoads idle = [](int) { return 1.0; };
  int touched = 0;
  for (int from = 0; from < topology_->endpoints(); ++from) {
    const std::vector<int> hops = hops_from(*topology_, from, down);
    for (int to = 0; to < topology_->endpoints(); ++to) {
      const int fewest = hops[static_cast<std::size_t>(to)];
      ASSERT_EQ(left.joins(from, to), fewest >= 0);
      std::vector<LinkShare> before;
      std::vector<LinkShare> after;
      topology_->append_shares(from, to, 7, before);
      const bool was_hit = std::any_of(before.begin(), before.end(), [&](const LinkShare& part) {
        return down.contains(part.link);
      });
      touched += was_hit ? 1 : 0;
      if (fewest < 0) continue;
      left.append_shares(from, to, 7, after);
      double sum = 0;
      for (const LinkShare& part : after) {
        ASSERT_FALSE(down.contains(part.link));
        sum += part.share;
      }
      if (was_hit) {
        EXPECT_NEAR(sum, fewest, 1e-9) << from << " -> " << to;
      } else {
        ASSERT_EQ(after.size(), before.size());
        for (std::size_t i = 0; i < after.size(); ++i) EXPECT_EQ(after[i].link, before[i].link);
      }
      std::vector<int> adapted;
      left.append_adapted_route(from, to, 7, idle, left, adapted);
      int here = from;
      for (const int index : adapted) {
        ASSERT_FALSE(down.contains(index));
        ASSERT_EQ(link(index).from, here);
        here = link(index).to;
      }
      ASSERT_EQ(here, to);
    }
  }
  for (const int link : down) left.set_up(link, true);
  EXPECT_TRUE(left.is_whole());
  if (topology_->endpoints() > 8) {
    EXPECT_GT(touched, 0) << "a fifth of the links touch somebody";
  }
}

std::string routing_test_name(const ::testing::TestParamInfo<Case>& info) {
  return test_name({info.param.sample, 0}) + "_" + info.param.routing;
}

INSTANTIATE_TEST_SUITE_P(Builtin, RoutingConformance, ::testing::ValuesIn(all_cases()),
                         routing_test_name);

}  // namespace
}  // namespace orrery
