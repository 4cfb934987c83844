// Conformance of all pipeline schedules, and the closed form of each bubble. Passes take whole
// ticks; a stage does what its order says as soon as what it needs is there.
#include "workloads/schedule/pipeline_schedule.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>

namespace orrery {
namespace {

struct Case {
  std::string name;
  PipelineShape shape;
};

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  const Registry<PipelineSchedulerFactory> schedulers = builtin_pipeline_schedulers();
  for (const auto& entry : schedulers.entries()) {
    for (const std::int64_t stages : {1, 2, 3, 4, 8}) {
      for (const std::int64_t virtual_stages : {1, 2, 3}) {
        for (const std::int64_t micro_batches : {1, 2, 3, 8, 16, 21, 32}) {
          const PipelineShape shape{stages, virtual_stages, micro_batches};
          if (entry.make()->refusal(shape).empty()) cases.push_back({entry.name, shape});
        }
      }
    }
  }
  return cases;
}

std::unique_ptr<PipelineScheduler> scheduler(const std::string& name) {
  const Registry<PipelineSchedulerFactory> schedulers = builtin_pipeline_schedulers();
  return schedulers.find(name)->make();
}

std::string describe(const Case& c) {
  return c.name + " " + std::to_string(c.shape.stages) + " x " +
         std::to_string(c.shape.virtual_stages) + ", " + std::to_string(c.shape.micro_batches);
}

/// Runs a schedule whose stages each hold an equal share of the network.
class Ticks {
 public:
  /// A forward pass and the backward pass behind it run one after the other, or as one.
  enum class Pairs { in_turn, as_one };

  Ticks(const PipelineSchedule& schedule, int forward, int input, int weight,
        Pairs pairs = Pairs::in_turn)
      : schedule_(&schedule), forward_(forward), input_(input), weight_(weight), pairs_(pairs) {}

  /// The end of the last pass; nothing when it does not come to an end.
  std::optional<std::int64_t> run() {
    std::vector<std::size_t> next(schedule_->order.size(), 0);
    std::vector<std::int64_t> free(schedule_->order.size(), 0);
    bool moved = true;
    while (moved) {
      moved = false;
      for (std::size_t stage = 0; stage < schedule_->order.size(); ++stage) {
        while (next[stage] < schedule_->order[stage].size()) {
          const std::size_t together = is_pair(stage, next[stage]) ? 2 : 1;
          std::int64_t begin = free[stage];
          std::int64_t work = 0;
          bool ready = true;
          for (std::size_t k = 0; k < together; ++k) {
            const PipelineSlot& slot = schedule_->order[stage][next[stage] + k];
            const auto at = ready_at(stage, slot);
            ready = ready && at.has_value();
            begin = std::max(begin, at.value_or(0));
            work += ticks(slot.pass);
          }
          if (!ready) break;
          free[stage] = begin + work;
          for (std::size_t k = 0; k < together; ++k) {
            const PipelineSlot& slot = schedule_->order[stage][next[stage]++];
            done_[{slot.pass == Pass::backward ? Pass::input_gradient : slot.pass, slot.micro_batch,
                   part_of(stage, slot)}] = free[stage];
          }
          moved = true;
        }
      }
    }
    for (std::size_t stage = 0; stage < next.size(); ++stage) {
      if (next[stage] != schedule_->order[stage].size()) return std::nullopt;
    }
    return *std::max_element(free.begin(), free.end());
  }

  std::int64_t part_of(std::size_t stage, const PipelineSlot& slot) const {
    const auto& route = schedule_->route_of(slot.micro_batch);
    const PipelinePlace place{static_cast<std::int64_t>(stage), slot.chunk};
    return std::find(route.begin(), route.end(), place) - route.begin();
  }

 private:
  /// Of two directions, but for the first at the middle of the pipeline: its backward pass needs
  /// its neighbour's forward pass.
  bool is_pair(std::size_t stage, std::size_t at) const {
    const std::vector<PipelineSlot>& order = schedule_->order[stage];
    if (pairs_ == Pairs::in_turn || at + 1 >= order.size()) return false;
    return order[at].pass == Pass::forward && order[at + 1].pass == Pass::backward &&
           order[at].chunk != order[at + 1].chunk && order[at + 1].micro_batch > 1;
  }

  std::int64_t ticks(Pass pass) const {
    switch (pass) {
      case Pass::forward:
        return forward_;
      case Pass::backward:
        return input_ + weight_;
      case Pass::input_gradient:
        return input_;
      case Pass::weight_gradient:
        return weight_;
    }
    return 0;
  }

