// Networks with linear attention, in all layers or by a pattern: operations, parameters, memory.
// Expected values come from sizes and the formulas of LASP-2 (arXiv:2502.07563, §3).
#include "workloads/linear_attention.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/workloads/inference_fixture.hpp"
#include "tests/workloads/strategy_fixture.hpp"
#include "workloads/inference_graph.hpp"
#include "workloads/kv_cache.hpp"
#include "workloads/parameter_count.hpp"
#include "workloads/transformer_layer.hpp"

namespace orrery {
namespace {

using namespace literals;
using testing::inference_job;
using testing::mistakes;
using testing::network_mistakes;
using testing::ops_labelled;
using testing::shape_of;
using testing::SmallGpt;
using testing::training_job;

/// 8 layers, hidden 256 in 8 heads of 32, and this "linear_attention".
JsonValue network(const std::string& linear) {
  JsonValue value = SmallGpt{.layers = 8, .positions = "rotary", .biases = false}.json();
  JsonValue object = parse_json(linear, "network.json");
  set_origin(object, {value.origin.file, "/linear_attention"});
  value.members.push_back({"linear_attention", std::move(object)});
  return value;
}

std::int64_t total_operations(const Steps& steps, const std::string& label) {
  double sum = 0;
  for (const Step& step : steps) {
    if (step.label == label) sum += step.kernel.operations.as_double();
  }
  return static_cast<std::int64_t>(sum);
}

TEST(LinearAttention, CountsTheProductsOfItsBlocks) {
  const NetworkShape shape = shape_of(network(R"({"pattern": "L"})")).of_layer(true);
  const Division division = {.micro_batch = 2, .sequence_length = 1024, .tensor = 4};
  const Passes passes = layer_passes(shape, division);
  const std::int64_t tokens = 2 * 1024;
  const std::int64_t heads = 8 / 4;
  const std::int64_t d = 32;
  const std::int64_t block = 64;
  // Scores and values of a block, the state's update, its application.
  EXPECT_EQ(total_operations(passes.forward, "attention.linear"),
            tokens * heads * (4 * block * d + 4 * d * d));
  // Five products of a block; two of the state, dQ, dK and dV.
  EXPECT_EQ(total_operations(passes.backward, "attention.linear"),
            tokens * heads * (10 * block * d + 10 * d * d));
  // Linear in the length: none of it is of pairs of tokens.
  EXPECT_EQ(model_operations_per_token(shape, 1024, AttentionSpan::causal),
            model_operations_per_token(shape, 1 << 20, AttentionSpan::causal));
}

TEST(LinearAttention, SequencesShorterThanABlockAreOne) {
  const NetworkShape shape = shape_of(network(R"({"pattern": "L"})")).of_layer(true);
  EXPECT_EQ(linear_core(shape, {.sequence_length = 16}).block, 16);
  EXPECT_EQ(linear_core(shape, {.sequence_length = 512, .sequence = 16}).block, 32);
  EXPECT_EQ(linear_core(shape, {.sequence_length = 512}).block, 64);
}

TEST(LinearAttention, SavesMappedQueriesAndKeysAndBothOutputs) {
  const NetworkShape standard = shape_of(network(R"({"pattern": "LLLN", "gate": true})"));
  const Division division = {.micro_batch = 1, .sequence_length = 512};
  const auto saved = [&](bool linear) {
    std::int64_t sum = 0;
    for (const Step& step : layer_passes(standard.of_layer(linear), division).forward) {
      sum += step.memory.saved.count();
    }
    return sum;
  };
  const std::int64_t state = 2 * 512 * 256;  // bf16, (tokens, hidden)
  const std::int64_t log_sum_exp = 4 * 512 * 8;
  // The gate, mapped queries and keys, the output before its norm; no log-sum-exp.
  EXPECT_EQ(saved(true) - saved(false), 4 * state - log_sum_exp);
}

TEST(LinearAttention, PatternSaysWhichLayersAreLinear) {
  const NetworkShape shape = shape_of(network(R"({"pattern": "LLN", "gate": true})"));
  EXPECT_EQ(shape.linear_layers(), 6);  // LLNLLNLL
  EXPECT_FALSE(shape.is_linear(5));
  const std::int64_t h = 256;
  const NetworkShape plain = shape_of(network(R"({"pattern": "LLN"})"));
  EXPECT_EQ(network_parameters(shape) - network_parameters(plain), 6 * h * h);
}

TEST(LinearAttention, StagesRunAndHoldTheLayersOfThePattern) {
  const std::string keys = R"({"parallel": {"pipeline": 2}, "stages": [5, 3],
      "sequence_length": 128, "micro_batch": 1, "global_batch": 2})";
  const JsonValue value = network(R"({"pattern": "LLLN", "gate": true})");
  const Job job = training_job(value, keys, 2);
  EXPECT_EQ(ops_labelled(job.graph, "forward.attention.linear").size(), 2U * 6U);
  EXPECT_EQ(ops_labelled(job.graph, "forward.attention.flash").size(), 2U * 2U);
  const std::int64_t h = 256;
  const std::int64_t layer = layer_parameters(shape_of(value)).total();
  const std::int64_t ends = 1024 * h;  // embedding; head, whose norm has 2 h
  EXPECT_EQ(testing::static_memory(job.graph, "weights", 0),
            Bytes(2) * (5 * layer + 4 * h * h + ends));
  EXPECT_EQ(testing::static_memory(job.graph, "weights", 1),
            Bytes(2) * (3 * layer + 2 * h * h + ends + 2 * h));
}

