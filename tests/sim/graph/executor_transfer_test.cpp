#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "tests/sim/graph/graph_fixture.hpp"

namespace orrery {
namespace {

using namespace literals;

class ExecutorTransfer : public GraphFixture {
 protected:
  const Duration work_of_source = 3_us;
  const Duration work_of_destination = 11_us;
  const Duration until_sent = 5_us;
  const Duration until_delivered = 9_us;
};

TEST_F(ExecutorTransfer, StartsWhenBothStreamsHaveComeToIt) {
  compute("compute", {0}, work_of_source);
  compute("compute", {1}, work_of_destination);
  const OpId move = transfer("compute", "compute", {{0}, {1}}, until_sent);
  run();
  EXPECT_EQ(source(move, 0).ready, Time(work_of_source));
  EXPECT_EQ(destination(move, 1).ready, Time(work_of_destination));
  EXPECT_EQ(source(move, 0).start, Time(work_of_destination));
  EXPECT_EQ(destination(move, 1).start, Time(work_of_destination));
}

TEST_F(ExecutorTransfer, FreesTheSourceWhenSentAndTheDestinationWhenDelivered) {
  const OpId move = transfer("compute", "compute", {{0}, {1}}, until_sent);
  runner.transfers(move, until_sent, until_delivered);
  const OpId after = compute("compute", {0, 1}, work_of_source);
  run();
  EXPECT_EQ(source(move, 0).end, Time(until_sent));
  EXPECT_EQ(destination(move, 1).end, Time(until_delivered));
  EXPECT_EQ(span(after, 0).start, Time(until_sent));
  EXPECT_EQ(span(after, 1).start, Time(until_delivered));
}

TEST_F(ExecutorTransfer, PairsOfOneOpRunEachInTheirOwnTime) {
  compute("compute", {1}, work_of_source);
  const OpId move = transfer("compute", "receive", {{0, 1}, {2, 3}}, until_sent);
  run();
  EXPECT_EQ(source(move, 0).start, Time());
  EXPECT_EQ(source(move, 1).start, Time(work_of_source));
  const std::vector<std::pair<Rank, Rank>> expected = {{0, 2}, {1, 3}};
  EXPECT_EQ(runner.pairs(), expected);
}

TEST_F(ExecutorTransfer, OneSidedOccupiesNoStreamAtTheDestination) {
  const OpId busy = compute("send", {1}, work_of_destination);
  const OpId move = put("send", {{0}, {1}}, until_sent);
  const OpId later = compute("send", {1}, work_of_source);
  runner.transfers(move, until_sent, work_of_destination + until_delivered);
  run();
  EXPECT_EQ(source(move, 0).start, Time());
  EXPECT_FALSE(destination(move, 1).stream.valid());
  EXPECT_EQ(destination(move, 1).end, Time(work_of_destination + until_delivered));
  EXPECT_EQ(span(later, 1).start, span(busy, 1).end);
}

TEST_F(ExecutorTransfer, OneSidedWaitsForDependenciesOfItsDestination) {
  const OpId busy = compute("compute", {1}, work_of_destination);
  const OpId move = put("send", {{0}, {1}}, until_sent);
  graph.depend(move, busy, Side::destination);
  run();
  EXPECT_EQ(source(move, 0).ready, Time());
  EXPECT_EQ(destination(move, 1).ready, Time(work_of_destination));
  EXPECT_EQ(source(move, 0).start, Time(work_of_destination));
}

TEST_F(ExecutorTransfer, WhatOneSidedBringsCanBeWaitedFor) {
  const OpId move = put("send", {{0}, {1}}, until_sent);
  runner.transfers(move, until_sent, until_delivered);
  const OpId use = compute("compute", {1}, work_of_source);
  graph.depend(use, move);
  run();
  EXPECT_EQ(span(use, 1).start, Time(until_delivered));
}

TEST_F(ExecutorTransfer, ARingShiftSendsAndReceivesOnEveryRankAtOnce) {
  const OpId shift = transfer("send", "receive", {{0, 1, 2}, {1, 2, 0}}, until_sent);
  EXPECT_EQ(run(), Time(until_sent));
  for (const Rank rank : {0, 1, 2}) {
    EXPECT_EQ(source(shift, rank).start, Time());
    EXPECT_EQ(destination(shift, rank).start, Time());
  }
  EXPECT_EQ(source(shift, 1).instance.instance, 1U);
  EXPECT_EQ(destination(shift, 1).instance.instance, 0U);
}

TEST_F(ExecutorTransfer, AfterARingShiftARankHasBothSentAndReceived) {
  // Rank 0 is late, so that rank 1 receives late, though it has sent early; 2 receives early.
  const OpId late = compute("compute", {0}, work_of_destination);
  const OpId shift = transfer("send", "receive", {{0, 1, 2}, {1, 2, 0}}, until_sent);
  graph.depend(shift, late, Side::source);
  const OpId after = compute("compute", {0, 1, 2}, work_of_source);
  graph.depend(after, shift);
  run();
  EXPECT_EQ(source(shift, 1).end, Time(until_sent));
  EXPECT_EQ(span(after, 1).start, Time(work_of_destination + until_sent));
  EXPECT_EQ(span(after, 2).start, Time(until_sent));
  EXPECT_EQ(span(after, 0).start, Time(work_of_destination + until_sent));
}

TEST_F(ExecutorTransfer, ARingShiftOnOneStreamGoesPairByPair) {
  // On rank 1 receiving from 0 comes before sending to 2, as the pairs are listed.
  const OpId shift = transfer("link", "link", {{0, 1, 2}, {1, 2, 0}}, until_sent);
  EXPECT_EQ(run(), Time(3 * until_sent));
  EXPECT_EQ(source(shift, 1).start, Time(until_sent));
  EXPECT_EQ(source(shift, 2).start, Time(2 * until_sent));
}

TEST_F(ExecutorTransfer, ARankMaySendToItself) {
  const OpId copy = transfer("send", "receive", {{0}, {0}}, until_sent);
  runner.transfers(copy, until_sent, until_delivered);
  EXPECT_EQ(run(), Time(until_delivered));
  EXPECT_EQ(source(copy, 0).end, Time(until_sent));
  EXPECT_EQ(destination(copy, 0).end, Time(until_delivered));
}

}  // namespace
}  // namespace orrery
