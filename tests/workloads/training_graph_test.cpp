#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "tests/workloads/training_fixture.hpp"
#include "workloads/parameter_count.hpp"

namespace orrery {
namespace {

using testing::shape_of;
using testing::shipped_network;
using testing::SmallGpt;
using testing::training_job;

constexpr const char* kAllAxes = R"({
    "parallel": {"tensor": 2, "pipeline": 4, "data": 2, "sequence_parallel": true},
    "sequence_length": 128, "micro_batch": 2, "global_batch": 24, "dropout": true,
    "gradient_bucket": "256 KiB"})";
constexpr std::int64_t kMicroBatches = 24 / (2 * 2);

std::int64_t count(const TaskGraph& graph, const std::string& label) {
  return std::count_if(graph.ops().begin(), graph.ops().end(),
                       [&](const Op& op) { return graph.text(op.label) == label; });
}

/// Changes of memory per (first rank of the op, category), in the order in which ops were added.
template <class Visit>
void replay_memory(const TaskGraph& graph, const std::string& category, Visit visit) {
  std::map<Rank, std::int64_t> in_use;
  for (const MemoryEffect& effect : graph.memory_effects()) {
    const Op& op = graph.op(effect.op);
    if (graph.text(effect.category) != category) {
      continue;
    }
    for (const RankSetId set : {op.ranks, op.peers}) {
      if (!set.valid()) {
        continue;
      }
      std::int64_t& used = in_use[graph.ranks(set).front()];
      used += effect.taken.count() - effect.freed.count();
      visit(graph.ranks(set).front(), used);
    }
  }
}

TEST(TrainingGraph, FreesOnEveryRankWhatItTakes) {
  const Job job = training_job(SmallGpt{}.json(), kAllAxes, 16);
  for (const std::string category : {"activations", "buffers"}) {
    std::map<Rank, std::int64_t> last;
    replay_memory(job.graph, category, [&](Rank rank, std::int64_t used) {
      EXPECT_GE(used, 0);
      last[rank] = used;
    });
    EXPECT_EQ(last.size(), 4U);  // stages
    for (const auto& [rank, used] : last) {
      EXPECT_EQ(used, 0) << category << " on rank " << rank;
    }
  }
}

/// The middle one of three stages holds one layer and nothing else.
TEST(TrainingGraph, ActivationsOfALayerAreThoseOfThePaper) {
  const double s = 2048, b = 2, h = 12288, a = 96, t = 8;
  const double scores = 5 * a * s / h;
  const std::map<std::string, double> expected = {
      {R"("tensor": 1)", s * b * h * (34 + scores)},
      {R"("tensor": 8)", s * b * h * (10 + 24 / t + scores / t)},
      {R"("tensor": 8, "sequence_parallel": true)", s * b * h / t * (34 + scores)}};
  JsonValue network = shipped_network("gpt3_175b");
  network.find("layers")->integer = 3;
  for (const auto& [parallel, bytes] : expected) {
    const std::int64_t tensor = parallel[10] - '0';
    const Job job = training_job(network, R"({"parallel": {"pipeline": 3, )" + parallel + R"(},
        "sequence_length": 2048, "micro_batch": 2, "global_batch": 2, "dropout": true,
        "attention": "materialized"})",
                                 3 * tensor);
    std::int64_t peak = 0;
    replay_memory(job.graph, "activations", [&, middle = tensor](Rank rank, std::int64_t used) {
      peak = rank == middle ? std::max(peak, used) : peak;
    });
    EXPECT_NEAR(static_cast<double>(peak) / bytes, 1, 0.01) << parallel;
  }
}

TEST(TrainingGraph, EarlierStagesHoldMoreMicroBatches) {
  const Job job = training_job(SmallGpt{.layers = 6}.json(), R"({"parallel": {"pipeline": 6},
      "sequence_length": 128, "micro_batch": 1, "global_batch": 8})",
                               6);
  std::map<Rank, std::int64_t> peak;
  replay_memory(job.graph, "activations",
                [&](Rank rank, std::int64_t used) { peak[rank] = std::max(peak[rank], used); });
  const std::int64_t one = peak[4] / 2;  // stages without embedding and head: 1 to 4
  EXPECT_EQ(peak[4], 2 * one);
  EXPECT_EQ(peak[3], 3 * one);
  EXPECT_EQ(peak[1], 5 * one);
}

TEST(TrainingGraph, StaticMemoryIsEighteenBytesPerParameter) {
  const JsonValue network = shipped_network("llama3_8b");
  const Job job = training_job(network, R"({"sequence_length": 128, "micro_batch": 1,
      "global_batch": 1})",
                               1);
  std::int64_t sum = 0;
  for (const StaticMemory& item : job.graph.static_memory()) {
    sum += item.bytes.count();
  }
  EXPECT_EQ(sum, 18 * network_parameters(shape_of(network)));  // 2 + 4 + 12; nothing is padded
}

