#include "workloads/inference_graph.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/workloads/inference_fixture.hpp"
#include "workloads/parameter_count.hpp"

namespace orrery {
namespace {

using testing::inference_job;
using testing::shape_of;
using testing::shipped_network;
using testing::SmallGpt;

constexpr const char* kAllAxes = R"({"parallel": {"tensor": 2, "pipeline": 2, "data": 2},
    "batch": 6, "micro_batches": 3, "input_length": 32, "output_length": 5})";
constexpr std::int64_t kMicroBatches = 3;
constexpr std::int64_t kPasses = 5;

std::vector<const Op*> ops_named(const TaskGraph& graph, const std::string& label) {
  std::vector<const Op*> found;
  for (const Op& op : graph.ops()) {
    if (graph.text(op.label) == label) found.push_back(&op);
  }
  return found;
}

/// By category and first rank of the ops: what was taken in all, and what is left at the end.
struct Account {
  std::int64_t taken = 0;
  std::int64_t left = 0;
};
std::map<std::pair<std::string, Rank>, Account> memory_of(const TaskGraph& graph) {
  std::map<std::pair<std::string, Rank>, Account> accounts;
  for (const MemoryEffect& effect : graph.memory_effects()) {
    const Op& op = graph.op(effect.op);
    for (const RankSetId set : {op.ranks, op.peers}) {
      if (!set.valid()) continue;
      Account& account = accounts[{graph.text(effect.category), graph.ranks(set).front()}];
      account.taken += effect.taken.count();
      account.left += effect.taken.count() - effect.freed.count();
      EXPECT_GE(account.left, 0);
    }
  }
  return accounts;
}

double fact(const Job& job, const std::string& key) {
  for (const WorkloadFact& item : job.facts) {
    if (item.key == key) return item.value;
  }
  ADD_FAILURE() << key;
  return 0;
}

TEST(InferenceGraph, TheCacheIsTwoVectorsOfEachHeadAndLayer) {
  const std::string keys = R"(, "batch": 1, "input_length": 16, "output_length": 2)";
  const auto cache = [&](const std::string& more, std::int64_t devices) {
    return *inference_job(shipped_network("llama3_8b"), "{" + more + keys + "}", devices).kv_cache;
  };
  const std::int64_t token = 2 * 32 * 8 * 128;  // keys and values, layers, heads, their size
  EXPECT_EQ(cache(R"("parallel": {})", 1).per_token, Bytes(token * 2)) << "131 072 bytes in bf16";
  EXPECT_EQ(cache(R"("kv_precision": "fp8")", 1).per_token, Bytes(token));
  const KvCacheDemand divided = cache(R"("parallel": {"tensor": 4, "pipeline": 2})", 8);
  EXPECT_EQ(divided.per_token_on_rank, Bytes(token * 2 / 8));
  EXPECT_EQ(divided.per_token, Bytes(token * 2));
  const KvCacheDemand copied = cache(R"("parallel": {"tensor": 16})", 16);
  EXPECT_EQ(copied.per_token_on_rank, Bytes(token * 2 / 8)) << "one head cannot be divided";
  EXPECT_EQ(copied.per_token, Bytes(token * 2 * 2));
}

TEST(InferenceGraph, TheCacheGrowsByWhatEveryPassWritesAndIsGivenBack) {
  const Job job = inference_job(SmallGpt{}.json(), kAllAxes, 8);
  const auto accounts = memory_of(job.graph);
  const std::int64_t tokens = 6 * (32 + kPasses - 1);  // the last one is not read again
  int stages = 0;
  for (const auto& [place, account] : accounts) {
    EXPECT_EQ(account.left, 0) << place.first << " on rank " << place.second;
    if (place.first == "kv_cache") {
      EXPECT_EQ(account.taken, tokens * job.kv_cache->per_token_on_rank.count());
      ++stages;
    }
  }
  EXPECT_EQ(stages, 2);
}

