#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "sim/engine/activity.hpp"
#include "tests/oracle/simgrid_cases.hpp"
#include "tests/oracle/simgrid_child.hpp"

namespace orrery {
namespace {

using oracle::activity_count;
using oracle::Case;
using oracle::run_simgrid;
using oracle::simgrid_completion_s;
using simgrid_program::Compute;
using simgrid_program::kNoBound;
using simgrid_program::Transfer;
using testing_program::Outcome;

// SimGrid solves shares to a relative 1e-9 (maxmin/precision as orrery-simgrid sets it), so more
// agreement than that is luck.
constexpr double kRelative = 1e-9;
// Our clock counts picoseconds and SimGrid merges dates within one, and an end that moves by one
// moves every end after it: one picosecond for each activity of the case.
constexpr double kPerActivity = 1e-12;

double start_s(const Case& one, std::size_t activity) {
  const std::size_t transfers = one.transfers.size();
  return activity < transfers ? one.transfers[activity].start_s
                              : one.computes[activity - transfers].start_s;
}

/// How long it would take alone.
double alone_s(const Case& one, std::size_t activity) {
  if (activity >= one.transfers.size()) {
    const Compute& compute = one.computes[activity - one.transfers.size()];
    return compute.flops / std::min(compute.bound_flops_per_s, one.hosts_flops_per_s[compute.host]);
  }
  const Transfer& transfer = one.transfers[activity];
  double rate = transfer.bound_bytes_per_s;
  for (const std::size_t link : transfer.links) {
    rate = std::min(rate, one.links_bytes_per_s[link]);
  }
  return static_cast<double>(transfer.bytes) / rate;
}

/// The case on our engine: when each activity ends, the transfers first.
class OwnRun final : private EventHandler {
 public:
  explicit OwnRun(const Case& one) : case_(&one), completion_s_(activity_count(one), -1.0) {
    for (const double rate : one.links_bytes_per_s) {
      links_.push_back(activities_.add_resource(rate));
    }
    for (const double rate : one.hosts_flops_per_s) {
      hosts_.push_back(activities_.add_resource(rate));
    }
    for (std::size_t i = 0; i < completion_s_.size(); ++i) {
      const Time start(duration_from_seconds(start_s(one, i)));
      engine_.schedule(start, Phase::issue, *this, i);
    }
    engine_.run();
  }

  const std::vector<double>& completion_s() const { return completion_s_; }

 private:
  void handle_event(std::uint64_t token) override {
    if (token >= completion_s_.size()) {
      completion_s_[token - completion_s_.size()] = to_seconds(engine_.now());
      return;
    }
    Activity activity;
    std::vector<Usage> usages;
    if (token < case_->transfers.size()) {
      const Transfer& transfer = case_->transfers[token];
      for (const std::size_t link : transfer.links) {
        usages.push_back({links_[link]});
      }
      activity.work = static_cast<double>(transfer.bytes);
      activity.terms.bound = transfer.bound_bytes_per_s;
    } else {
      const Compute& compute = case_->computes[token - case_->transfers.size()];
      usages.push_back({hosts_[compute.host]});
      activity.work = compute.flops;
      activity.terms.bound = compute.bound_flops_per_s;
    }
    activity.usages = usages;
    activities_.start(activity, *this, completion_s_.size() + token);
  }

  const Case* case_;
  Engine engine_;
  Activities activities_{engine_};
  std::vector<ResourceId> links_;
  std::vector<ResourceId> hosts_;
  std::vector<double> completion_s_;
};

class SimgridOracle : public testing::Test {
 protected:
  void SetUp() override {
    if (!oracle::simgrid_is_built()) {
      GTEST_SKIP() << "built without SimGrid >= 3.32 (libsimgrid-dev), nothing to compare with";
    }
  }

  static constexpr std::uint64_t kCases = 100;
  static constexpr std::uint64_t kCasesPerProcess = 20;

