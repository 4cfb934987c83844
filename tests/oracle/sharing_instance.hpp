#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "sim/base/random.hpp"
#include "sim/engine/sharing.hpp"
#include "tests/oracle/progressive_filling.hpp"

namespace orrery::oracle {

/// Rounding of the doubles in the filling (some tens of operations per share) stays far below this.
inline constexpr double kTolerance = 1e-10;

struct CountBetween {
  std::int64_t low = 1;
  std::int64_t high = 1;
};
/// What random instances look like.
struct InstanceLimits {
  bool alike = false;  // capacities, coefficients and weights: ties everywhere
  CountBetween resources = {1, 12};
  CountBetween priorities = {1, 3};
  std::int64_t capacity = 100;     // at most
  std::int64_t uses = 0;           // resources of a share, on average; 0: a quarter of all
  std::int64_t bounded_in = 3;     // one share in so many has a bound
  std::int64_t bound_halves = 40;  // up to so many halves; small ones bind
};

/// A random instance kept twice: in Sharing, incrementally, and as plain data for the oracle.
class Instance {
 public:
  Instance(std::uint64_t seed, std::string_view name, const InstanceLimits& limits = {})
      : random_(seed, name), limits_(limits) {
    const std::int64_t resources = any(limits.resources);
    for (std::int64_t r = 0; r < resources; ++r) {
      capacities_.push_back(any_capacity());
      sharing_.add_resource(static_cast<double>(capacities_.back()));
    }
    priorities_ = any(limits.priorities);
    fractions_ = !limits.alike && random_.integer(0, 1) == 1;
    one_in_ = limits.uses == 0 ? 4 : std::max<std::int64_t>(1, resources / limits.uses);
  }

  void step() {
    const std::int64_t action = random_.integer(0, 9);
    if (action < 6 || shares_.empty()) {
      add();
    } else if (action < 9) {
      remove();
    } else {
      change_capacity();
    }
  }
  /// One share comes or goes, or a capacity changes, so that there come to be `wanted` shares.
  void step_towards(std::size_t wanted) {
    const std::int64_t action = random_.integer(0, 9);
    if (action == 0) {
      change_capacity();
    } else if (shares_.size() < wanted ? action != 1 : action == 1) {
      add();
    } else if (!shares_.empty()) {
      remove();
    }
  }
  void solve() { sharing_.solve(); }

  void expect_equal() {
    sharing_.solve();
    std::vector<ExactShare> shares;
    for (const auto& [id, share] : shares_) shares.push_back(share);
    const std::vector<Exact> expected = fill(capacities_, shares);
    std::size_t i = 0;
    for (const auto& [id, share] : shares_) {
      const double exact = static_cast<double>(expected[i]);
      ASSERT_NEAR(sharing_.rate(id), exact, kTolerance * (1 + exact)) << "share " << id.index();
      // Nothing is nothing, without a tolerance: whoever lives on rounding never ends.
      if (expected[i] == 0) {
        ASSERT_EQ(sharing_.rate(id), 0) << "share " << id.index();
        ++starved_;
      }
      bounds_reached_ += share.bound && expected[i] == *share.bound ? 1 : 0;
      ++i;
    }
  }

  std::size_t size() const { return shares_.size(); }
  std::size_t bounds_reached() const { return bounds_reached_; }
  std::size_t starved() const { return starved_; }
  const Sharing& sharing() const { return sharing_; }

 private:
  std::int64_t any(const CountBetween& range) { return random_.integer(range.low, range.high); }

  Exact any_capacity() {
    return limits_.alike ? limits_.capacity : random_.integer(1, limits_.capacity);
  }

  void add() {
    ExactShare share;
    std::vector<Usage> usages;
    for (std::size_t r = 0; r < capacities_.size(); ++r) {
      if (random_.integer(0, one_in_ - 1) != 0) continue;
      // Thirds are no doubles: the two sides then see slightly different numbers.
      const Exact coefficient(limits_.alike ? 1 : random_.integer(1, 6), fractions_ ? 3 : 1);
      share.usages.push_back({r, coefficient});
      usages.push_back({ResourceId(r), static_cast<double>(coefficient)});
    }
    ShareTerms terms;
    share.weight = Exact(limits_.alike ? 1 : random_.integer(1, 5));
    share.priority = static_cast<int>(random_.integer(1, priorities_));
    if (usages.empty() || random_.integer(0, limits_.bounded_in - 1) == 0) {
      share.bound = Exact(random_.integer(1, limits_.bound_halves), 2);
      terms.bound = static_cast<double>(*share.bound);
    }
    terms.weight = static_cast<double>(share.weight);
    terms.priority = share.priority;
    shares_.emplace(sharing_.add(usages, terms), share);
  }

  void remove() {
    auto victim = shares_.begin();
    std::advance(victim, random_.integer(0, static_cast<std::int64_t>(shares_.size()) - 1));
    sharing_.remove(victim->first);
    shares_.erase(victim);
  }

  void change_capacity() {
    const auto r = static_cast<std::size_t>(
        random_.integer(0, static_cast<std::int64_t>(capacities_.size()) - 1));
    capacities_[r] = any_capacity();
    sharing_.set_capacity(ResourceId(r), static_cast<double>(capacities_[r]));
  }

  RandomStream random_;
  InstanceLimits limits_;
  Sharing sharing_;
  std::vector<Exact> capacities_;
  std::map<ShareId, ExactShare> shares_;
  std::int64_t priorities_ = 1;
  bool fractions_ = false;
  std::int64_t one_in_ = 4;  // a share uses one resource in so many
  std::size_t bounds_reached_ = 0;
  std::size_t starved_ = 0;
};

}  // namespace orrery::oracle
