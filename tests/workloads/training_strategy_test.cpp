// How a step is run: schedules, stages, recomputation, fp8. Expected values come from the
// network's sizes and the formulas of the papers.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/workloads/strategy_fixture.hpp"
#include "workloads/parameter_count.hpp"

namespace orrery {
namespace {

using testing::job_with;
using testing::mistakes;
using testing::ops_labelled;
using testing::read_training;
using testing::shape_of;
using testing::SmallGpt;
using testing::training_job;
using testing::workload_json;

std::vector<std::string> strategies() {
  std::vector<std::string> result;
  for (const std::string schedule :
       {R"("schedule": {"kind": "1f1b"})", R"("schedule": {"kind": "gpipe"})",
        R"("schedule": {"kind": "interleaved", "virtual_stages": 2})",
        R"("schedule": {"kind": "zb_h1"})", R"("schedule": {"kind": "dualpipe"})"}) {
    for (const std::string recompute :
         {"", R"(, "recompute": {"kind": "selective"})", R"(, "recompute": {"kind": "full"})",
          R"(, "recompute": {"kind": "full", "every": 2})"}) {
      for (const std::string sharding :
           {"", R"(, "sharding": {"kind": "zero1"})", R"(, "sharding": {"kind": "zero2"})",
            R"(, "sharding": {"kind": "fsdp", "prefetch": 2})",
            R"(, "sharding": {"kind": "zero3", "reshard_after_forward": false})"}) {
        if (!sharding.empty() && schedule.find("dualpipe") != std::string::npos) continue;
        result.push_back(schedule + recompute + sharding);
      }
    }
  }
  return result;
}

TEST(TrainingStrategy, WhateverItIsMemoryIsGivenBackAndDependenciesPointBackwards) {
  for (const std::string& strategy : strategies()) {
    const Job job = job_with(strategy);
    std::map<std::pair<Rank, LabelId>, std::int64_t> left;
    for (const MemoryEffect& effect : job.graph.memory_effects()) {
      const Op& op = job.graph.op(effect.op);
      for (const RankSetId set : {op.ranks, op.peers}) {
        if (!set.valid()) continue;
        for (const Rank rank : job.graph.ranks(set)) {
          left[{rank, effect.category}] += effect.taken.count() - effect.freed.count();
        }
      }
    }
    for (const auto& [where, bytes] : left) {
      EXPECT_EQ(bytes, 0) << strategy << ": " << job.graph.text(where.second) << " on rank "
                          << where.first;
    }
    for (const Dependency& dependency : job.graph.dependencies()) {
      ASSERT_LT(dependency.on, dependency.op) << strategy;
    }
  }
}

/// The work is the same in any order: schedules and sharding change no kernel of a layer.
TEST(TrainingStrategy, SchedulesAndShardingDoTheSameWork) {
  const auto work = [](const Job& job) {
    std::map<std::string, double> operations;  // by label, over ranks
    for (const Op& op : job.graph.ops()) {
      const std::string& category = job.graph.text(op.category);
      if (op.kind != OpKind::compute || category == "optimizer") continue;
      operations[job.graph.text(op.label)] += job.graph.kernel(op.kernel).operations.as_double() *
                                              static_cast<double>(job.graph.ranks(op.ranks).size());
    }
    return operations;
  };
  const auto expected = work(job_with(""));
  for (const std::string& strategy : strategies()) {
    if (strategy.find("recompute") == std::string::npos) {
      EXPECT_EQ(work(job_with(strategy)), expected) << strategy;
    }
  }
}

TEST(TrainingStrategy, FullRecomputationRunsTheForwardPassOfLayersTwice) {
  const Job job = job_with(R"("recompute": {"kind": "full", "every": 2})");
  for (const std::string name : {"attention.qkv", "feed_forward.down", "attention.softmax"}) {
    const std::size_t forward = ops_labelled(job.graph, "forward." + name).size();
    EXPECT_EQ(forward, 8U * 8U) << name;  // layers x micro-batches
    EXPECT_EQ(ops_labelled(job.graph, "backward.recompute." + name).size(), forward) << name;
  }
  EXPECT_EQ(ops_labelled(job.graph, "backward.recompute.head.logits").size(), 0U);
}

/// Most that a rank holds of a category, in the order in which ops were added.
std::int64_t peak(const TaskGraph& graph, const std::string& category, Rank rank) {
  std::int64_t used = 0;
  std::int64_t most = 0;
  for (const MemoryEffect& effect : graph.memory_effects()) {
    if (graph.text(effect.category) != category) continue;
    const Op& op = graph.op(effect.op);
    if (graph.ranks(op.ranks).front() != rank) continue;
    used += effect.taken.count() - effect.freed.count();
    most = std::max(most, used);
  }
  return most;
}

/// Korthikanti et al. 2022, arXiv:2205.05198, Table 2, for a stage of L layers without embedding
/// and head, one micro-batch: the middle one of three. Where the last layer's scores are computed
/// again, of its 34 s b h those of the feed-forward half (21), the mask of the first residual (1)
/// and the projection's input (2) are gone.
TEST(TrainingStrategy, RecomputedActivationsAreThoseOfThePaper) {
  const double s = 2048, b = 1, h = 6144, a = 64, t = 8, layers = 4;
  const double whole = s * b * h / t * (34 + 5 * a * s / h);
  const double checkpoint = 2 * s * b * h / t;
  const std::map<std::string, double> expected = {
      {R"({"kind": "none"})", layers * whole},
      {R"({"kind": "selective"})", s * b * h / t * ((layers - 1) * 34 + 10 + 5 * a * s / h)},
      {R"({"kind": "full"})", layers * checkpoint + whole - checkpoint},
      {R"({"kind": "full", "every": 2})", layers / 2 * checkpoint + 2 * whole - checkpoint}};
  const SmallGpt network{.layers = 12,
                         .hidden = 6144,
                         .heads = 64,
                         .kv_heads = 64,
                         .feed_forward = 4 * 6144,
                         .vocabulary = 51200};
  for (const auto& [recompute, bytes] : expected) {
    const Job job = training_job(network.json(),
                                 R"({
        "parallel": {"pipeline": 3, "tensor": 8, "sequence_parallel": true},
        "sequence_length": 2048, "micro_batch": 1, "global_batch": 1, "dropout": true,
        "attention": "materialized", "recompute": )" +
                                     recompute + "}",
                                 24);
    const std::int64_t most = peak(job.graph, "activations", 8);
    EXPECT_NEAR(static_cast<double>(most) / bytes, 1, 0.01) << recompute;
  }
}

TEST(TrainingStrategy, StagesMayBeUneven) {
  const auto layers_of = [](const Job& job, Rank rank) {
    std::int64_t count = 0;
    for (const OpId op : ops_labelled(job.graph, "forward.attention.qkv")) {
      count += job.graph.ranks(job.graph.op(op).ranks).front() == rank;
    }
    return count;
  };
  const Job job = training_job(SmallGpt{.layers = 8}.json(), R"({"parallel": {"pipeline": 4},
      "stages": [1, 3, 4, 0], "sequence_length": 128, "micro_batch": 1, "global_batch": 1})",
                               4);
  EXPECT_EQ(layers_of(job, 0), 1);
  EXPECT_EQ(layers_of(job, 1), 3);
  EXPECT_EQ(layers_of(job, 2), 4);
  EXPECT_EQ(layers_of(job, 3), 0);
}

