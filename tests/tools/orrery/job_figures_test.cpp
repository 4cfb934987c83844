#include "tools/orrery/job_figures.hpp"

#include <gtest/gtest.h>

#include "sim/base/json_value.hpp"
#include "tests/tools/child_program.hpp"
#include "tests/tools/orrery/program.hpp"

namespace orrery {
namespace {

using testing_program::Outcome;
using testing_program::run_orrery;
using testing_program::TemporaryFolder;
using testing_program::write_file;

constexpr Bytes kCapacity{1000};

Op delay_op(TaskGraph& graph, std::vector<Rank> ranks) {
  Op op;
  op.kind = OpKind::delay;
  op.stream = graph.stream("main");
  op.label = op.category = graph.label("delay");
  op.ranks = graph.rank_set(std::move(ranks));
  return op;
}

TEST(TimedFigures, RunFromTheLastEndOfOneOpToThatOfAnother) {
  Job job{.graph = TaskGraph(2), .facts = {}};
  const OpId first = job.graph.add(delay_op(job.graph, {0, 1}));
  const OpId second = job.graph.add(delay_op(job.graph, {1}));
  job.timed_figures = {{.key = "first_s", .from = {}, .to = first},
                       {.key = "each_s", .from = first, .to = second, .parts = 4}};
  const auto span = [](OpId op, std::uint32_t instance, std::int64_t end_s) {
    Span made;
    made.instance = {op, instance};
    made.end = Time(kPicosecondsPerSecond * Duration(end_s));
    return made;
  };
  const std::vector<Span> spans = {span(first, 1, 1), span(first, 0, 3), span(second, 0, 11)};
  const std::vector<TimedValue> values = timed_values(job, spans, [](OpId op) { return op; });
  ASSERT_EQ(values.size(), 2U);
  EXPECT_EQ(values[0].key, "first_s");
  EXPECT_EQ(values[0].seconds, 3);
  EXPECT_EQ(values[1].seconds, (11 - 3) / 4.0);
}

/// Two ranks; rank 1 is fuller. Both hold 100 bytes beside the batch; at their peaks the cache has
/// 10 bytes a token.
struct Served {
  Job job{.graph = TaskGraph(2), .facts = {}};
  MemoryMeter meter{2, 3};

  explicit Served(std::int64_t batch_step) {
    const LabelId weights = job.graph.label("weights");
    const LabelId cache = job.graph.label("kv_cache");
    const LabelId buffers = job.graph.label("buffers");
    job.graph.add_static_memory(job.graph.rank_set({0, 1}), weights, Bytes(100));
    job.kv_cache = {.category = cache,
                    .per_token_on_rank = Bytes(10),
                    .per_token = Bytes(20),
                    .batch = 4,
                    .batch_step = batch_step};
    for (const Rank rank : {0, 1}) {
      meter.on_memory(Time(), rank, weights, 100);
      meter.on_memory(Time(), rank, cache, 160);
      meter.on_memory(Time(), rank, buffers, rank == 1 ? 40 : 0);
    }
  }
};

DeviceSpec device() {
  DeviceSpec device;
  device.memory_capacity = kCapacity;
  return device;
}

TEST(KvCacheRoom, IsWhatTheFullestDeviceLeaves) {
  const Served served(1);
  const auto room = kv_cache_room(served.job, served.job.graph, served.meter, device());
  ASSERT_TRUE(room);
  EXPECT_EQ(room->per_token, Bytes(20));
  EXPECT_EQ(room->capacity_tokens, (1000 - 100 - 40) / 10);
  EXPECT_EQ(room->largest_batch, (1000 - 100) / ((160 + 40) / 4));
}

TEST(KvCacheRoom, TheBatchIsWholeMicroBatches) {
  const Served served(4);
  EXPECT_EQ(kv_cache_room(served.job, served.job.graph, served.meter, device())->largest_batch, 16);
}

TEST(KvCacheRoom, IsNothingWhereTheWeightsDoNotFit) {
  DeviceSpec small = device();
  small.memory_capacity = Bytes(90);
  const Served served(1);
  const auto room = kv_cache_room(served.job, served.job.graph, served.meter, small);
  ASSERT_TRUE(room);
  EXPECT_EQ(room->capacity_tokens, 0);
  EXPECT_EQ(room->largest_batch, 0);
}

TEST(KvCacheRoom, IsNotSaidOfAJobWithoutACache) {
  const Job job{.graph = TaskGraph(1), .facts = {}};
  EXPECT_FALSE(kv_cache_room(job, job.graph, MemoryMeter(1, 0), device()));
}

TEST(KvCacheRoom, TheLargestBatchFitsAndTheNextDoesNot) {
  const TemporaryFolder folder;
  const std::string scenario = (folder / "scenario.json").string();
  write_file(scenario, R"({"orrery": 1, "cluster": "a10_pcie_4", "workload": {
      "kind": "transformer_inference", "network": "llama3_8b", "parallel": {"tensor": 4},
      "batch": 3, "input_length": 512, "output_length": 2}})");
  const auto result = [&](std::int64_t batch, int exit_code) {
    const Outcome outcome = run_orrery(
        {"run", scenario, "--json", "--set", "/workload/batch=" + std::to_string(batch)});
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.err;
    return parse_json(outcome.out, "result");
  };
  const std::int64_t largest = value_at(result(3, 0), "/kv_cache/largest_batch")->integer;
  EXPECT_GT(largest, 3);
  EXPECT_EQ(value_at(result(largest, 0), "/kv_cache/largest_batch")->integer, largest);
  EXPECT_FALSE(result(largest + 1, 3).find("fits")->boolean);
}

}  // namespace
}  // namespace orrery