TEST(InferenceGraph, WeightsAreThoseOfTheNetwork) {
  const NetworkShape shape = shape_of(SmallGpt{}.json());
  const auto weights = [](const Job& job) {
    std::int64_t sum = 0;
    for (const StaticMemory& memory : job.graph.static_memory()) {
      EXPECT_EQ(job.graph.text(memory.category), "weights");
      sum += memory.bytes.count();
    }
    return sum;
  };
  // 1024 tokens need no padding on one rank, so that all parameters are there.
  const std::string keys = R"("batch": 1, "input_length": 16, "output_length": 2})";
  EXPECT_EQ(weights(inference_job(SmallGpt{}.json(), "{" + keys, 1)),
            2 * network_parameters(shape));
  EXPECT_EQ(
      weights(inference_job(SmallGpt{}.json(), R"({"parallel": {"pipeline": 4}, )" + keys, 4)),
      2 * network_parameters(shape));
  const std::int64_t matrices = 4 * 256 * (3 * 256 + 256 + 2 * 1024);
  EXPECT_EQ(
      weights(inference_job(SmallGpt{}.json(), R"({"weights_precision": "int4", )" + keys, 1)),
      2 * (network_parameters(shape) - matrices) + matrices / 2);
  const SmallGpt tied{.tied_embeddings = true};
  EXPECT_EQ(weights(inference_job(tied.json(), "{" + keys, 1)),
            2 * network_parameters(shape_of(tied.json())));
}

TEST(InferenceGraph, EveryPassReducesTwicePerLayerAndGathersTheLogits) {
  const Job job = inference_job(SmallGpt{}.json(), kAllAxes, 8);
  for (const std::string part : {"attention.projection", "feed_forward.down"}) {
    const auto prefill = ops_named(job.graph, "prefill." + part + ".all_reduce");
    const auto decode = ops_named(job.graph, "decode." + part + ".all_reduce");
    ASSERT_EQ(prefill.size(), static_cast<std::size_t>(kMicroBatches * 4));
    ASSERT_EQ(decode.size(), static_cast<std::size_t>(kMicroBatches * 4 * (kPasses - 1)));
    EXPECT_EQ(prefill.front()->bytes, Bytes(2 * 2 * 32 * 256));  // bf16, sequences, tokens, hidden
    EXPECT_EQ(decode.front()->bytes, Bytes(2 * 2 * 256));
  }
  const auto gathers = ops_named(job.graph, "prefill.head.all_gather");
  ASSERT_EQ(gathers.size(), static_cast<std::size_t>(kMicroBatches));
  EXPECT_EQ(gathers.front()->bytes, Bytes(2 * 2 * 1024)) << "of the last tokens only";
}

TEST(InferenceGraph, TokensGoBackToTheFirstStageButForTheLast) {
  const Job job = inference_job(SmallGpt{}.json(), kAllAxes, 8);
  const auto tokens = ops_named(job.graph, "token");
  ASSERT_EQ(tokens.size(), static_cast<std::size_t>(kMicroBatches * (kPasses - 1)));
  EXPECT_EQ(tokens.front()->bytes, Bytes(4 * 2));
  const auto states = ops_named(job.graph, "pipeline");
  ASSERT_EQ(states.size(), static_cast<std::size_t>(kMicroBatches * kPasses));
  EXPECT_EQ(states.front()->bytes, Bytes(2 * 2 * 2 * 32 * 256)) << "and the residual stream";
}

TEST(InferenceGraph, AttentionReadsTheCacheAtItsExactLength) {
  const Job job = inference_job(SmallGpt{}.json(), kAllAxes, 8);
  const auto attention = ops_named(job.graph, "decode.attention.flash");
  ASSERT_EQ(attention.size(), static_cast<std::size_t>(kMicroBatches * 4 * (kPasses - 1)));
  const std::int64_t head = 256 / 8;
  for (std::int64_t step = 1; step < kPasses; ++step) {
    const std::int64_t keys = 32 + step;
    const Kernel& kernel = job.graph.kernel(
        attention[static_cast<std::size_t>((step - 1) * kMicroBatches * 4)]->kernel);
    EXPECT_EQ(kernel.operations, Flops(4 * 2 * keys * 4 * head)) << "2 sequences, 4 heads";
    EXPECT_EQ(kernel.read, Bytes(2 * 2 * (4 * head) + 2 * 2 * (2 * 4 * head) * keys));
    EXPECT_EQ(kernel.written, Bytes(2 * 2 * 4 * head));
  }
  // Prefill: the i-th of 32 tokens looks at i.
  const auto prefill = ops_named(job.graph, "prefill.attention.flash");
  EXPECT_EQ(job.graph.kernel(prefill.front()->kernel).operations,
            Flops(4 * 2 * (32 * 33 / 2) * 4 * head));
}

