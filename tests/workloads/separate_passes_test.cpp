// "kernels": "megatron": what runs as a pass of its own, in bytes that the layer's sizes give.
#include "workloads/separate_passes.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/workloads/training_fixture.hpp"
#include "workloads/recomputation.hpp"
#include "workloads/transformer_ends.hpp"
#include "workloads/transformer_layer.hpp"

namespace orrery {
namespace {

using testing::expect_to_free_what_they_take;
using testing::latent_network;
using testing::read_training;
using testing::shape_of;
using testing::SmallGpt;
using testing::training_job;
using testing::workload_json;

std::int64_t traffic(const Steps& steps) {
  std::int64_t sum = 0;
  for (const Step& step : steps) {
    sum += step.kernel.read.count() + step.kernel.written.count();
  }
  return sum;
}

template <class Number>
Number total(const Steps& steps, Number Step::*member) {
  Number sum{};
  for (const Step& step : steps) sum += step.*member;
  return sum;
}

double operations(const Steps& steps) {
  double sum = 0;
  for (const Step& step : steps) {
    if (!step.collective && step.kernel.unit == MathUnit::matrix) {
      sum += step.kernel.operations.as_double();
    }
  }
  return sum;
}

std::int64_t saved(const Steps& steps) {
  std::int64_t sum = 0;
  for (const Step& step : steps) sum += step.memory.saved.count();
  return sum;
}

/// A plain layer with biases, unfused attention and dropout, as Megatron-LM had it.
struct Layer {
  explicit Layer(bool sequence_parallel) { division.sequence_parallel = sequence_parallel; }

  Passes passes(bool megatron) const {
    Division with = division;
    with.megatron_kernels = megatron;
    return layer_passes(shape, with);
  }

