// What every topology promises. A new entry of builtin_topologies() needs parameters below.
#include <gtest/gtest.h>

#include <map>

#include "tests/suites/topology_samples.hpp"

namespace orrery {
namespace {

TEST(TopologySuite, EveryRegisteredKindHasSamples) {
  const auto known = samples();
  const auto registry = builtin_topologies();
  for (const auto& entry : registry.entries()) {
    EXPECT_TRUE(known.contains(entry.name)) << entry.name << ": add parameters to this suite";
    EXPECT_FALSE(entry.summary.empty()) << entry.name;
    EXPECT_TRUE(entry.picture.starts_with('\n') && entry.picture.ends_with('\n')) << entry.name;
  }
  EXPECT_EQ(known.size(), registry.entries().size());
}

class TopologyConformance : public ::testing::TestWithParam<Sample> {
 protected:
  void SetUp() override { topology_ = make_topology(GetParam().section, GetParam().site); }

  std::unique_ptr<Topology> topology_;
};

TEST_P(TopologyConformance, LinksJoinTwoVerticesAndCarrySomething) {
  EXPECT_EQ(topology_->endpoints(), GetParam().site.endpoints);
  EXPECT_GE(topology_->vertices(), topology_->endpoints());
  for (const TopologyLink& link : topology_->links()) {
    EXPECT_NE(link.from, link.to) << link.name;
    EXPECT_TRUE(link.from >= 0 && link.from < topology_->vertices()) << link.name;
    EXPECT_TRUE(link.to >= 0 && link.to < topology_->vertices()) << link.name;
    EXPECT_GT(link.bundle, 0) << link.name;
    EXPECT_GT(link.spec.bandwidth.count(), 0) << link.name;
    EXPECT_FALSE(link.name.empty());
  }
}

TEST_P(TopologyConformance, LinksHaveDifferentNames) {
  std::map<std::string, int> names;
  for (const TopologyLink& link : topology_->links()) ++names[link.name];
  EXPECT_EQ(names.size(), topology_->links().size());
}

TEST_P(TopologyConformance, EveryDirectionHasItsReverseOfEqualCapacity) {
  std::map<std::pair<int, int>, double> capacity;
  for (const TopologyLink& link : topology_->links()) {
    capacity[{link.from, link.to}] += link.bundle * link.spec.bandwidth.as_double();
  }
  for (const auto& [ends, forward] : capacity) {
    EXPECT_EQ(forward, (capacity[{ends.second, ends.first}]));
  }
}

TEST_P(TopologyConformance, RoutesAreContiguousFromSourceToDestination) {
  const auto links = topology_->links();
  for (int from = 0; from < topology_->endpoints(); ++from) {
    for (int to = 0; to < topology_->endpoints(); ++to) {
      for (const std::uint64_t hash : {0U, 1U, 12345U}) {
        int here = from;
        for (const int index : topology_->route(from, to, hash)) {
          ASSERT_TRUE(index >= 0 && static_cast<std::size_t>(index) < links.size());
          const TopologyLink& link = links[static_cast<std::size_t>(index)];
          ASSERT_EQ(link.from, here);
          here = link.to;
        }
        ASSERT_EQ(here, to);
      }
    }
  }
}

TEST_P(TopologyConformance, RouteLengthsAreThoseOfTheClosedFormBothWays) {
  for (int from = 0; from < topology_->endpoints(); ++from) {
    EXPECT_TRUE(topology_->route(from, from, 0).empty());
    for (int to = 0; to < topology_->endpoints(); ++to) {
      if (from != to) {
        EXPECT_EQ(topology_->route(from, to, 7).size(), GetParam().hops(from, to))
            << from << " -> " << to;
        EXPECT_EQ(topology_->route(from, to, 7).size(), topology_->route(to, from, 8).size());
      }
    }
  }
}

TEST_P(TopologyConformance, RoutesDoNotDependOnWhatWasAskedBefore) {
  const auto other = make_topology(GetParam().section, GetParam().site);
  const int count = topology_->endpoints();
  std::map<std::pair<int, int>, std::vector<int>> forwards;
  for (int from = 0; from < count; ++from) {
    for (int to = 0; to < count; ++to) forwards[{from, to}] = topology_->route(from, to, 3);
  }
  for (int from = count; from-- > 0;) {
    for (int to = count; to-- > 0;) {
      EXPECT_EQ(other->route(from, to, 3), (forwards[{from, to}]));
      EXPECT_EQ(other->route(from, to, 3), (forwards[{from, to}])) << "asked twice";
    }
  }
}

TEST_P(TopologyConformance, UnknownKeysAreMistakes) {
  std::string wrong = GetParam().section;
  wrong.insert(wrong.rfind('}'), R"(, "zzzzzzzz": 1)");
  std::string mistakes;
  make_topology(wrong, GetParam().site, &mistakes);
  EXPECT_EQ(mistakes.rfind("t.json#/zzzzzzzz: no such key", 0), 0U) << mistakes;
}

INSTANTIATE_TEST_SUITE_P(Builtin, TopologyConformance, ::testing::ValuesIn(all_samples()),
                         test_name);

}  // namespace
}  // namespace orrery
