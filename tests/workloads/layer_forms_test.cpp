// Layers other than the plain one: parallel residual, norms of queries and keys, latent attention,
// sliding window, fewer key-value heads than ranks.
#include <gtest/gtest.h>

#include "tests/workloads/training_fixture.hpp"
#include "workloads/attended_pairs.hpp"
#include "workloads/parameter_count.hpp"
#include "workloads/transformer_layer.hpp"

namespace orrery {
namespace {

using testing::latent_network;
using testing::shape_of;
using testing::shipped_network;
using testing::SmallGpt;

struct Sums {
  double operations = 0;  // of matrix products
  std::int64_t gradients = 0;
  std::int64_t all_reduces = 0;
  std::int64_t all_gathers = 0;
  Bytes reduced;
  Bytes saved;
};

Sums sums_of(const Steps& steps) {
  Sums sums;
  for (const Step& step : steps) {
    sums.gradients += step.gradients;
    sums.saved += step.memory.saved;
    if (!step.collective && step.kernel.unit == MathUnit::matrix) {
      sums.operations += step.kernel.operations.as_double();
    }
    if (step.collective == CollectiveKind::all_reduce) {
      sums.all_reduces += 1;
      sums.reduced += step.bytes;
    }
    sums.all_gathers += step.collective == CollectiveKind::all_gather;
  }
  return sums;
}

NetworkShape with_qk_norm(NetworkShape shape) {
  shape.qk_norm = true;
  return shape;
}

std::vector<NetworkShape> all_forms() {
  NetworkShape shared = shape_of(SmallGpt{}.json());
  shared.form = LayerForm::shared_norm;
  NetworkShape few = shape_of(SmallGpt{.kv_heads = 2}.json());
  return {shape_of(shipped_network("gpt_neox_20b")),
          shape_of(shipped_network("falcon_40b")),
          shared,
          with_qk_norm(shape_of(SmallGpt{}.json())),
          few,
          shape_of(latent_network(96)),
          shape_of(latent_network(0))};
}

NetworkShape linear_layer(std::int64_t kv_heads, bool gate) {
  NetworkShape shape = shape_of(SmallGpt{.kv_heads = kv_heads}.json());
  shape.linear = {.pattern = "L", .block = 64, .gate = gate};
  return shape.of_layer(true);
}

template <class Check>
void for_all(Check check) {
  std::vector<NetworkShape> forms = all_forms();
  forms.push_back(linear_layer(8, true));
  forms.push_back(linear_layer(2, false));
  for (const NetworkShape& shape : forms) {
    for (int bits = 0; bits < 16; ++bits) {
      Division division = {.micro_batch = 2, .sequence_length = 512};
      division.tensor = bits & 1 ? 4 : 1;
      division.sequence_parallel = division.tensor > 1 && (bits & 2);
      division.flash_attention = bits & 4;
      division.dropout = bits & 8;
      check(shape, division, layer_passes(shape, division));
    }
  }
}

TEST(LayerForms, FreeWhatTheyTake) {
  for_all([](const NetworkShape&, const Division&, const Passes& passes) {
    testing::expect_to_free_what_they_take(passes);
  });
}

TEST(LayerForms, FinishTheGradientOfEveryParameter) {
  for_all([](const NetworkShape& shape, const Division& division, const Passes& passes) {
    EXPECT_EQ(sums_of(passes.forward).gradients, 0);
    EXPECT_EQ(sums_of(passes.backward).gradients,
              layer_parameters(shape, division.tensor).on_rank(division.tensor));
  });
}

TEST(LayerForms, ProductsAreTheModelsOperations) {
  for (const NetworkShape& shape : all_forms()) {
    const Division division = {.micro_batch = 2, .sequence_length = 512};
    const Passes passes = layer_passes(shape, division);
    const double head = 2.0 * static_cast<double>(shape.hidden * shape.vocabulary);
    const double layers = model_operations_per_token(shape, division, AttentionSpan::causal) - head;
    const double forward =
        layers / static_cast<double>(shape.layers) * static_cast<double>(division.tokens());
    EXPECT_NEAR(sums_of(passes.forward).operations / forward, 1, 1e-12);
    // Twice that backward, and FlashAttention's scores once more: 5 products for 4.
    const double pairs = static_cast<double>(twice_causal_pairs(shape, division));
    const double core = pairs * static_cast<double>(shape.query_size() + shape.context_size());
    EXPECT_NEAR(sums_of(passes.backward).operations / (2 * forward + core / 2), 1, 1e-12);
  }
}

TEST(ParallelResidual, ReducesOnceForward) {
  const Division division = {.micro_batch = 2, .sequence_length = 512, .tensor = 8};
  for (const LayerForm form : {LayerForm::parallel, LayerForm::shared_norm}) {
    NetworkShape shape = shape_of(SmallGpt{}.json());
    shape.form = form;
    const Passes passes = layer_passes(shape, division);
    EXPECT_EQ(sums_of(passes.forward).all_reduces, 1);
    // Each norm has a gradient of its own to pass on.
    EXPECT_EQ(sums_of(passes.backward).all_reduces, form == LayerForm::shared_norm ? 1 : 2);
  }
}

TEST(ParallelResidual, GathersOnceWhatBothBlocksRead) {
  Division division = {.micro_batch = 2, .sequence_length = 512, .tensor = 8};
  division.sequence_parallel = true;
  NetworkShape shape = shape_of(SmallGpt{}.json());
  shape.form = LayerForm::shared_norm;
  EXPECT_EQ(sums_of(layer_passes(shape, division).forward).all_gathers, 1);
  EXPECT_EQ(sums_of(layer_passes(shape, division).backward).all_gathers, 2);
  shape.form = LayerForm::parallel;
  EXPECT_EQ(sums_of(layer_passes(shape, division).forward).all_gathers, 2);
  EXPECT_EQ(sums_of(layer_passes(shape, division).backward).all_gathers, 3);
}

TEST(ParallelResidual, SavesTheInputOfItsBlocksOnce) {
  const Division division = {.micro_batch = 2, .sequence_length = 512};
  NetworkShape shape = shape_of(SmallGpt{}.json());
  const Bytes state = Bytes(2) * division.tokens() * shape.hidden;
  const Bytes sequential = sums_of(layer_passes(shape, division).forward).saved;
  shape.form = LayerForm::parallel;
  EXPECT_EQ(sequential - sums_of(layer_passes(shape, division).forward).saved, state);
  shape.form = LayerForm::shared_norm;
  EXPECT_EQ(sequential - sums_of(layer_passes(shape, division).forward).saved, state * 2);
}

TEST(QkNorm, SavesNormedQueriesAndKeysBesideTheOthers) {
  const Division division = {.micro_batch = 2, .sequence_length = 512, .tensor = 2};
  const NetworkShape plain = shape_of(SmallGpt{.kv_heads = 4}.json());
  const Bytes more = sums_of(layer_passes(with_qk_norm(plain), division).forward).saved -
                     sums_of(layer_passes(plain, division).forward).saved;
  EXPECT_EQ(more, Bytes(2) * division.tokens() * ((plain.query_size() + plain.key_size()) / 2));
}

TEST(LatentAttention, ReducesTheGradientsOfLatentsInsteadOfTheHiddenState) {
  const Division division = {.micro_batch = 2, .sequence_length = 512, .tensor = 8};
  const NetworkShape shape = shape_of(latent_network(96));
  const Bytes hidden = Bytes(2) * division.tokens() * shape.hidden;
  const Passes passes = layer_passes(shape, division);
  EXPECT_EQ(sums_of(passes.forward).reduced, hidden * 2);
  // The feed-forward block's input; the query's latent; the other and the shared part of the key.
  EXPECT_EQ(sums_of(passes.backward).reduced,
            hidden + Bytes(2) * division.tokens() * (96 + 64 + 16));
  const Passes direct = layer_passes(shape_of(latent_network(0)), division);
  EXPECT_EQ(sums_of(direct.backward).reduced,
            hidden * 2 + Bytes(2) * division.tokens() * (64 + 16));
}

TEST(LatentAttention, RanksRepeatTheMapsDownUnlessSequenceParallelismDividesThem) {
  Division division = {.micro_batch = 2, .sequence_length = 512};
  const NetworkShape shape = shape_of(latent_network(96));
  const double whole = sums_of(layer_passes(shape, division).forward).operations;
  const double down = 2.0 * static_cast<double>(division.tokens() * shape.hidden * (96 + 64 + 16));
  division.tensor = 8;
  EXPECT_NEAR(sums_of(layer_passes(shape, division).forward).operations, (whole - down) / 8 + down,
              1);
  division.sequence_parallel = true;
  EXPECT_NEAR(sums_of(layer_passes(shape, division).forward).operations, whole / 8, 1);
}

TEST(KeyValueHeads, EachRankHoldsOneWhereThereAreTooFew) {
  const NetworkShape shape = shape_of(SmallGpt{.kv_heads = 2}.json());
  const std::int64_t each =
      (shape.hidden + 1) * 2 * shape.head_size;  // a key's and a value's, biases
  // Four ranks for two heads hold as much of keys and values as two ranks do, and half of the rest.
  const ParameterCount two = layer_parameters(shape, 2);
  const ParameterCount four = layer_parameters(shape, 4);
  EXPECT_EQ(four.on_rank(4) - four.replicated - each, (two.on_rank(2) - two.replicated - each) / 2);
  EXPECT_EQ(layer_parameters(shape, 1).total(), two.total());
}

TEST(SlidingWindow, SavesOperationsOfFlashAttentionOnly) {
  const Division division = {.micro_batch = 1, .sequence_length = 8192};
  NetworkShape shape = shape_of(shipped_network("mistral_7b"));
  const double windowed = sums_of(layer_passes(shape, division).forward).operations;
  shape.attention_window = 0;
  const double whole = sums_of(layer_passes(shape, division).forward).operations;
  const double s = 8192;
  const double w = 4096;
  EXPECT_NEAR(whole - windowed, 4096 * 2 * (s - w) * (s - w), 1);
}

}  // namespace
}  // namespace orrery
