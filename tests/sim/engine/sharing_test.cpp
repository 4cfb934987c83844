#include "sim/engine/sharing.hpp"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "sim/base/errors.hpp"

namespace orrery {
namespace {

ShareId use(Sharing& sharing, std::vector<Usage> usages, ShareTerms terms = {}) {
  return sharing.add(usages, terms);
}

TEST(Sharing, WeightsDivideACapacityInTheirRatio) {
  Sharing sharing;
  const double capacity = 12;
  const ResourceId link = sharing.add_resource(capacity);
  const double light = 1;
  const double heavy = 3;
  const ShareId a = use(sharing, {{link, 1}}, {.weight = light});
  const ShareId b = use(sharing, {{link, 1}}, {.weight = heavy});
  sharing.solve();
  EXPECT_DOUBLE_EQ(sharing.rate(a), capacity * light / (light + heavy));
  EXPECT_DOUBLE_EQ(sharing.rate(b), capacity * heavy / (light + heavy));
}

TEST(Sharing, WhatABoundLeavesGoesToTheOthers) {
  Sharing sharing;
  const double capacity = 10;
  const double bound = 2;
  const ResourceId link = sharing.add_resource(capacity);
  const ShareId bounded = use(sharing, {{link, 1}}, {.bound = bound});
  const ShareId open = use(sharing, {{link, 1}});
  sharing.solve();
  EXPECT_DOUBLE_EQ(sharing.rate(bounded), bound);
  EXPECT_DOUBLE_EQ(sharing.rate(open), capacity - bound);
}

TEST(Sharing, ALargeCoefficientTakesMoreForTheSameRate) {
  Sharing sharing;
  const ResourceId memory = sharing.add_resource(9);
  const ShareId once = use(sharing, {{memory, 1}});
  const ShareId twice = use(sharing, {{memory, 2}});
  sharing.solve();
  EXPECT_DOUBLE_EQ(sharing.rate(once), 3);
  EXPECT_DOUBLE_EQ(sharing.rate(twice), 3);
}

TEST(Sharing, AFullHigherClassStarvesTheLower) {
  Sharing sharing;
  const ResourceId link = sharing.add_resource(5);
  const ShareId low = use(sharing, {{link, 1}}, {.priority = 0});
  const ShareId high = use(sharing, {{link, 1}}, {.priority = 2});
  sharing.solve();
  EXPECT_DOUBLE_EQ(sharing.rate(high), 5);
  EXPECT_DOUBLE_EQ(sharing.rate(low), 0);
  sharing.remove(high);
  sharing.solve();
  EXPECT_DOUBLE_EQ(sharing.rate(low), 5);
}

TEST(Sharing, RoundingOfAFullClassLeavesNothingToTheLower) {
  Sharing sharing;
  const double part = 0.1;
  const double capacity = 0.3;
  ASSERT_NE(capacity - part - part - part, 0) << "else this tests nothing";
  const ResourceId shared = sharing.add_resource(capacity);
  for (int i = 0; i < 3; ++i) {
    sharing.add(std::vector<Usage>{{shared, 1}}, {.bound = part, .priority = 1});
  }
  const ShareId low = sharing.add(std::vector<Usage>{{shared, 1}}, {});
  sharing.solve();
  EXPECT_EQ(sharing.rate(low), 0);
}

TEST(Sharing, OnlyTheComponentOfAChangeIsReported) {
  Sharing sharing;
  const ResourceId left = sharing.add_resource(10);
  const ResourceId right = sharing.add_resource(10);
  const ShareId a = use(sharing, {{left, 1}});
  const ShareId b = use(sharing, {{right, 1}});
  sharing.solve();
  const ShareId c = use(sharing, {{right, 1}});
  const std::span<const ShareId> changed = sharing.solve();
  EXPECT_EQ(std::vector<ShareId>(changed.begin(), changed.end()), (std::vector<ShareId>{b, c}));
  EXPECT_DOUBLE_EQ(sharing.rate(a), 10);
}

TEST(Sharing, ASlackResourceDoesNotConnectComponents) {
  // A ring over private links whose memories could carry far more: nothing is ever filled.
  constexpr std::size_t kMembers = 100;
  Sharing sharing;
  std::vector<ResourceId> links;
  std::vector<ResourceId> memories;
  for (std::size_t i = 0; i < kMembers; ++i) {
    links.push_back(sharing.add_resource(1));
    memories.push_back(sharing.add_resource(10));
  }
  for (std::size_t i = 0; i < kMembers; ++i) {
    use(sharing, {{memories[i], 1}, {links[i], 1}, {memories[(i + 1) % kMembers], 2}});
  }
  EXPECT_EQ(sharing.solve().size(), kMembers);
  EXPECT_EQ(sharing.shares_filled(), 0U);
}

TEST(Sharing, RemovedSharesLeaveNothingBehind) {
  Sharing sharing;
  const ResourceId link = sharing.add_resource(3);
  for (int round = 0; round < 1'000; ++round) {
    const ShareId a = use(sharing, {{link, 0.1}});
    const ShareId b = use(sharing, {{link, 0.7}, {link, 0}});
    sharing.solve();
    sharing.remove(a);
    sharing.remove(b);
  }
  const ShareId alone = use(sharing, {{link, 1}});
  sharing.solve();
  EXPECT_EQ(sharing.active_count(), 1U);
  EXPECT_DOUBLE_EQ(sharing.rate(alone), 3);
}

TEST(Sharing, NonsenseIsOurMistake) {
  Sharing sharing;
  const ResourceId link = sharing.add_resource(1);
  EXPECT_THROW(sharing.add_resource(0), InternalError);
  EXPECT_THROW(use(sharing, {}), InternalError);
  EXPECT_THROW(use(sharing, {{link, -1}}), InternalError);
  EXPECT_THROW(use(sharing, {{link, 1}}, {.weight = 0}), InternalError);
  EXPECT_THROW(use(sharing, {{link, 1}}, {.bound = 0}), InternalError);
}

}  // namespace
}  // namespace orrery