TEST(LinearAttention, FullRecomputationRunsEachKindAgain) {
  const Job job = training_job(network(R"({"pattern": "LLLN"})"), R"({"sequence_length": 128,
      "micro_batch": 1, "global_batch": 1, "recompute": {"kind": "full", "every": 2}})",
                               1);
  EXPECT_EQ(ops_labelled(job.graph, "backward.recompute.attention.linear").size(), 6U);
  EXPECT_EQ(ops_labelled(job.graph, "backward.recompute.attention.flash").size(), 2U);
}

TEST(LinearAttention, InferenceKeepsAStateInTheCachesPlace) {
  const JsonValue value = network(R"({"pattern": "LLLN"})");
  const std::string keys = R"({"parallel": {"tensor": 2, "pipeline": 2}, "batch": 4,
      "micro_batches": 1, "input_length": 64, "output_length": 5})";
  const Job job = inference_job(value, keys, 4);
  const std::int64_t d = 32;
  const std::int64_t heads = 8 / 2;
  Bytes states;
  Bytes cache;
  for (const MemoryEffect& effect : job.graph.memory_effects()) {
    if (job.graph.text(effect.category) == "states") states += effect.taken;
    if (job.graph.text(effect.category) == "kv_cache") cache += effect.taken;
  }
  const std::int64_t linear = 6;
  const std::int64_t standard = 2;
  EXPECT_EQ(states, Bytes(4 * linear * 4 * heads * d * d));  // fp32, whatever the length
  EXPECT_EQ(cache, Bytes(2 * 2 * standard * 4 * (64 + 4) * heads * d));
  EXPECT_EQ(ops_labelled(job.graph, "decode.attention.recurrence").size(),
            static_cast<std::size_t>(4 * linear));
  EXPECT_EQ(job.kv_cache->per_token_on_rank, Bytes(2 * 2 * heads * d * standard / 2));
}

TEST(LinearAttention, SaysWhatIsWrong) {
  using Mistakes = std::vector<std::string>;
  const std::string place = "/linear_attention";
  EXPECT_EQ(network_mistakes(network(R"({"pattern": "LXN"})")),
            Mistakes{place + "/pattern: expected letters L (linear) and N (standard), one for each "
                             "layer, with at least one L, got \"LXN\""});
  EXPECT_EQ(
      network_mistakes(network(R"({"pattern": "LLLLLLLLN"})")),
      Mistakes{place + "/pattern: a pattern of 9 layers is longer than the network, which has "
                       "8"});
  JsonValue norms = network(R"({"pattern": "L"})");
  norms.members.push_back({"qk_norm", json_boolean(true)});
  EXPECT_EQ(network_mistakes(norms),
            Mistakes{place + ": linear layers are modelled without latent attention, without norms "
                             "of queries and keys and without a parallel residual"});
}

TEST(GradientMemory, IsTakenAsTheBackwardPassMakesIt) {
  const JsonValue value = SmallGpt{}.json();
  const std::int64_t parameters = network_parameters(shape_of(value));
  const auto job = [&](const std::string& memory) {
    return training_job(value,
                        R"({"sequence_length": 128, "micro_batch": 1, "global_batch": 3,
        "gradient_precision": "bf16", "gradient_memory": ")" +
                            memory + R"("})",
                        1);
  };
  EXPECT_EQ(testing::static_memory(job("kept").graph, "gradients", 0), Bytes(2 * parameters));
  const Job made = job("set_to_none");
  EXPECT_EQ(testing::static_memory(made.graph, "gradients", 0), Bytes(0));
  Bytes taken;  // by the first micro-batch alone
  for (const MemoryEffect& effect : made.graph.memory_effects()) {
    if (made.graph.text(effect.category) != "gradients") continue;
    taken += effect.taken;
    if (effect.freed == Bytes(0)) continue;
    EXPECT_EQ(effect.freed, Bytes(2 * parameters));
    EXPECT_EQ(testing::label_of(made.graph, effect.op), "optimizer.adam");
  }
  EXPECT_EQ(taken, Bytes(2 * parameters));
}

TEST(RuntimeMemory, IsThereAllTheTime) {
  const Job job = training_job(SmallGpt{}.json(), R"({"sequence_length": 128, "micro_batch": 1,
      "global_batch": 1, "runtime_memory": "600 MB"})",
                               1);
  EXPECT_EQ(testing::static_memory(job.graph, "runtime", 0), Bytes(600'000'000));
}

TEST(HostTimes, AreInEveryKernelInFrontOfTheStepAndBesideIt) {
  const Job job = training_job(SmallGpt{}.json(), R"({"sequence_length": 128, "micro_batch": 2,
      "global_batch": 6, "host": {"kernel": "20 us", "step": "1 s", "token": "1 ms",
      "issue": "2 s"}})",
                               1);
  EXPECT_EQ(job.graph.ops().front().kind, OpKind::delay);
  EXPECT_EQ(job.graph.ops().front().delay, 1_s + 128 * 6 * 1_ms);
  const OpId issue = ops_labelled(job.graph, "host.issue").front();
  EXPECT_EQ(job.graph.op(issue).delay, 2_s);
  EXPECT_NE(job.graph.op(issue).stream, job.graph.ops().front().stream);
  const OpId adam = ops_labelled(job.graph, "optimizer.adam").front();
  const auto waits_for = [&](OpId op, OpId on) {
    const auto& all = job.graph.dependencies();
    return std::any_of(all.begin(), all.end(),
                       [&](const Dependency& each) { return each.op == op && each.on == on; });
  };
  EXPECT_TRUE(waits_for(issue, OpId(0)) && waits_for(adam, issue));
  const OpId product = ops_labelled(job.graph, "forward.feed_forward.up").front();
  EXPECT_EQ(job.graph.kernel(job.graph.op(product).kernel).host, Duration(20'000'000));
}

}  // namespace
}  // namespace orrery