TEST(TrainingGraph, TensorCollectivesCountPerLayerAndMicroBatch) {
  const Job job = training_job(SmallGpt{.layers = 4}.json(), R"({"parallel": {"tensor": 4},
      "sequence_length": 128, "micro_batch": 2, "global_batch": 6})",
                               4);
  std::int64_t layer_reductions = 0;
  for (const Op& op : job.graph.ops()) {
    const std::string& label = job.graph.text(op.label);
    if (op.kind != OpKind::collective || label.find("cross_entropy") != std::string::npos) {
      continue;
    }
    EXPECT_EQ(op.collective, CollectiveKind::all_reduce);
    EXPECT_EQ(op.bytes, Bytes(2 * 2 * 128 * 256));
    EXPECT_EQ(job.graph.text(op.category), "tensor_parallel");
    const bool of_layer = label.find(".attention.") != std::string::npos ||
                          label.find(".feed_forward.") != std::string::npos;
    layer_reductions += of_layer;
  }
  EXPECT_EQ(layer_reductions, 4 * 3 * 4);  // layers x micro-batches x (two each way)
}

TEST(TrainingGraph, SendsAndReceivesComeInTheSameOrder) {
  const Job job = training_job(SmallGpt{}.json(), kAllAxes, 16);
  const TaskGraph& graph = job.graph;
  std::map<std::pair<RankSetId, StreamId>, std::vector<std::size_t>> order;
  std::int64_t transfers = 0;
  for (std::size_t i = 0; i < graph.ops().size(); ++i) {
    const Op& op = graph.ops()[i];
    if (op.kind != OpKind::transfer) {
      continue;
    }
    ++transfers;
    ASSERT_TRUE(op.peer_stream.valid());
    order[{op.ranks, op.stream}].push_back(i);
    order[{op.peers, op.peer_stream}].push_back(i);
    EXPECT_EQ(op.bytes, Bytes(2 * 2 * 128 / 2 * 256));  // bf16 b s / t h
  }
  EXPECT_EQ(transfers, 2 * (4 - 1) * kMicroBatches);
  // Each send stream has one partner only, whose receive stream holds exactly the same transfers.
  for (const auto& [end, ops] : order) {
    const Op& first = graph.ops()[ops.front()];
    EXPECT_EQ((order[{first.ranks, first.stream}]), (order[{first.peers, first.peer_stream}]));
  }
}

TEST(TrainingGraph, DependenciesPointBackwards) {
  const Job job = training_job(SmallGpt{}.json(), kAllAxes, 16);
  for (const Dependency& dependency : job.graph.dependencies()) {
    EXPECT_LT(dependency.on, dependency.op);
  }
}

TEST(TrainingGraph, GradientsAreReducedOnceInFullBuckets) {
  const std::int64_t bucket = 256 * 1024;
  JsonValue network = SmallGpt{}.json();
  const Job job = training_job(network, R"({"parallel": {"tensor": 2}, "sequence_length": 128,
      "micro_batch": 1, "global_batch": 8, "gradient_bucket": "256 KiB"})",
                               8);
  std::vector<std::int64_t> sizes;
  for (const Op& op : job.graph.ops()) {
    if (job.graph.text(op.label) != "gradients.all_reduce") {
      continue;
    }
    EXPECT_EQ(op.group_size, 4U);
    EXPECT_EQ(job.graph.ranks(op.ranks)[1], 2);  // next in the data group: beyond the tensor group
    sizes.push_back(op.bytes.count());
  }
  ASSERT_GT(sizes.size(), 4U);
  std::int64_t sum = 0;
  for (const std::int64_t size : sizes) {
    sum += size;
  }
  const NetworkShape shape = shape_of(network);
  EXPECT_EQ(sum, 4 * (4 * layer_parameters(shape).on_rank(2) +
                      embedding_parameters(shape, 1024).on_rank(2) +
                      head_parameters(shape, 1024, true).on_rank(2)));
  sizes.pop_back();
  for (const std::int64_t size : sizes) {
    EXPECT_GE(size, bucket);
  }
}

TEST(TrainingGraph, FirstBucketIsReadyBeforeTheBackwardPassEnds) {
  const Job job = training_job(SmallGpt{}.json(), R"({"sequence_length": 128, "micro_batch": 1,
      "global_batch": 4, "gradient_bucket": "256 KiB"})",
                               2);
  const TaskGraph& graph = job.graph;
  std::size_t first_bucket = 0;
  std::size_t last_backward = 0;
  for (std::size_t i = 0; i < graph.ops().size(); ++i) {
    const std::string& category = graph.text(graph.ops()[i].category);
    if (category == "data_parallel" && first_bucket == 0) {
      first_bucket = i;
    }
    if (category == "backward") {
      last_backward = i;
    }
  }
  EXPECT_LT(first_bucket, last_backward);
  EXPECT_EQ(graph.text(graph.ops()[first_bucket - 1].label),
            "backward.head.logits.weight_gradient");
}

