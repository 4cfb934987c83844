#include <gtest/gtest.h>

#include "tests/sim/graph/graph_fixture.hpp"

namespace orrery {
namespace {

using namespace literals;

class MemoryMeterTest : public ::testing::Test {
 protected:
  void change(Duration at, Rank rank, LabelId category, std::int64_t delta) {
    meter.on_memory(Time(at), rank, category, delta);
  }

  const Rank world_size = 2;
  const LabelId weights{0};
  const LabelId activations{1};
  const LabelId buffers{2};
  const std::int64_t weight_bytes = 100;
  const std::int64_t activation_bytes = 30;
  const std::int64_t buffer_bytes = 50;
  MemoryMeter meter{world_size, 3};
};

TEST_F(MemoryMeterTest, AnUntouchedRankHasAPeakOfNothing) {
  EXPECT_EQ(meter.world_size(), world_size);
  change(1_us, 0, weights, weight_bytes);
  EXPECT_EQ(meter.peak(1).total, 0_B);
  EXPECT_EQ(meter.peak(1).when, Time());
  EXPECT_EQ(meter.peak(1).by_category, std::vector<Bytes>(3));
}

TEST_F(MemoryMeterTest, KeepsTheTimeAndTheCompositionOfThePeak) {
  change(0_us, 0, weights, weight_bytes);
  change(1_us, 0, activations, activation_bytes);
  change(2_us, 0, activations, -activation_bytes);
  change(3_us, 0, buffers, buffer_bytes);  // the peak: buffers are larger
  change(4_us, 0, buffers, -buffer_bytes);
  change(5_us, 0, activations, activation_bytes);
  const MemoryMeter::Peak& peak = meter.peak(0);
  EXPECT_EQ(peak.total, Bytes(weight_bytes + buffer_bytes));
  EXPECT_EQ(peak.when, Time(3_us));
  EXPECT_EQ(peak.by_category[weights.index()], Bytes(weight_bytes));
  EXPECT_EQ(peak.by_category[activations.index()], 0_B);
  EXPECT_EQ(peak.by_category[buffers.index()], Bytes(buffer_bytes));
}

TEST_F(MemoryMeterTest, OfEqualPeaksTheFirstIsKeptAndOneByteMoreReplacesIt) {
  change(1_us, 0, activations, activation_bytes);
  change(2_us, 0, activations, -activation_bytes);
  change(3_us, 0, buffers, activation_bytes);
  EXPECT_EQ(meter.peak(0).when, Time(1_us));
  change(4_us, 0, buffers, 1);
  EXPECT_EQ(meter.peak(0).when, Time(4_us));
  EXPECT_EQ(meter.peak(0).by_category[activations.index()], 0_B);
}

TEST_F(MemoryMeterTest, InUseIsWhatWasTakenLessWhatWasFreed) {
  change(1_us, 0, activations, activation_bytes);
  change(2_us, 0, buffers, buffer_bytes);
  change(3_us, 0, activations, -activation_bytes);
  EXPECT_EQ(meter.in_use(0, activations), 0_B);
  EXPECT_EQ(meter.in_use(0, buffers), Bytes(buffer_bytes));
  EXPECT_EQ(meter.in_use(1, buffers), 0_B);
}

class MemoryMeterOfARun : public GraphFixture {};

TEST_F(MemoryMeterOfARun, BalancesToTheStaticMemoryWhenAllThatIsTakenIsFreed) {
  const Bytes weight_bytes = 7_MiB;
  const Bytes first_bytes = 3_MiB;
  const Bytes second_bytes = 2_MiB;
  const Duration time = 1_us;
  const LabelId weights = graph.label("weights");
  const LabelId activations = graph.label("activations");
  const OpId first = compute("compute", {0, 1}, time);
  const OpId second = compute("compute", {0, 1}, time);
  graph.take_memory(first, activations, first_bytes);
  graph.take_memory(second, activations, second_bytes);
  graph.free_memory(second, activations, first_bytes + second_bytes);
  graph.add_static_memory(graph.rank_set({0}), weights, weight_bytes);
  MemoryMeter meter(kWorldSize, graph.label_count());
  observers.push_back(&meter);
  run();
  EXPECT_EQ(meter.peak(0).total, weight_bytes + first_bytes + second_bytes);
  EXPECT_EQ(meter.peak(1).total, first_bytes + second_bytes);
  EXPECT_EQ(meter.peak(0).when, Time(time));
  for (const Rank rank : {0, 1}) {
    EXPECT_EQ(meter.in_use(rank, activations), 0_B);
    EXPECT_EQ(meter.in_use(rank, weights), rank == 0 ? weight_bytes : 0_B);
  }
}

}  // namespace
}  // namespace orrery