TEST(TrainingStrategy, Fp8MultipliesLinearMapsOfLayersInFp8) {
  const Job job = training_job(SmallGpt{}.json(), R"({"sequence_length": 128, "micro_batch": 1,
      "global_batch": 1, "precision": "fp8"})",
                               1);
  const auto precision = [&](const std::string& label) {
    return job.graph.kernel(job.graph.op(ops_labelled(job.graph, label).at(0)).kernel).precision;
  };
  for (const std::string name :
       {"attention.qkv", "attention.projection", "feed_forward.up", "feed_forward.down"}) {
    EXPECT_EQ(precision("forward." + name), Precision::fp8) << name;
    EXPECT_EQ(precision("backward." + name + ".input_gradient"), Precision::fp8) << name;
    EXPECT_EQ(precision("backward." + name + ".weight_gradient"), Precision::fp8) << name;
    // Read once in two bytes, written twice in one.
    const Kernel& cast = job.graph.kernel(
        job.graph.op(ops_labelled(job.graph, "forward." + name + ".cast").at(0)).kernel);
    EXPECT_EQ(cast.read, cast.written);
  }
  EXPECT_EQ(precision("forward.head.logits"), Precision::bf16);
  EXPECT_EQ(precision("forward.attention.flash"), Precision::bf16);
}