TEST(InferenceGraph, QuantisedWeightsAreReadInTheirSizeAndComputedAsBefore) {
  const std::string keys = R"("batch": 2, "input_length": 16, "output_length": 2})";
  const Job plain = inference_job(SmallGpt{}.json(), "{" + keys, 1);
  const Job packed =
      inference_job(SmallGpt{}.json(), R"({"weights_precision": "int4", )" + keys, 1);
  const auto kernel = [](const Job& job, const std::string& label) {
    return job.graph.kernel(ops_named(job.graph, label).front()->kernel);
  };
  const Kernel before = kernel(plain, "decode.feed_forward.up");
  const Kernel after = kernel(packed, "decode.feed_forward.up");
  EXPECT_EQ(before.read - after.read, Bytes(256 * 1024 * 2 - 256 * 1024 / 2));
  EXPECT_EQ(before.written, after.written);
  EXPECT_EQ(before.operations, after.operations);
  EXPECT_EQ(after.precision, Precision::bf16);
  EXPECT_EQ(kernel(plain, "decode.head.logits").read, kernel(packed, "decode.head.logits").read);
}

TEST(InferenceGraph, OnlyTheFirstKernelOfAGraphCostsTheHostTime) {
  const auto waiting = [](const std::string& launch, const std::string& phase) {
    const Job job = inference_job(SmallGpt{}.json(),
                                  R"({"parallel": {"pipeline": 2}, "batch": 2, "input_length": 16,
        "output_length": 4, "host_launch": "9 us", "launch": ")" +
                                      launch + "\"}",
                                  2);
    std::int64_t number = 0;
    for (const Op& op : job.graph.ops()) {
      if (op.kind == OpKind::compute && job.graph.text(op.category) == phase) {
        const Duration host = job.graph.kernel(op.kernel).host;
        EXPECT_TRUE(host == Duration(0) || host == Duration(9'000'000));
        number += host > Duration(0) ? 1 : 0;
      }
    }
    return number;
  };
  const std::int64_t kernels = 4 * 9 + 2 + 3;  // of both stages, without rotary positions
  EXPECT_EQ(waiting("eager", "decode"), 2 * 3 * kernels) << "2 micro-batches, 3 steps";
  EXPECT_EQ(waiting("graph", "decode"), 2 * 3 * 2) << "a graph for each of the 2 stages";
  EXPECT_EQ(waiting("eager", "prefill"), 2 * kernels);
  EXPECT_EQ(waiting("graph", "prefill"), 2 * kernels);
}

TEST(InferenceJob, StatesItsTokensAndOperations) {
  const Job job = inference_job(shipped_network("llama3_8b"), R"({"parallel": {"data": 2},
      "batch": 3, "input_length": 100, "output_length": 8})",
                                2);
  const NetworkShape shape = shape_of(shipped_network("llama3_8b"));
  EXPECT_EQ(job.headline, "latency_s");
  EXPECT_EQ(job.tokens, 2 * 3 * 8);
  EXPECT_EQ(fact(job, "kv_cache_bytes_per_token"), 131072);
  EXPECT_EQ(fact(job, "cached_tokens"), 107);
  // Every token but the last goes through all layers, eight of them through the head; each looks at
  // those before it and (on average in prefill, half of) itself.
  const double weights = 2.0 * 32 * (4096.0 * (4096 + 2 * 1024 + 4096) + 3 * 4096.0 * 14336);
  const double head = 2.0 * 4096 * static_cast<double>(shape.vocabulary);
  const double looked_at = 100 * 50 + (101 + 102 + 103 + 104 + 105 + 106 + 107);
  const double expected = 107 * weights + 8 * head + 32 * 4.0 * 4096 * looked_at;
  EXPECT_NEAR(job.model_operations, 6 * expected, 1e-12 * 6 * expected);
}

TEST(InferenceJob, WithOneTokenThereIsNoTimePerToken) {
  const auto keys = [](int output) {
    return R"({"batch": 1, "input_length": 16, "output_length": )" + std::to_string(output) + "}";
  };
  const Job one = inference_job(SmallGpt{}.json(), keys(1), 1);
  ASSERT_EQ(one.timed_figures.size(), 1U);
  EXPECT_EQ(one.timed_figures[0].key, "time_to_first_token_s");
  const Job two = inference_job(SmallGpt{}.json(), keys(2), 1);
  ASSERT_EQ(two.timed_figures.size(), 2U);
  EXPECT_EQ(two.timed_figures[1].key, "time_per_output_token_s");
  EXPECT_EQ(two.timed_figures[1].parts, 1);
  EXPECT_EQ(two.timed_figures[1].to.index(), two.graph.ops().size() - 1);
}

}  // namespace
}  // namespace orrery