  std::optional<std::int64_t> end_of(Pass pass, std::int64_t micro_batch, std::int64_t part) const {
    const auto found = done_.find({pass, micro_batch, part});
    return found == done_.end() ? std::nullopt : std::optional(found->second);
  }

  std::optional<std::int64_t> ready_at(std::size_t stage, const PipelineSlot& slot) const {
    const std::int64_t part = part_of(stage, slot);
    const std::int64_t i = slot.micro_batch;
    if (slot.pass == Pass::forward) {
      return part == 0 ? std::optional<std::int64_t>(0) : end_of(Pass::forward, i, part - 1);
    }
    if (slot.pass == Pass::weight_gradient) return end_of(Pass::input_gradient, i, part);
    const auto own = end_of(Pass::forward, i, part);
    if (part + 1 == schedule_->parts() || !own) return own;
    const auto from = end_of(Pass::input_gradient, i, part + 1);
    return from ? std::optional(std::max(*own, *from)) : std::nullopt;
  }

  const PipelineSchedule* schedule_;
  int forward_;
  int input_;
  int weight_;
  Pairs pairs_;
  std::map<std::tuple<Pass, std::int64_t, std::int64_t>, std::int64_t> done_;
};

TEST(PipelineSchedules, EveryMicroBatchPassesEveryPartOnceEachWay) {
  for (const Case& c : all_cases()) {
    const PipelineSchedule schedule = scheduler(c.name)->schedule(c.shape);
    ASSERT_EQ(schedule.order.size(), static_cast<std::size_t>(c.shape.stages));
    std::multiset<std::tuple<Pass, std::int64_t, std::int64_t>> seen;
    const Ticks ticks(schedule, 1, 1, 1);
    for (std::size_t stage = 0; stage < schedule.order.size(); ++stage) {
      for (const PipelineSlot& slot : schedule.order[stage]) {
        const std::int64_t part = ticks.part_of(stage, slot);
        ASSERT_LT(part, schedule.parts()) << describe(c);
        if (slot.pass == Pass::backward) {
          seen.insert({Pass::input_gradient, slot.micro_batch, part});
          seen.insert({Pass::weight_gradient, slot.micro_batch, part});
        } else {
          seen.insert({slot.pass, slot.micro_batch, part});
        }
      }
    }
    std::multiset<std::tuple<Pass, std::int64_t, std::int64_t>> expected;
    for (const Pass pass : {Pass::forward, Pass::input_gradient, Pass::weight_gradient}) {
      for (std::int64_t i = 0; i < c.shape.micro_batches; ++i) {
        for (std::int64_t part = 0; part < schedule.parts(); ++part)
          expected.insert({pass, i, part});
      }
    }
    EXPECT_EQ(seen, expected) << describe(c);
  }
}

TEST(PipelineSchedules, ComeToAnEnd) {
  for (const Case& c : all_cases()) {
    const PipelineSchedule schedule = scheduler(c.name)->schedule(c.shape);
    EXPECT_TRUE(Ticks(schedule, 1, 1, 1).run()) << describe(c);
  }
}

/// What a stage idles in ticks, for equal stages; a pass through one chunk takes these.
double idle(const Case& c, const PassTimes& times, Ticks::Pairs pairs) {
  const PipelineSchedule schedule = scheduler(c.name)->schedule(c.shape);
  const auto end =
      Ticks(schedule, static_cast<int>(times.forward), static_cast<int>(times.input_gradient),
            static_cast<int>(times.weight_gradient), pairs)
          .run();
  const auto chunks = static_cast<double>(c.shape.virtual_stages * c.shape.micro_batches);
  return static_cast<double>(end.value()) - chunks * times.all();
}

double closed_form(const Case& c, const PassTimes& times) {
  const auto chunks = static_cast<double>(c.shape.virtual_stages);
  return scheduler(c.name)->bubble(c.shape, {chunks * times.forward, chunks * times.input_gradient,
                                             chunks * times.weight_gradient});
}

/// With enough micro-batches to fill the pipeline.
TEST(PipelineSchedules, IdleAsLongAsTheClosedFormSays) {
  for (const Case& c : all_cases()) {
    if (c.shape.micro_batches < 2 * c.shape.stages || c.name == "dualpipe") continue;
    for (const PassTimes& times : {PassTimes{1, 1, 1}, {10, 10, 10}, {6, 9, 6}, {12, 12, 6}}) {
      EXPECT_EQ(idle(c, times, Ticks::Pairs::in_turn), closed_form(c, times)) << describe(c);
    }
  }
}

/// DualPipe's closed form is that of pairs which run as one. In turn, what the forward pass sends
/// leaves earlier, and stages idle less.
TEST(PipelineSchedules, DualPipeIdlesAsLongAsItsClosedFormSaysOrLess) {
  for (const Case& c : all_cases()) {
    if (c.name != "dualpipe") continue;
    for (const PassTimes& times : {PassTimes{1, 1, 1}, {10, 10, 10}, {12, 12, 6}}) {
      EXPECT_EQ(idle(c, times, Ticks::Pairs::as_one), closed_form(c, times)) << describe(c);
      EXPECT_LE(idle(c, times, Ticks::Pairs::in_turn), closed_form(c, times)) << describe(c);
      EXPECT_EQ(idle(c, times, Ticks::Pairs::in_turn) > 0, c.shape.stages > 2) << describe(c);
    }
  }
}

std::int64_t most_in_flight(const std::vector<PipelineSlot>& order) {
  std::int64_t in_flight = 0;
  std::int64_t most = 0;
  for (const PipelineSlot& slot : order) {
    if (slot.pass == Pass::forward) most = std::max(most, ++in_flight);
    if (slot.pass == Pass::backward || slot.pass == Pass::weight_gradient) --in_flight;
  }
  return most;
}

TEST(PipelineSchedules, KeepAsManyMicroBatchesAsPublished) {
  for (const Case& c : all_cases()) {
    const auto& [stages, virtual_stages, micro_batches] = c.shape;
    const PipelineSchedule schedule = scheduler(c.name)->schedule(c.shape);
    for (std::int64_t stage = 0; stage < stages; ++stage) {
      const std::int64_t kept = most_in_flight(schedule.order[static_cast<std::size_t>(stage)]);
      if (c.name == "gpipe") {
        EXPECT_EQ(kept, micro_batches) << describe(c);
      }
      if (c.name == "1f1b") {
        EXPECT_EQ(kept, std::min(stages - stage, micro_batches)) << describe(c);
      }
      if (c.name == "zb_h1") {
        EXPECT_EQ(kept, std::min(stages, micro_batches)) << describe(c);
      }
      if (c.name == "interleaved") {  // chunks; the memory of 1 + (p - 1) / (p v) stages at stage 0
        const std::int64_t ahead = 2 * (stages - 1 - stage) + (virtual_stages - 1) * stages + 1;
        EXPECT_EQ(kept, std::min(ahead, micro_batches * virtual_stages)) << describe(c);
      }
      if (c.name == "dualpipe") {
        EXPECT_EQ(kept, stages + 1) << describe(c) << " " << stage;
      }
    }
  }
}

TEST(PipelineSchedules, OneForwardOneBackwardIsTheOrderOfThePaper) {
  constexpr Pass F = Pass::forward;
  constexpr Pass B = Pass::backward;
  const std::vector<PipelineSlot> first = {{F, 0}, {F, 1}, {F, 2}, {B, 0},
                                           {F, 3}, {B, 1}, {B, 2}, {B, 3}};
  const std::vector<PipelineSlot> last = {{F, 0}, {B, 0}, {F, 1}, {B, 1},
                                          {F, 2}, {B, 2}, {F, 3}, {B, 3}};
  const PipelineSchedule schedule = scheduler("1f1b")->schedule({3, 1, 4});
  EXPECT_EQ(schedule.order[0], first);
  EXPECT_EQ(schedule.order[2], last);
}

TEST(PipelineSchedules, RefuseWhatTheyCannotDo) {
  EXPECT_NE(scheduler("interleaved")->refusal({4, 2, 6}).find("multiple of the 4 stages, not 6"),
            std::string::npos);
  EXPECT_NE(scheduler("interleaved")->refusal({4, 1, 8}), "");
  EXPECT_NE(scheduler("dualpipe")->refusal({3, 1, 12}), "");
  EXPECT_NE(scheduler("dualpipe")->refusal({4, 1, 6}), "");
  EXPECT_EQ(scheduler("dualpipe")->refusal({4, 1, 8}), "");
  EXPECT_NE(scheduler("1f1b")->refusal({4, 2, 8}), "");
}

}  // namespace
}  // namespace orrery
