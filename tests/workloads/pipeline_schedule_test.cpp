#include "workloads/pipeline_schedule.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace orrery {
namespace {

constexpr std::int64_t kStages[] = {1, 2, 3, 8};
constexpr std::int64_t kMicroBatches[] = {1, 2, 3, 8, 21};

template <class Check>
void for_all_schedules(Check check) {
  for (const std::int64_t stages : kStages) {
    for (const std::int64_t micro_batches : kMicroBatches) {
      for (std::int64_t stage = 0; stage < stages; ++stage) {
        check(stage, stages, micro_batches, one_forward_one_backward(stage, stages, micro_batches));
      }
    }
  }
}

TEST(OneForwardOneBackward, RunsEveryPassOnceAndInOrderOfMicroBatches) {
  for_all_schedules([](auto, auto, std::int64_t micro_batches, const auto& order) {
    std::int64_t forward = 0;
    std::int64_t backward = 0;
    for (const PipelineSlot& slot : order) {
      EXPECT_EQ(slot.micro_batch, slot.pass == Pass::forward ? forward++ : backward++);
      EXPECT_LE(backward, forward);
    }
    EXPECT_EQ(forward, micro_batches);
    EXPECT_EQ(backward, micro_batches);
  });
}

TEST(OneForwardOneBackward, KeepsAtMostAsManyInFlightAsStagesAreLeft) {
  for_all_schedules(
      [](std::int64_t stage, std::int64_t stages, std::int64_t micro_batches, const auto& order) {
        std::int64_t in_flight = 0;
        std::int64_t most = 0;
        for (const PipelineSlot& slot : order) {
          in_flight += slot.pass == Pass::forward ? 1 : -1;
          most = std::max(most, in_flight);
        }
        EXPECT_EQ(most, std::min(stages - stage, micro_batches));
      });
}

TEST(OneForwardOneBackward, IsTheOrderOfThePaper) {
  constexpr Pass F = Pass::forward;
  constexpr Pass B = Pass::backward;
  const std::vector<PipelineSlot> first = {{F, 0}, {F, 1}, {F, 2}, {B, 0},
                                           {F, 3}, {B, 1}, {B, 2}, {B, 3}};
  const std::vector<PipelineSlot> last = {{F, 0}, {B, 0}, {F, 1}, {B, 1},
                                          {F, 2}, {B, 2}, {F, 3}, {B, 3}};
  EXPECT_EQ(one_forward_one_backward(0, 3, 4), first);
  EXPECT_EQ(one_forward_one_backward(2, 3, 4), last);
}

}  // namespace
}  // namespace orrery
