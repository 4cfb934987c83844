#include "tools/orrery/checks.hpp"

#include <gtest/gtest.h>

namespace orrery {
namespace {

using namespace literals;

/// A run with which nothing is wrong.
Evidence good() {
  Evidence evidence;
  evidence.makespan = 10_us;
  evidence.counters.bytes_sent = 1e6;
  evidence.counters.bytes_received = 1e6;
  CollectiveUse use;
  use.record = {.kind = CollectiveKind::all_gather,
                .size = 2_MB,
                .members = 2,
                .algorithm = "ring",
                .runs = 1,
                .total = 1_us,
                .fastest = 1_us,
                .port_limit = 1e12};  // 2 MB / 1 us * (2 - 1) / 2
  evidence.collectives = {use};
  evidence.kernels = {{"gemm", 5_us, 5e-6}};
  evidence.critical_path = 10_us;
  evidence.rank_sums = {{0, 10_us}, {1, 10_us}};
  evidence.resources = {{"device 0 math", "math", 1, 1.0}};
  return evidence;
}

TEST(Checks, AllHoldAtTheirLimits) {
  const std::vector<Check> checks = check_all(good());
  EXPECT_EQ(checks.size(), 8U);
  for (const Check& check : checks) {
    EXPECT_TRUE(check.holds) << check.name << ": " << check.sentence;
    EXPECT_FALSE(check.sentence.empty()) << check.name;
  }
}

TEST(Checks, LostBytesAreFound) {
  Evidence evidence = good();
  evidence.counters.bytes_received -= 1;
  EXPECT_FALSE(check_bytes(evidence).holds);
}

TEST(Checks, ABusBandwidthAboveTheLinksIsFound) {
  Evidence evidence = good();
  evidence.collectives[0].record.fastest = 1_us - 2_ps;  // 1 ps is rounding, 2 ps are not
  EXPECT_FALSE(check_bus_bandwidth(evidence).holds);
  evidence.collectives[0].record.fastest = 1_us - 1_ps;
  EXPECT_TRUE(check_bus_bandwidth(evidence).holds);
}

// Links carry once what members would send twice: by 3/2, of 4 members.
TEST(Checks, InTheNetworkAnAllReduceMayCountTwiceWhatTheLinksCarry) {
  Evidence evidence = good();
  CollectiveRecord& record = evidence.collectives[0].record;
  record.kind = CollectiveKind::all_reduce;
  record.size = 4_MB;
  record.members = 4;
  record.port_limit = 4e6 / 3e-6;
  record.fastest = 3_us;
  EXPECT_FALSE(check_bus_bandwidth(evidence).holds);
  record.in_network = true;
  EXPECT_TRUE(check_bus_bandwidth(evidence).holds);
  record.fastest = 3_us - 3_ps;
  EXPECT_FALSE(check_bus_bandwidth(evidence).holds);
}

TEST(Checks, AKernelFasterThanThePeaksIsFound) {
  Evidence evidence = good();
  evidence.kernels.push_back({"attention", 3_us, 3.000002e-6});
  const Check check = check_kernels(evidence);
  EXPECT_FALSE(check.holds);
  EXPECT_NE(check.sentence.find("attention"), std::string::npos) << check.sentence;
}

TEST(Checks, ACriticalPathThatIsNotTheRunIsFound) {
  Evidence longer = good();
  longer.critical_path = 10_us + 1_ps;
  EXPECT_FALSE(check_critical_path(longer).holds);
  Evidence shorter = good();
  shorter.critical_path = 10_us - 1_ps;
  EXPECT_FALSE(check_critical_path(shorter).holds);
}

TEST(Checks, ATimeThatIsCountedTwiceIsFound) {
  Evidence evidence = good();
  evidence.rank_sums[1].sum = 10_us + 1_ps;
  const Check check = check_breakdown(evidence);
  EXPECT_FALSE(check.holds);
  EXPECT_NE(check.sentence.find("rank 1"), std::string::npos) << check.sentence;
}

TEST(Checks, MemoryThatIsNeverFreedIsFound) {
  Evidence evidence = good();
  evidence.unfreed = {{3, "activations", 1_B}};
  const Check check = check_memory(evidence);
  EXPECT_FALSE(check.holds);
  EXPECT_NE(check.sentence.find("activations are left on rank 3"), std::string::npos);
}

TEST(Checks, AResourceUsedMoreThanWhollyIsFound) {
  Evidence evidence = good();
  evidence.resources[0].utilisation = 1 + 1e-8;
  EXPECT_FALSE(check_utilisation(evidence).holds);
}

TEST(Checks, AModelThatNeedsMoreThanThePeakIsFound) {
  Evidence evidence = good();
  evidence.mfu = 1;
  EXPECT_TRUE(check_mfu(evidence).holds);
  evidence.mfu = 1 + 1e-6;
  EXPECT_FALSE(check_mfu(evidence).holds);
}

TEST(Checks, BusBandwidthFollowsNcclTests) {
  constexpr double kAlgorithmBandwidth = 1e9;  // 1 MB in 1 ms
  const auto of = [](CollectiveKind kind, int members) {
    return bus_bandwidth(kind, 1_MB, members, 1_ms);
  };
  EXPECT_DOUBLE_EQ(of(CollectiveKind::all_reduce, 4), kAlgorithmBandwidth * 2 * 3 / 4);
  EXPECT_DOUBLE_EQ(of(CollectiveKind::all_gather, 4), kAlgorithmBandwidth * 3 / 4);
  EXPECT_DOUBLE_EQ(of(CollectiveKind::reduce_scatter, 4), kAlgorithmBandwidth * 3 / 4);
  EXPECT_DOUBLE_EQ(of(CollectiveKind::all_to_all, 4), kAlgorithmBandwidth * 3 / 4);
  EXPECT_DOUBLE_EQ(of(CollectiveKind::broadcast, 4), kAlgorithmBandwidth);
  EXPECT_DOUBLE_EQ(of(CollectiveKind::reduce, 4), kAlgorithmBandwidth);
  EXPECT_DOUBLE_EQ(of(CollectiveKind::gather, 4), kAlgorithmBandwidth * 3 / 4);
  EXPECT_DOUBLE_EQ(of(CollectiveKind::scatter, 4), kAlgorithmBandwidth * 3 / 4);
  EXPECT_DOUBLE_EQ(of(CollectiveKind::send_recv, 4), kAlgorithmBandwidth);
  EXPECT_DOUBLE_EQ(of(CollectiveKind::all_to_all_v, 4), kAlgorithmBandwidth);
  EXPECT_EQ(of(CollectiveKind::barrier, 4), 0);
  EXPECT_EQ(bus_bandwidth(CollectiveKind::broadcast, 1_MB, 4, 0_ps), 0);
}

}  // namespace
}  // namespace orrery
