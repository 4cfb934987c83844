// What is kept in the host's memory: bytes that move, memory that falls, order, mistakes.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/workloads/training_fixture.hpp"
#include "workloads/parameter_count.hpp"

namespace orrery {
namespace {

using testing::read_training;
using testing::shape_of;
using testing::SmallGpt;
using testing::training_job;
using testing::workload_json;

Job job_with(const std::string& keys, std::int64_t devices = 1) {
  return training_job(SmallGpt{.layers = 8}.json(),
                      R"({"sequence_length": 128, "micro_batch": 2, "global_batch": 8)" +
                          std::string(keys.empty() ? "" : ", ") + keys + "}",
                      devices);
}

Bytes static_memory(const TaskGraph& graph, const std::string& category) {
  Bytes sum;
  for (const StaticMemory& memory : graph.static_memory()) {
    if (graph.text(memory.category) == category) sum += memory.bytes;  // of each rank
  }
  return sum;
}

Bytes moved(const TaskGraph& graph, const std::string& label, CopyKind kind) {
  Bytes sum;
  for (const Op& op : graph.ops()) {
    if (graph.text(op.label) != label) continue;
    EXPECT_EQ(op.copy, kind) << label;
    sum += op.bytes;
  }
  return sum;
}

/// Most that the first rank holds of a category, in the order in which ops were added.
std::int64_t peak(const TaskGraph& graph, const std::string& category) {
  std::int64_t used = 0;
  std::int64_t most = 0;
  for (const MemoryEffect& effect : graph.memory_effects()) {
    if (graph.text(effect.category) != category) continue;
    used += effect.taken.count() - effect.freed.count();
    most = std::max(most, used);
  }
  EXPECT_EQ(used, 0) << category;
  return most;
}

TEST(Offload, OptimizerStatesGoToTheHostAndAllOfThemComeAndGoOnce) {
  const std::int64_t parameters = network_parameters(shape_of(SmallGpt{.layers = 8}.json()));
  const std::int64_t ranks = 4;
  ASSERT_EQ(parameters % ranks, 0);
  for (const std::string sharding : {"none", "zero1", "fsdp"}) {
    const std::string keys = R"("sharding": {"kind": ")" + sharding + "\"}";
    const Bytes states = Bytes(12) * parameters / (sharding == "none" ? 1 : ranks);
    const Job before = job_with(keys, ranks);
    const Job job = job_with(keys + R"(, "offload": {"optimizer_states": true})", ranks);
    EXPECT_EQ(static_memory(before.graph, "optimizer"), states) << sharding;
    EXPECT_EQ(static_memory(job.graph, "optimizer"), Bytes(0)) << sharding;
    EXPECT_EQ(static_memory(job.graph, "optimizer_on_host"), states) << sharding;
    EXPECT_TRUE(job.graph.is_on_host(job.graph.host_categories().at(0)));
    EXPECT_EQ(moved(job.graph, "optimizer.fetch", CopyKind::host_to_device), states) << sharding;
    EXPECT_EQ(moved(job.graph, "optimizer.store", CopyKind::device_to_host), states) << sharding;
    EXPECT_FALSE(before.graph.uses_host());
  }
}

/// With one micro-batch, no kernel of a layer knows where the others' activations are: what n
/// layers save is missing at the peak, behind the forward pass, as long as another layer's stays.
TEST(Offload, ThePeakFallsByWhatTheOffloadedLayersSave) {
  const std::int64_t s = 128, b = 2, h = 256, all = 8;
  // Norms 2 * 2, qkv 3, attention 1, projection's and down's inputs count there: in units of 2 s b
  // h bytes norm in and out (twice: 4), qkv 3, context 1, up 4, activation 4; and FlashAttention's
  // fp32 log-sum-exp of each row and head.
  const std::int64_t heads = 8;
  const std::int64_t layer = 2 * s * b * h * (4 + 3 + 1 + 4 + 4) + 4 * s * b * heads;
  const auto peak_of = [&](const std::string& more) {
    return peak(
        training_job(SmallGpt{.layers = all}.json(),
                     R"({"sequence_length": 128, "micro_batch": 2, "global_batch": 2)" + more + "}",
                     1)
            .graph,
        "activations");
  };
  const std::int64_t whole = peak_of("");
  for (const std::int64_t n : {1, 3, 7}) {
    const std::string keys =
        R"(, "offload": {"activations": {"layers": )" + std::to_string(n) + "}}";
    EXPECT_EQ(whole - peak_of(keys), n * layer) << n;
  }
  const Job job = job_with(R"("offload": {"activations": {"layers": 3}})");
  const std::int64_t micro_batches = 4;
  EXPECT_EQ(moved(job.graph, "activations.store", CopyKind::device_to_host).count(),
            3 * micro_batches * layer);
  EXPECT_EQ(moved(job.graph, "activations.fetch", CopyKind::host_to_device).count(),
            3 * micro_batches * layer);
}

TEST(Offload, WhateverTheStrategyMemoryIsGivenBackAndDependenciesPointBackwards) {
  for (const std::string strategy :
       {R"("schedule": {"kind": "1f1b"})", R"("schedule": {"kind": "zb_h1"})",
        R"("schedule": {"kind": "interleaved", "virtual_stages": 2})",
        R"("schedule": {"kind": "dualpipe"})", R"("recompute": {"kind": "full", "every": 2})",
        R"("recompute": {"kind": "selective"}, "sharding": {"kind": "zero2"})",
        R"("sharding": {"kind": "fsdp"})"}) {
    for (const std::string prefetch : {"0", "1", "3"}) {
      const Job job = training_job(
          SmallGpt{.layers = 8}.json(),
          R"({"parallel": {"tensor": 2, "pipeline": 2, "data": 2, "sequence_parallel": true},
              "sequence_length": 128, "micro_batch": 2, "global_batch": 32, "offload":
              {"optimizer_states": true, "activations": {"layers": 2, "prefetch": )" +
              prefetch + "}}, " + strategy + "}",
          8);
      std::map<std::pair<Rank, LabelId>, std::int64_t> left;
      for (const MemoryEffect& effect : job.graph.memory_effects()) {
        const Op& op = job.graph.op(effect.op);
        const bool two_sided = op.kind == OpKind::transfer && op.ranks != op.peers;
        for (const RankSetId set : {op.ranks, two_sided ? op.peers : RankSetId()}) {
          if (!set.valid()) continue;
          for (const Rank rank : job.graph.ranks(set)) {
            left[{rank, effect.category}] += effect.taken.count() - effect.freed.count();
          }
        }
      }
      for (const auto& [where, bytes] : left) {
        EXPECT_EQ(bytes, 0) << strategy << ": " << job.graph.text(where.second);
      }
      for (const Dependency& dependency : job.graph.dependencies()) {
        ASSERT_LT(dependency.on, dependency.op) << strategy;
      }
      EXPECT_EQ(moved(job.graph, "activations.store", CopyKind::device_to_host),
                moved(job.graph, "activations.fetch", CopyKind::host_to_device))
          << strategy;
    }
  }
}

TEST(Offload, MistakesAreReportedAtTheirKeys) {
  const auto mistakes = [](const std::string& offload) {
    const JsonValue value = workload_json(
        SmallGpt{.layers = 8}.json(),
        R"({"sequence_length": 128, "micro_batch": 1, "global_batch": 8, "offload": )" + offload +
            "}");
    return read_training(value, 1).mistakes();
  };
  using List = std::vector<std::string>;
  EXPECT_EQ(mistakes(R"({"optimizer_states": true, "activations": {"layers": 8}})"), List{});
  EXPECT_EQ(mistakes(R"({"activations": {"layers": 9}})"),
            List{"/offload/activations/layers: no stage has more than 8 layers, here are 9"});
  EXPECT_EQ(mistakes(R"({"activations": {}})"),
            List{"/offload/activations: missing key \"layers\""});
  EXPECT_EQ(mistakes(R"({"weights": true})").size(), 1U);
  EXPECT_EQ(mistakes(R"({"optimizer_states": 1})").size(), 1U);
  EXPECT_EQ(mistakes(R"({"activations": {"layers": 0}})").size(), 1U);
  EXPECT_EQ(mistakes(R"({"activations": {"layers": 1, "prefetch": -1}})").size(), 1U);
}

TEST(Offload, ItNeedsAHostAndIsResolvedOnlyWhereThereIsSome) {
  const auto read = [](const std::string& offload, bool host) {
    const JsonValue value = workload_json(
        SmallGpt{.layers = 8}.json(),
        R"({"sequence_length": 128, "micro_batch": 1, "global_batch": 8, "offload": )" + offload +
            "}");
    testing::Read result;
    const Registry<WorkloadFactory> workloads = builtin_workloads();
    result.workload =
        workloads.find("transformer_training")
            ->make(JsonCursor(value, result.diagnostics), {.devices = 1, .host_memory = host});
    return result;
  };
  EXPECT_EQ(read(R"({"optimizer_states": true})", false).mistakes(),
            std::vector<std::string>{
                "/offload: the cluster's nodes have no \"host_memory\" to offload to"});
  const auto none = read(R"({"optimizer_states": false})", false);
  ASSERT_NE(none.workload, nullptr);
  EXPECT_EQ(none.workload->resolved().find("offload"), nullptr);
  const auto some = read(R"({"activations": {"layers": 2}})", true);
  ASSERT_NE(some.workload, nullptr);
  EXPECT_EQ(to_text(*some.workload->resolved().find("offload"), false),
            R"({"optimizer_states":false,"activations":{"layers":2,"prefetch":1}})");
}

}  // namespace
}  // namespace orrery
