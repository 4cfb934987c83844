#include "sim/engine/sharing.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "sim/base/errors.hpp"
#include "sim/base/random.hpp"

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

/// Thousands of shares that come and go by the thousand, beside the same from scratch.
class Crowd {
 public:
  static constexpr int kResources = 120;

  explicit Crowd(std::uint64_t seed) : random_(seed, "sharing_test crowd") {
    for (int r = 0; r < kResources; ++r) {
      capacities_.push_back(static_cast<double>(random_.integer(1, 20)));
      resources_.push_back(sharing_.add_resource(capacities_.back()));
    }
  }

  void add(std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      Member member;
      std::vector<bool> named(kResources, false);
      for (std::int64_t uses = random_.integer(1, 5); uses > 0; --uses) {
        const auto resource = static_cast<std::size_t>(random_.integer(0, kResources - 1));
        if (named[resource]) continue;
        named[resource] = true;
        member.usages.push_back(
            {resources_[resource], static_cast<double>(random_.integer(1, 4)) / 3});
      }
      member.terms.weight = static_cast<double>(random_.integer(1, 3)) / 7;
      if (random_.integer(0, 3) == 0) member.terms.bound = random_.uniform() / 10;
      member.id = sharing_.add(member.usages, member.terms);
      members_.push_back(std::move(member));
    }
  }
  /// About one in `one_in`.
  void remove(std::int64_t one_in) {
    std::erase_if(members_, [&](const Member& member) {
      const bool goes = random_.integer(1, one_in) == 1;
      if (goes) sharing_.remove(member.id);
      return goes;
    });
  }
  void expect_equal_to_fresh() {
    std::vector<bool> told(std::size_t{1} << 20U, false);
    for (const ShareId id : sharing_.solve()) {
      EXPECT_FALSE(told[id.index()]) << "told twice";
      told[id.index()] = true;
    }
    Sharing fresh;
    for (const double capacity : capacities_) fresh.add_resource(capacity);
    std::vector<ShareId> ids;
    for (const Member& member : members_) ids.push_back(fresh.add(member.usages, member.terms));
    fresh.solve();
    for (std::size_t m = 0; m < members_.size(); ++m) {
      Member& member = members_[m];
      const double rate = sharing_.rate(member.id);
      ASSERT_NEAR(rate, fresh.rate(ids[m]), 1e-10 * fresh.rate(ids[m]));
      EXPECT_TRUE(rate == member.rate || told[member.id.index()]) << "changed in silence";
      member.rate = rate;
    }
  }

 private:
  struct Member {
    std::vector<Usage> usages;
    ShareTerms terms;
    ShareId id;
    double rate = -1;
  };
  RandomStream random_;
  Sharing sharing_;
  std::vector<double> capacities_;
  std::vector<ResourceId> resources_;
  std::vector<Member> members_;
};

TEST(Sharing, CrowdsThatComeAndGoTogetherShareAsIfTheyHadAlwaysBeenThere) {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    SCOPED_TRACE(seed);
    Crowd crowd(seed);
    crowd.add(3'000);
    crowd.expect_equal_to_fresh();
    for (const std::int64_t one_in : {2, 50, 1'000, 3, 20, 1}) {
      crowd.remove(one_in);
      crowd.expect_equal_to_fresh();
      crowd.add(one_in % 2 == 0 ? 1'500 : 20);
      crowd.remove(9);  // of the new ones too, before anybody has seen them
      crowd.expect_equal_to_fresh();
    }
  }
}

}  // namespace
}  // namespace orrery
