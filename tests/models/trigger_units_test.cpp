#include "models/trigger/trigger_units.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "sim/base/errors.hpp"

namespace orrery {
namespace {

struct Kept final : TriggerClient {
  void producer_goes_on(std::uint32_t waiter) override { producers.push_back(waiter); }
  void dma_goes_on(std::uint32_t waiter) override { dmas.push_back(waiter); }
  std::vector<std::uint32_t> producers;
  std::vector<std::uint32_t> dmas;
};

class TriggerUnitsTest : public testing::Test {
 protected:
  static constexpr std::int64_t kEntries = 4;
  static constexpr std::int64_t kTile = 1000;
  Engine engine_;
  Kept kept_;
  TriggerUnits units_{engine_,
                      {.entries = kEntries, .tile = Bytes(kTile), .latency = {}, .dma_engines = 2},
                      kept_,
                      2};
};

TEST_F(TriggerUnitsTest, AProducerWaitsUntilItsEntriesAreFree) {
  EXPECT_TRUE(units_.track(0, Bytes(3 * kTile), 1, 1));
  EXPECT_FALSE(units_.track(0, Bytes(kTile + 1), 2, 1)) << "two entries, one is free";
  EXPECT_TRUE(units_.track(1, Bytes(kTile + 1), 3, 1)) << "another device";
  EXPECT_FALSE(units_.track(0, Bytes(kTile), 4, 1)) << "it fits, but comes after one that waits";
  units_.trigger(0, Bytes(3 * kTile), 1);
  EXPECT_EQ(kept_.producers, (std::vector<std::uint32_t>{2, 4}));
  EXPECT_EQ(units_.figures().stalls, 2U);
  EXPECT_EQ(units_.figures().peak_entries, 3);
}

TEST_F(TriggerUnitsTest, WhatNeedsMoreThanThereIsTakesAll) {
  EXPECT_TRUE(units_.track(0, Bytes(100 * kTile), 1, 1));
  EXPECT_FALSE(units_.track(0, Bytes(1), 2, 1));
  units_.trigger(0, Bytes(100 * kTile), 1);
  EXPECT_EQ(kept_.producers, (std::vector<std::uint32_t>{2}));
  EXPECT_EQ(units_.figures().peak_entries, kEntries);
}

TEST_F(TriggerUnitsTest, ARegionIsTriggeredOnce) {
  EXPECT_TRUE(units_.track(0, Bytes(kTile), 1, 1));
  units_.trigger(0, Bytes(kTile), 1);
  EXPECT_THROW(units_.trigger(0, Bytes(kTile), 1), InternalError);
}

TEST_F(TriggerUnitsTest, ADmaWaitsForAnEngine) {
  EXPECT_TRUE(units_.take_engine(0, 1));
  EXPECT_TRUE(units_.take_engine(0, 2));
  EXPECT_FALSE(units_.take_engine(0, 3));
  EXPECT_TRUE(units_.take_engine(1, 4));
  units_.leave_engine(0);
  EXPECT_EQ(kept_.dmas, (std::vector<std::uint32_t>{3}));
  units_.leave_engine(0);
  EXPECT_TRUE(units_.take_engine(0, 5)) << "one of two is busy";
}

}  // namespace
}  // namespace orrery