/// Of a forward and a backward pass whose weight gradients wait, the second half computes all
/// weights of linear maps, whatever the form of the layer.
TEST(TrainingStrategy, WeightGradientsWaitInLayersOfEveryForm) {
  JsonValue parallel = SmallGpt{.layers = 8}.json();
  parallel.members.push_back({"parallel_residual", json_boolean(true)});
  for (const JsonValue& network :
       {SmallGpt{.layers = 8}.json(), parallel, testing::latent_network(0)}) {
    const Job job = training_job(network, R"({"parallel": {"tensor": 2, "pipeline": 4,
        "sequence_parallel": true}, "sequence_length": 128, "micro_batch": 1, "global_batch": 8,
        "schedule": {"kind": "zb_h1"}})",
                                 8);
    // The last stage puts off those of three micro-batches: they follow all its input gradients.
    const Rank last = 6;
    std::size_t last_input = 0;
    std::map<std::string, int> waiting;
    for (std::size_t i = 0; i < job.graph.ops().size(); ++i) {
      const Op& op = job.graph.ops()[i];
      const std::string& label = job.graph.text(op.label);
      if (job.graph.ranks(op.ranks).front() != last) continue;
      if (label.ends_with(".input_gradient")) {
        last_input = i;
        waiting.clear();
      }
      if (label.ends_with(".weight_gradient")) ++waiting[label];
    }
    EXPECT_GT(last_input, 0U);
    EXPECT_GE(waiting.size(), 5U);  // of each linear map of a layer, and of the head
    const std::int64_t layers = shape_of(network).layers / 4;
    for (const auto& [label, count] : waiting) {
      const bool head = label.find("head") != std::string::npos;
      EXPECT_GE(count, 4 * (head ? 1 : layers)) << label;
    }
  }
}

TEST(TrainingStrategy, WhatALayerIsNotModelledWithIsRefused) {
  JsonValue parallel = SmallGpt{}.json();
  parallel.members.push_back({"parallel_residual", json_boolean(true)});
  const std::string base = R"({"sequence_length": 128, "micro_batch": 1, "global_batch": 4, )";
  const auto first = [&](const JsonValue& network, const std::string& key) {
    const auto all = read_training(workload_json(network, base + key + "}"), 4).mistakes();
    return all.empty() ? std::string() : all.front();
  };
  EXPECT_EQ(
      first(parallel, R"("recompute": {"kind": "selective"})"),
      "/recompute: selective recomputation of layers with a parallel residual is not modelled");
  const std::string fp8 =
      "/precision: fp8 products of layers with a parallel residual or latent attention are not "
      "modelled";
  EXPECT_EQ(first(parallel, R"("precision": "fp8")"), fp8);
  EXPECT_EQ(first(testing::latent_network(0), R"("precision": "fp8")"), fp8);
  EXPECT_EQ(first(parallel, R"("recompute": {"kind": "full"})"), "");
}

