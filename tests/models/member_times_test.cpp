// When members are where in a program, against what can be said in a line.
#include "models/collective/member_times.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace orrery {
namespace {

constexpr std::size_t kAll = 1'000'000;

/// Around a ring; the last link has a latency of its own.
std::vector<TimedMessage> ring_of(int members, double leaves, double latency, double last) {
  std::vector<TimedMessage> messages;
  for (int member = 0; member < members; ++member) {
    messages.push_back({.from = member,
                        .to = (member + 1) % members,
                        .latency = member + 1 < members ? latency : last,
                        .leaves = leaves});
  }
  return messages;
}

/// What begins before the slow link and goes around it n-1 times crosses it as often as it passes.
TEST(MemberTimes, ARingGoesAtItsAverageLatency) {
  constexpr int kMembers = 8;
  constexpr int kRounds = 5;
  MemberTimes times(kMembers, 1);
  times.walk(ring_of(kMembers, 1, 2, 30), kRounds * kMembers, kAll);
  EXPECT_DOUBLE_EQ(times.end(), kRounds * (kMembers * 1 + (kMembers - 1) * 2 + 30));
}

TEST(MemberTimes, OneLinkThatTakesLongHoldsUpAllThatFollows) {
  std::vector<TimedMessage> messages = ring_of(4, 1, 0, 0);
  messages[2].leaves = 50;
  MemberTimes times(4, 1);
  times.walk(messages, 100, kAll);
  EXPECT_DOUBLE_EQ(times.end(), 100 * 50);
}

/// Pieces along a chain: the latency of all links once, then a piece after the other.
TEST(MemberTimes, AChainOfPiecesPaysItsLatencyOnce) {
  constexpr int kMembers = 5;
  constexpr int kPieces = 100;
  MemberTimes times(kMembers, 1);
  for (int step = 0; step < kPieces + kMembers - 2; ++step) {
    std::vector<TimedMessage> messages;
    for (int member = 0; member + 1 < kMembers; ++member) {
      const int piece = step - member;
      if (piece < 0 || piece >= kPieces) continue;
      messages.push_back({.from = member, .to = member + 1, .latency = 7, .leaves = 3});
    }
    times.walk(messages, 1, kAll);
  }
  EXPECT_DOUBLE_EQ(times.end(), (kMembers - 1) * (7 + 3) + (kPieces - 1) * 3);
}

/// With a window of `lag` a member waits for what was sent so many steps ago.
TEST(MemberTimes, LatencyIsHiddenByWhatMayBeUnderWay) {
  for (const int lag : {1, 2, 4, 16}) {
    MemberTimes times(6, lag);
    times.walk(ring_of(6, 1, 7, 7), 960, kAll);
    const double step = std::max(1.0, (1.0 + 7.0) / lag);
    EXPECT_NEAR(times.end(), 960 * step, 8 + 7) << lag;
  }
}

TEST(MemberTimes, WhatIsNotWalkedThroughGoesOnAtItsPace) {
  constexpr int kSteps = 4'000;
  const std::vector<TimedMessage> messages = ring_of(10, 1, 2, 42);
  MemberTimes all(10, 1);
  MemberTimes some(10, 1);
  all.walk(messages, kSteps, kAll);
  some.walk(messages, kSteps, 400 * messages.size());
  EXPECT_NEAR(some.end(), all.end(), 1e-9 * all.end());
}

}  // namespace
}  // namespace orrery