  static constexpr std::int64_t kElement = 2;
  NetworkShape shape = shape_of(SmallGpt{}.json());
  Division division = {.micro_batch = 2,
                       .sequence_length = 64,
                       .tensor = 4,
                       .flash_attention = false,
                       .dropout = true,
                       .precision = Precision::fp16};
  std::int64_t part = division.tokens() * shape.hidden / division.tensor;  // of sbh
  std::int64_t own() const { return division.own_tokens() * shape.hidden; }
  /// Elements of the scores on one rank, and those of them that the causal mask covers.
  std::int64_t maps = division.micro_batch * shape.heads / division.tensor;
  std::int64_t masked = maps * division.sequence_length * (division.sequence_length - 1) / 2;
};

TEST(SeparatePasses, AddTheTrafficOfMegatronsKernelsAndSkipMaskedScores) {
  for (const bool sequence_parallel : {false, true}) {
    const Layer layer(sequence_parallel);
    ASSERT_EQ(layer.shape.feed_forward, 4 * layer.shape.hidden);
    const Passes fused = layer.passes(false);
    const Passes megatron = layer.passes(true);
    // Q, K, V's bias: read and written; the context, copied; the softmax reads the mask's half
    // less.
    const std::int64_t forward = 2 * 3 * layer.part + 2 * layer.part - layer.masked;
    EXPECT_EQ(traffic(megatron.forward) - traffic(fused.forward), Layer::kElement * forward);
    // Gradients of Q, K, V joined: read and written. Biases' sums: of Q, K, V, of the up
    // projection, and of the two outputs that are as large as the hidden state. Gradients around
    // both blocks: the norm's written and read once more. The softmax reads its output and a
    // gradient.
    const std::int64_t backward = 2 * 3 * layer.part + 3 * layer.part + 4 * layer.part +
                                  2 * layer.own() + 2 * 2 * layer.own() - 2 * layer.masked;
    EXPECT_EQ(traffic(megatron.backward) - traffic(fused.backward), Layer::kElement * backward);
  }
}

TEST(SeparatePasses, ChangeNeitherProductsNorGradientsNorWhatIsSaved) {
  for (const bool sequence_parallel : {false, true}) {
    const Layer layer(sequence_parallel);
    const Passes fused = layer.passes(false);
    const Passes megatron = layer.passes(true);
    EXPECT_EQ(operations(megatron.forward), operations(fused.forward));
    EXPECT_EQ(operations(megatron.backward), operations(fused.backward));
    EXPECT_EQ(total(megatron.backward, &Step::gradients), total(fused.backward, &Step::gradients));
    EXPECT_EQ(saved(megatron.forward), saved(fused.forward));
    EXPECT_EQ(saved(recompute_core(megatron).forward), saved(recompute_core(fused).forward));
    expect_to_free_what_they_take(megatron);
    expect_to_free_what_they_take(recompute_core(megatron));
  }
}

TEST(SeparatePasses, CrossEntropyReadsItsLogitsOnceMoreForEachSum) {
  Layer layer(true);
  const std::int64_t vocabulary = 1024;
  const Passes fused = head_passes(layer.shape, layer.division, vocabulary, true);
  layer.division.megatron_kernels = true;
  const Passes megatron = head_passes(layer.shape, layer.division, vocabulary, true);
  const std::int64_t full = 4 * layer.division.tokens() * vocabulary / layer.division.tensor;
  EXPECT_EQ(traffic(megatron.forward) - traffic(fused.forward), 2 * full);
  EXPECT_EQ(traffic(megatron.backward) - traffic(fused.backward), 2 * full);
  expect_to_free_what_they_take(megatron);
}

/// Bytes per parameter that the kernels with this label move, all ranks of one stage being alike.
double bytes_per_parameter(const Job& job, const std::string& label) {
  double bytes = 0;
  for (const Op& op : job.graph.ops()) {
    if (op.kind != OpKind::compute || job.graph.text(op.label) != label) continue;
    const Kernel& kernel = job.graph.kernel(op.kernel);
    bytes +=
        (kernel.read + kernel.written).as_double() / static_cast<double>(kernel.shape.front().size);
  }
  return bytes;
}

Job step_of(const std::string& keys) {
  return training_job(SmallGpt{}.json(),
                      R"({"parallel": {"tensor": 2}, "sequence_length": 64,
      "micro_batch": 1, "global_batch": 1, "precision": "fp16", "attention": "materialized")" +
                          keys + "}",
                      2);
}

TEST(SeparatePasses, TheOptimizerClipsUpdatesAndCopiesOneAfterTheOther) {
  const double gradient = 4;  // bytes, as are the master weight, momentum and variance
  const double weight = 2;
  const Job fused = step_of(R"(, "gradient_clipping": true)");
  EXPECT_EQ(bytes_per_parameter(fused, "optimizer.adam"), gradient + 2 * 12 + weight + gradient);
  EXPECT_EQ(bytes_per_parameter(fused, "gradients.clip"), 0);
  EXPECT_EQ(bytes_per_parameter(fused, "optimizer.copy_weights"), 0);
  const Job separate = step_of(R"(, "gradient_clipping": true, "kernels": "megatron")");
  EXPECT_EQ(bytes_per_parameter(separate, "optimizer.adam"), gradient + 2 * 12 + gradient);
  EXPECT_EQ(bytes_per_parameter(separate, "gradients.clip"), 2 * gradient);
  EXPECT_EQ(bytes_per_parameter(separate, "optimizer.copy_weights"), 4 + weight);
  EXPECT_EQ(separate.graph.text(separate.graph.ops().back().label), "optimizer.copy_weights");
  const Job without = step_of(R"(, "kernels": "megatron")");
  EXPECT_EQ(bytes_per_parameter(without, "gradients.clip"), 0) << "nothing is clipped";
}

TEST(SeparatePasses, AreRefusedForLayersThatMegatronDidNotHave) {
  const std::string keys = R"({"sequence_length": 64, "micro_batch": 1, "global_batch": 1,
      "kernels": "megatron"})";
  const std::vector<std::string> expected = {
      "/kernels: Megatron-LM's kernels of layers with a parallel residual, latent or linear "
      "attention are "
      "not modelled"};
  EXPECT_EQ(read_training(workload_json(latent_network(0), keys), 1).mistakes(), expected);
  EXPECT_EQ(
      read_training(workload_json(testing::shipped_network("gpt_neox_20b"), keys), 1).mistakes(),
      expected);
  EXPECT_EQ(read_training(workload_json(SmallGpt{}.json(), keys), 1).mistakes(),
            std::vector<std::string>{});
  const std::string wrong = R"({"sequence_length": 64, "micro_batch": 1, "global_batch": 1,
      "kernels": "eager"})";
  const auto mistakes = read_training(workload_json(SmallGpt{}.json(), wrong), 1).mistakes();
  ASSERT_EQ(mistakes.size(), 1U);
  EXPECT_TRUE(mistakes.front().starts_with("/kernels: expected")) << mistakes.front();
}

}  // namespace
}  // namespace orrery
