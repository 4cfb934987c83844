#include "workloads/transformer_layer.hpp"

#include <gtest/gtest.h>

#include "tests/workloads/training_fixture.hpp"
#include "workloads/parameter_count.hpp"
#include "workloads/transformer_ends.hpp"

namespace orrery {
namespace {

using testing::shape_of;
using testing::shipped_network;
using testing::SmallGpt;

double matrix_operations(const Steps& steps) {
  double sum = 0;
  for (const Step& step : steps) {
    if (!step.collective && step.kernel.unit == MathUnit::matrix) {
      sum += step.kernel.operations.as_double();
    }
  }
  return sum;
}

double saved(const Steps& steps) {
  double sum = 0;
  for (const Step& step : steps) {
    sum += step.memory.saved.as_double();
  }
  return sum;
}

std::int64_t bytes_of(const Steps& steps, CollectiveKind kind) {
  std::int64_t sum = 0;
  for (const Step& step : steps) {
    sum += step.collective == kind ? step.bytes.count() : 0;
  }
  return sum;
}

std::int64_t count_of(const Steps& steps, CollectiveKind kind) {
  return std::count_if(steps.begin(), steps.end(),
                       [kind](const Step& step) { return step.collective == kind; });
}

std::int64_t gradients_of(const Steps& steps) {
  std::int64_t sum = 0;
  for (const Step& step : steps) {
    sum += step.gradients;
  }
  return sum;
}

/// GPT-3's shape with materialized attention and dropout: what the published formulas speak of.
struct Published {
  NetworkShape shape = shape_of(shipped_network("gpt3_175b"));
  Division division = {
      .micro_batch = 2, .sequence_length = 2048, .flash_attention = false, .dropout = true};
  double s = 2048;
  double b = 2;
  double h = static_cast<double>(shape.hidden);
  double a = static_cast<double>(shape.heads);
};

TEST(TransformerLayer, NeedsThePublishedOperations) {
  const Published at;
  const Passes layer = layer_passes(at.shape, at.division);
  // Narayanan et al. 2021, appendix: 24 b s h^2 (1 + s / 6h) forward, twice that backward. Exact.
  const double forward = 24 * at.b * at.s * at.h * at.h * (1 + at.s / (6 * at.h));
  EXPECT_NEAR(matrix_operations(layer.forward) / forward, 1, 1e-12);
  EXPECT_NEAR(matrix_operations(layer.backward) / (2 * forward), 1, 1e-12);
  EXPECT_NEAR(model_operations_per_token(at.shape, 2048, AttentionSpan::full) * at.b * at.s,
              96 * forward + 2 * at.b * at.s * at.h * 51200, 1e3);
}

TEST(TransformerLayer, TensorParallelismDividesTheOperations) {
  Published at;
  const double whole = matrix_operations(layer_passes(at.shape, at.division).backward);
  at.division.tensor = 8;
  EXPECT_EQ(8 * matrix_operations(layer_passes(at.shape, at.division).backward), whole);
}

TEST(TransformerLayer, FlashAttentionDoesTheCausalHalfAndComputesScoresAgain) {
  Published at;
  at.division.flash_attention = false;
  const Passes full = layer_passes(at.shape, at.division);
  at.division.flash_attention = true;
  const Passes flash = layer_passes(at.shape, at.division);
  const double products = 4 * at.b * at.s * at.s * at.h;  // both, over the whole matrix
  EXPECT_NEAR(matrix_operations(full.forward) - matrix_operations(flash.forward), products / 2,
              products * 1e-12);
  EXPECT_NEAR(matrix_operations(full.backward) - matrix_operations(flash.backward),
              2 * products - 2.5 * products / 2, products * 1e-12);
}

TEST(TransformerLayer, SavesTheActivationsOfThePaper) {
  Published at;
  const double sbh = at.s * at.b * at.h;
  const double scores = 5 * at.a * at.s / at.h;
  EXPECT_NEAR(saved(layer_passes(at.shape, at.division).forward) / (sbh * (34 + scores)), 1, 1e-9);
  const double t = 8;
  at.division.tensor = 8;
  EXPECT_NEAR(
      saved(layer_passes(at.shape, at.division).forward) / (sbh * (10 + 24 / t + scores / t)), 1,
      1e-9);
  at.division.sequence_parallel = true;
  EXPECT_NEAR(saved(layer_passes(at.shape, at.division).forward) / (sbh / t * (34 + scores)), 1,
              1e-9);
}

TEST(TransformerLayer, FlashAttentionSavesOneNumberPerRowOfScores) {
  Published at;
  at.division.flash_attention = true;
  at.division.dropout = false;
  const double sbh = at.s * at.b * at.h;
  // Without dropout the two masks of the hidden state fall away: 34 - 2.
  EXPECT_NEAR(saved(layer_passes(at.shape, at.division).forward), sbh * 32 + 4 * at.b * at.s * at.a,
              1);
}

TEST(TransformerLayer, GroupedQueriesAndSwigluSaveTheirOwnWidths) {
  const NetworkShape shape = shape_of(shipped_network("llama3_70b"));
  const Division division = {.micro_batch = 1, .sequence_length = 4096};
  const std::int64_t wide = 4 * shape.hidden + 2 * shape.hidden  // norms and their outputs, …
                            + 2 * shape.hidden                   // … attention's output (below)
                            + 2 * (shape.hidden + 2 * shape.kv_heads * shape.head_size)  // Q, K, V
                            + 2 * 3 * shape.feed_forward  // gate, up and their product
                            + 2 * shape.hidden + 4 * shape.heads;
  EXPECT_EQ(saved(layer_passes(shape, division).forward), static_cast<double>(4096 * wide));
}

TEST(TransformerLayer, TensorParallelismReducesTwiceEachWay) {
  Published at;
  at.division.tensor = 8;
  const Passes layer = layer_passes(at.shape, at.division);
  const auto state = static_cast<std::int64_t>(2 * at.b * at.s * at.h);
  for (const Steps* pass : {&layer.forward, &layer.backward}) {
    EXPECT_EQ(count_of(*pass, CollectiveKind::all_reduce), 2);
    EXPECT_EQ(bytes_of(*pass, CollectiveKind::all_reduce), 2 * state);
    EXPECT_EQ(count_of(*pass, CollectiveKind::all_gather), 0);
  }
}

TEST(TransformerLayer, SequenceParallelismGathersAndScattersInstead) {
  Published at;
  at.division.tensor = 8;
  at.division.sequence_parallel = true;
  const Passes layer = layer_passes(at.shape, at.division);
  const auto state = static_cast<std::int64_t>(2 * at.b * at.s * at.h);
  EXPECT_EQ(count_of(layer.forward, CollectiveKind::all_gather), 2);
  EXPECT_EQ(bytes_of(layer.forward, CollectiveKind::all_gather), 2 * state);
  EXPECT_EQ(bytes_of(layer.forward, CollectiveKind::reduce_scatter), 2 * state);
  // The output's gradient, and the saved input once more.
  EXPECT_EQ(count_of(layer.backward, CollectiveKind::all_gather), 4);
  EXPECT_EQ(bytes_of(layer.backward, CollectiveKind::all_gather), 4 * state);
  EXPECT_EQ(bytes_of(layer.backward, CollectiveKind::reduce_scatter), 2 * state);
  EXPECT_EQ(count_of(layer.backward, CollectiveKind::all_reduce), 0);
}

TEST(TransformerLayer, ReductionOfAnInputGradientRunsBesideTheWeightGradient) {
  Published at;
  at.division.tensor = 8;
  const Steps backward = layer_passes(at.shape, at.division).backward;
  for (std::size_t i = 0; i < backward.size(); ++i) {
    if (backward[i].collective) {
      ASSERT_LT(i + 2, backward.size());
      EXPECT_NE(backward[i - 1].label.find("input_gradient"), std::string::npos);
      EXPECT_EQ(backward[i].after, std::vector<int>{1});
      EXPECT_EQ(backward[i + 1].after, std::vector<int>{2});  // not the collective
      EXPECT_EQ(backward[i + 2].after, std::vector<int>{2});  // the collective
    }
  }
}

/// Every way to divide two networks that differ in everything.
template <class Check>
void for_all_divisions(Check check) {
  for (const char* name : {"gpt2", "llama3_8b"}) {
    const NetworkShape shape = shape_of(shipped_network(name));
    for (int bits = 0; bits < 16; ++bits) {
      Division division = {.micro_batch = 2, .sequence_length = 512};
      division.tensor = bits & 1 ? 4 : 1;
      division.sequence_parallel = division.tensor > 1 && (bits & 2);
      division.flash_attention = bits & 4;
      division.dropout = bits & 8;
      const std::int64_t vocabulary = padded_vocabulary(shape, division.tensor);
      check(layer_passes(shape, division), layer_parameters(shape).on_rank(division.tensor));
      check(embedding_passes(shape, division, vocabulary),
            embedding_parameters(shape, vocabulary).on_rank(division.tensor));
      check(head_passes(shape, division, vocabulary, true),
            head_parameters(shape, vocabulary, true).on_rank(division.tensor));
    }
  }
}

TEST(Passes, FreeWhatTheyTake) {
  for_all_divisions(
      [](const Passes& passes, auto) { testing::expect_to_free_what_they_take(passes); });
}

TEST(Passes, FinishTheGradientOfEveryParameter) {
  for_all_divisions([](const Passes& passes, std::int64_t parameters) {
    EXPECT_EQ(gradients_of(passes.forward), 0);
    EXPECT_EQ(gradients_of(passes.backward), parameters);
  });
}

TEST(Head, SumsThreeNumbersPerToken) {
  Published at;
  at.division.tensor = 8;
  const Passes head = head_passes(at.shape, at.division, 51200, true);
  EXPECT_EQ(count_of(head.forward, CollectiveKind::all_reduce), 3);
  EXPECT_EQ(bytes_of(head.forward, CollectiveKind::all_reduce), 3 * 4 * 2 * 2048);
  EXPECT_EQ(count_of(head.backward, CollectiveKind::all_reduce), 1);
}

TEST(Head, SavesTheActivationsOfThePaper) {
  const Published at;
  // Korthikanti et al. 2022, §4.3: 4 s b h (1 + v / h) for norm, logits and cross entropy.
  EXPECT_NEAR(saved(head_passes(at.shape, at.division, 51200, true).forward),
              4 * at.s * at.b * at.h * (1 + 51200 / at.h), 1);
}

TEST(Optimizer, MovesEveryStateOnce) {
  const std::int64_t parameters = 1000;
  const Kernel kernel = optimizer_kernel(parameters, Bytes(4));
  EXPECT_EQ(kernel.read, Bytes(4 + 3 * 4) * parameters);
  EXPECT_EQ(kernel.written, Bytes(3 * 4 + 2 + 4) * parameters);
}

}  // namespace
}  // namespace orrery