TEST(TrainingGraph, NoDataParallelismNoReduction) {
  const Job job = training_job(SmallGpt{}.json(), R"({"sequence_length": 128, "micro_batch": 1,
      "global_batch": 4})",
                               1);
  for (const Op& op : job.graph.ops()) {
    EXPECT_EQ(op.kind, OpKind::compute);
  }
  EXPECT_EQ(count(job.graph, "optimizer.adam"), 1);
}

TEST(TrainingGraph, TiedEmbeddingIsSummedBetweenFirstAndLastStage) {
  const char* keys = R"({"parallel": {"tensor": 2, "pipeline": 2}, "sequence_length": 128,
      "micro_batch": 1, "global_batch": 4})";
  const std::string label = "gradients.tied_embedding.all_reduce";
  EXPECT_EQ(count(training_job(SmallGpt{}.json(), keys, 4).graph, label), 0);
  const Job job = training_job(SmallGpt{.tied_embeddings = true}.json(), keys, 4);
  ASSERT_EQ(count(job.graph, label), 1);
  for (const Op& op : job.graph.ops()) {
    if (job.graph.text(op.label) != label) {
      continue;
    }
    const auto ranks = job.graph.ranks(op.ranks);
    EXPECT_EQ(std::vector<Rank>(ranks.begin(), ranks.end()), (std::vector<Rank>{0, 2, 1, 3}));
    EXPECT_EQ(op.bytes, Bytes(4 * 1024 / 2 * 256));
  }
}

TEST(TrainingGraph, PlacementGivesTheRanks) {
  const Job job = training_job(SmallGpt{}.json(), R"({"parallel": {"tensor": 2, "pipeline": 2},
      "placement": ["pipeline", "data", "tensor"], "sequence_length": 128, "micro_batch": 1,
      "global_batch": 4})",
                               8);
  // rank = p + 2 (d + 2 t): the tensor groups of stage 0 are {0, 4} and {2, 6}.
  const auto ranks = job.graph.ranks(job.graph.ops().front().ranks);
  EXPECT_EQ(std::vector<Rank>(ranks.begin(), ranks.end()), (std::vector<Rank>{0, 4, 2, 6}));
}

TEST(TrainingGraph, TwoBuildsAreEqual) {
  const Job one = training_job(SmallGpt{}.json(), kAllAxes, 16);
  const Job two = training_job(SmallGpt{}.json(), kAllAxes, 16);
  const auto key = [](const Op& op) {
    return std::tuple(op.kind, op.collective, op.stream, op.peer_stream, op.ranks, op.peers,
                      op.group_size, op.label, op.category, op.kernel, op.bytes);
  };
  ASSERT_EQ(one.graph.ops().size(), two.graph.ops().size());
  for (std::size_t i = 0; i < one.graph.ops().size(); ++i) {
    EXPECT_EQ(key(one.graph.ops()[i]), key(two.graph.ops()[i]));
  }
  ASSERT_EQ(one.graph.dependencies().size(), two.graph.dependencies().size());
  for (std::size_t i = 0; i < one.graph.dependencies().size(); ++i) {
    EXPECT_EQ(one.graph.dependencies()[i].op, two.graph.dependencies()[i].op);
    EXPECT_EQ(one.graph.dependencies()[i].on, two.graph.dependencies()[i].on);
  }
}

TEST(TrainingJob, StatesItsTokensAndOperations) {
  const Job job = training_job(shipped_network("gpt3_175b"), R"({
      "parallel": {"tensor": 8, "pipeline": 8}, "sequence_length": 2048, "micro_batch": 1,
      "global_batch": 512})",
                               512);
  const double s = 2048, b = 512, l = 96, h = 12288, v = 51200;
  EXPECT_EQ(job.tokens, s * b);
  // Narayanan et al. 2021, eq. 3, without recomputation: 3/4 of 96 B s l h^2 (1 + s/6h + V/16lh)
  // with 4 passes; the head is not recomputed there either: 3 * 2 B s h V.
  const double layers = 72 * b * s * l * h * h * (1 + s / (6 * h));
  const double head = 6 * b * s * h * v;
  EXPECT_NEAR(job.model_operations_full_attention / (layers + head), 1, 1e-12);
  // Causal: half of the attention, which is the term s / 6h.
  const double causal = 72 * b * s * l * h * h * (1 + s / (12 * h));
  EXPECT_NEAR(job.model_operations / (causal + head), 1, 1e-12);
  EXPECT_TRUE(job.pipelined);
  const auto fact = std::find_if(job.facts.begin(), job.facts.end(),
                                 [](const auto& item) { return item.key == "micro_batches"; });
  ASSERT_NE(fact, job.facts.end());
  EXPECT_EQ(fact->value, 64);
  // 64 micro-batches x 96 layers x some forty steps: one op stands for all 64 ranks of a stage.
  EXPECT_LT(job.graph.ops().size(), 64U * 96 * 50);
}

}  // namespace
}  // namespace orrery
