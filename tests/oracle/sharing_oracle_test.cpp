#include <gtest/gtest.h>

#include <map>

#include "sim/base/random.hpp"
#include "sim/engine/sharing.hpp"
#include "tests/oracle/progressive_filling.hpp"

namespace orrery {
namespace {

using oracle::Exact;
using oracle::ExactShare;

/// Rounding of the doubles in the filling (some tens of operations per share) stays far below this.
constexpr double kTolerance = 1e-10;

/// A random instance kept twice: in Sharing, incrementally, and as plain data for the oracle.
class Instance {
 public:
  Instance(std::uint64_t seed, std::string_view name) : random_(seed, name) {
    const std::int64_t resources = random_.integer(1, 12);
    for (std::int64_t r = 0; r < resources; ++r) {
      capacities_.push_back(Exact(random_.integer(1, 100)));
      sharing_.add_resource(static_cast<double>(capacities_.back()));
    }
    priorities_ = random_.integer(1, 3);
    fractions_ = random_.integer(0, 1) == 1;
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

  void expect_equal() {
    sharing_.solve();
    std::vector<ExactShare> shares;
    for (const auto& [id, share] : shares_) shares.push_back(share);
    const std::vector<Exact> expected = oracle::fill(capacities_, shares);
    std::size_t i = 0;
    for (const auto& [id, share] : shares_) {
      const double exact = static_cast<double>(expected[i++]);
      ASSERT_NEAR(sharing_.rate(id), exact, kTolerance * (1 + exact)) << "share " << id.index();
    }
  }

  std::size_t size() const { return shares_.size(); }

 private:
  void add() {
    ExactShare share;
    std::vector<Usage> usages;
    for (std::size_t r = 0; r < capacities_.size(); ++r) {
      if (random_.integer(0, 3) != 0) continue;
      // Thirds are no doubles: the two sides then see slightly different numbers.
      const Exact coefficient(random_.integer(1, 6), fractions_ ? 3 : 1);
      share.usages.push_back({r, coefficient});
      usages.push_back({ResourceId(r), static_cast<double>(coefficient)});
    }
    ShareTerms terms;
    share.weight = Exact(random_.integer(1, 5));
    share.priority = static_cast<int>(random_.integer(1, priorities_));
    if (usages.empty() || random_.integer(0, 2) == 0) {
      share.bound = Exact(random_.integer(1, 40), 2);
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
    capacities_[r] = Exact(random_.integer(1, 100));
    sharing_.set_capacity(ResourceId(r), static_cast<double>(capacities_[r]));
  }

  RandomStream random_;
  Sharing sharing_;
  std::vector<Exact> capacities_;
  std::map<ShareId, ExactShare> shares_;
  std::int64_t priorities_ = 1;
  bool fractions_ = false;
};

TEST(SharingOracle, FreshInstancesEqualExactProgressiveFilling) {
  constexpr std::uint64_t kInstances = 2'000;
  std::size_t largest = 0;
  for (std::uint64_t seed = 0; seed < kInstances; ++seed) {
    SCOPED_TRACE(seed);
    Instance instance(seed, "fresh");
    for (int i = 0; i < 12; ++i) instance.step();
    instance.expect_equal();
    largest = std::max(largest, instance.size());
    if (HasFatalFailure()) return;
  }
  EXPECT_GE(largest, 10U);
}

TEST(SharingOracle, EveryIncrementalChangeKeepsTheAllocationExact) {
  constexpr std::uint64_t kInstances = 150;
  for (std::uint64_t seed = 0; seed < kInstances; ++seed) {
    SCOPED_TRACE(seed);
    Instance instance(seed, "incremental");
    for (int i = 0; i < 60; ++i) {
      instance.step();
      instance.expect_equal();
      if (HasFatalFailure()) return;
    }
  }
}

TEST(SharingOracle, ManyChangesBetweenSolvesKeepTheAllocationExact) {
  constexpr std::uint64_t kInstances = 150;
  for (std::uint64_t seed = 0; seed < kInstances; ++seed) {
    SCOPED_TRACE(seed);
    Instance instance(seed, "batches");
    for (int batch = 0; batch < 12; ++batch) {
      for (int i = 0; i < 7; ++i) instance.step();
      instance.expect_equal();
      if (HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace orrery
