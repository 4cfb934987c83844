// What every routing promises, on every sample of every topology.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "tests/suites/topology_samples.hpp"

namespace orrery {
namespace {

const std::vector<std::string> kRoutings = {"ecmp",    "minimal", "spray", "dimension_order",
                                            "up_down", "valiant"};

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

std::string routing_test_name(const ::testing::TestParamInfo<Case>& info) {
  return test_name({info.param.sample, 0}) + "_" + info.param.routing;
}

INSTANTIATE_TEST_SUITE_P(Builtin, RoutingConformance, ::testing::ValuesIn(all_cases()),
                         routing_test_name);

}  // namespace
}  // namespace orrery