  /// Seeds 0 to kCases - 1 end alike on both sides, and most activities wait for another there.
  void expect_equal(Case (*make)(std::uint64_t seed)) {
    std::size_t activities = 0;
    std::size_t delayed = 0;
    for (std::uint64_t seed = 0; seed < kCases; seed += kCasesPerProcess) {
      std::vector<Case> cases;
      for (std::uint64_t i = 0; i < kCasesPerProcess; ++i) {
        cases.push_back(make(seed + i));
      }
      const std::vector<std::vector<double>> theirs = simgrid_completion_s(cases);
      ASSERT_EQ(theirs.size(), cases.size());
      for (std::size_t i = 0; i < cases.size(); ++i) {
        SCOPED_TRACE("seed " + std::to_string(seed + i));
        const Case& one = cases[i];
        const OwnRun own(one);
        activities += activity_count(one);
        for (std::size_t j = 0; j < activity_count(one); ++j) {
          compare(one, j, own.completion_s()[j], theirs[i][j]);
          delayed += theirs[i][j] - start_s(one, j) > 1.01 * alone_s(one, j) ? 1 : 0;
        }
      }
    }
    EXPECT_GT(2 * delayed, activities);
    RecordProperty("largest_relative_difference", std::to_string(1e12 * largest_) + "e-12");
    RecordProperty("activities", static_cast<int>(activities));
  }

 private:
  /// The spans, and not the dates: the later the start, the more would a relative bound forgive.
  void compare(const Case& one, std::size_t activity, double own, double theirs) {
    const double span = theirs - start_s(one, activity);
    const double allowed =
        kRelative * span + kPerActivity * static_cast<double>(activity_count(one));
    EXPECT_NEAR(own, theirs, allowed) << "activity " << activity;
    EXPECT_GT(span, 0) << "activity " << activity;
    largest_ = std::max(largest_, std::abs(own - theirs) / span);
  }

  double largest_ = 0;
};

TEST_F(SimgridOracle, TransfersOnAStarEndAlike) {
  expect_equal(oracle::star_case);
}
TEST_F(SimgridOracle, TransfersOnARingEndAlike) {
  expect_equal(oracle::ring_case);
}
TEST_F(SimgridOracle, TransfersOnAFatTreeEndAlike) {
  expect_equal(oracle::fat_tree_case);
}
TEST_F(SimgridOracle, TransfersOnARandomGraphEndAlike) {
  expect_equal(oracle::random_graph_case);
}
TEST_F(SimgridOracle, ComputesBesideTransfersEndAlike) {
  expect_equal(oracle::compute_case);
}

TEST_F(SimgridOracle, OneTransferTakesItsSizeOverItsNarrowestRate) {
  constexpr double kNarrow = 1e9;
  constexpr double kBound = 0.25e9;
  constexpr double kStart = 0.125;
  constexpr std::uint64_t kBytes = 2'000'000'000;
  Case free;
  free.links_bytes_per_s = {3 * kNarrow, kNarrow};
  free.transfers = {{.links = {0, 1}, .bytes = kBytes, .start_s = kStart}};
  Case bounded = free;
  bounded.transfers[0].bound_bytes_per_s = kBound;
  const std::vector<std::vector<double>> ends = simgrid_completion_s({free, bounded});
  ASSERT_EQ(ends.size(), 2U);
  EXPECT_NEAR(ends[0][0], kStart + kBytes / kNarrow, kPerActivity);
  EXPECT_NEAR(ends[1][0], kStart + kBytes / kBound, kPerActivity);
}

TEST_F(SimgridOracle, WhatIsNoCaseIsRefusedWithAllItsMistakes) {
  const Outcome outcome = run_simgrid(
      R"({"orrery_simgrid": 1, "links": [{"bytes_per_s": 0}, {"bytes_per_s": 1e9}],
          "transfers": [{"links": [1, 1], "bytes": 0.5, "start_s": -1, "latency_s": 0}]})");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_EQ(outcome.out, "");
  for (const char* pointer :
       {"#/links/0/bytes_per_s: ", "#/transfers/0/links: ", "#/transfers/0/bytes: ",
        "#/transfers/0/start_s: ", "#/transfers/0/latency_s: "}) {
    EXPECT_NE(outcome.err.find(pointer), std::string::npos) << pointer << outcome.err;
  }
}

}  // namespace
}  // namespace orrery