TEST(TrainingStrategy, MistakesAreReportedWhereTheyAre) {
  const std::string base = R"("sequence_length": 128, "micro_batch": 1, "global_batch": 16,
      "parallel": {"pipeline": 4, "data": 2})";
  const auto first = [&](const std::string& key) {
    const auto all = mistakes("{" + base + ", " + key + "}", 8);
    return all.empty() ? std::string() : all.front();
  };
  EXPECT_EQ(first(R"("schedule": {"kind": "1F1B"})"),
            "/schedule/kind: expected one of \"1f1b\", \"gpipe\", \"interleaved\", \"zb_h1\", "
            "\"dualpipe\", got \"1F1B\"; did you mean \"1f1b\"?");
  EXPECT_EQ(first(R"("schedule": {"kind": "interleaved"})"),
            "/schedule: interleaved needs \"virtual_stages\" of at least 2");
  EXPECT_EQ(first(R"("stages": [1, 2, 3])"),
            "/stages: expected the layers of 4 stages, got 3 numbers");
  EXPECT_EQ(first(R"("stages": [1, 2, 3, 4])"),
            "/stages: expected numbers of layers that add up to the network's 8, got a sum of 10");
  EXPECT_EQ(first(R"("recompute": {"kind": "selective", "every": 2})"),
            "/recompute/every: belongs to \"full\" recomputation only");
  EXPECT_EQ(first(R"("sharding": {"kind": "zero1", "group": 3})"),
            "/sharding/group: groups of 3 do not divide the 2 data-parallel ranks");
  EXPECT_EQ(first(R"("sharding": {"kind": "zero2", "prefetch": 3})"),
            "/sharding/prefetch: belongs to sharded weights, \"zero3\" or \"fsdp\", only");
  EXPECT_EQ(
      first(R"("schedule": {"kind": "dualpipe"}, "sharding": {"kind": "zero1"})"),
      "/sharding: dualpipe holds two copies of the network, and sharding them is not modelled");
}

TEST(TrainingStrategy, WhatIsResolvedGivesTheSameAgain) {
  for (const std::string& strategy : strategies()) {
    const std::string keys = R"({"parallel": {"tensor": 2, "pipeline": 4, "data": 2},
        "sequence_length": 128, "micro_batch": 2, "global_batch": 32, )" +
                             strategy + "}";
    const JsonValue network = SmallGpt{.layers = 8}.json();
    const testing::Read once = read_training(workload_json(network, keys), 16);
    ASSERT_NE(once.workload, nullptr) << strategy;
    const std::string resolved = to_text(once.workload->resolved(), false);
    const testing::Read again = read_training(workload_json(network, resolved), 16);
    ASSERT_NE(again.workload, nullptr) << resolved;
    EXPECT_EQ(to_text(again.workload->resolved(), false), resolved);
  }
}

TEST(TrainingStrategy, OnlyTheEndsMayHaveNoLayer) {
  const auto with = [](const std::string& stages) {
    return mistakes(R"({"parallel": {"pipeline": 4}, "sequence_length": 128, "micro_batch": 1,
                        "global_batch": 8, "stages": )" +
                        stages + "}",
                    4);
  };
  EXPECT_EQ(with("[0, 4, 4, 0]"), std::vector<std::string>{});
  EXPECT_EQ(with("[2, 0, 4, 2]"),
            std::vector<std::string>{"/stages: stage 1 has no layer; only the first, with the "
                                     "embedding, and the last, with the head, may have none"});
}

TEST(TrainingStrategy, MegatronsWeightCopyNeedsItsMasterWeightsOnTheDevice) {
  const std::vector<std::string> found =
      mistakes(R"({"sequence_length": 128, "micro_batch": 1, "global_batch": 8,
                   "kernels": "megatron", "offload": {"optimizer_states": true}})",
               1);
  EXPECT_TRUE(std::ranges::any_of(
      found, [](const std::string& text) { return text.starts_with("/kernels: "); }));
}

}  // namespace
}  // namespace orrery
