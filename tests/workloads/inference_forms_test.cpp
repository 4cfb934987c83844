// Inference of networks other than the plain one: parallel residual, norms of queries and keys,
// latent attention, sliding window.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/workloads/inference_fixture.hpp"
#include "workloads/attended_pairs.hpp"
#include "workloads/inference_graph.hpp"
#include "workloads/kv_cache.hpp"
#include "workloads/parameter_count.hpp"

namespace orrery {
namespace {

using testing::inference_job;
using testing::latent_network;
using testing::shape_of;
using testing::shipped_network;
using testing::SmallGpt;
using Labels = std::vector<std::string>;

constexpr InferencePass kPrefill = {.sequences = 2, .tokens = 48, .cached = 0};
constexpr InferencePass kDecode = {.sequences = 2, .tokens = 1, .cached = 48};

NetworkShape changed(const char* name, const char* key) {
  JsonValue value = shipped_network(name);
  value.find(key)->boolean = !value.find(key)->boolean;
  return shape_of(value);
}

NetworkShape windowed(std::int64_t window) {
  NetworkShape shape = shape_of(SmallGpt{.positions = "rotary"}.json());
  shape.attention_window = window;
  return shape;
}

/// Vocabularies need no padding.
std::vector<NetworkShape> all_forms() {
  return {shape_of(shipped_network("falcon_7b")),
          changed("falcon_7b", "parallel_attn"),
          shape_of(shipped_network("falcon_40b")),
          shape_of(shipped_network("gpt_neox_20b")),
          shape_of(shipped_network("qwen3_8b")),
          shape_of(shipped_network("mistral_7b")),
          windowed(16),
          shape_of(latent_network(96)),
          shape_of(latent_network(0))};
}

template <class Check>
void for_all(Check check) {
  for (const NetworkShape& shape : all_forms()) {
    for (const std::int64_t tensor : {1, 4}) {
      if (shape.heads % tensor != 0) continue;  // Falcon-7B has 71
      for (const InferencePass& pass : {kPrefill, kDecode}) {
        check(shape, InferenceForm{.tensor = tensor}, pass);
      }
    }
  }
}

const Step& step_named(const Steps& steps, const std::string& label) {
  const auto found = std::find_if(steps.begin(), steps.end(),
                                  [&](const Step& step) { return step.label == label; });
  if (found == steps.end()) throw std::runtime_error("no step " + label);
  return *found;
}

Labels labels_of(const Steps& steps) {
  Labels labels;
  for (const Step& step : steps) labels.push_back(step.label);
  return labels;
}

TEST(InferenceForms, HoldTheParametersOfTheNetwork) {
  for (const NetworkShape& shape : all_forms()) {
    const StageParts whole = {.layers = shape.layers,
                              .embedding = true,
                              .head = true,
                              .head_holds_weights = !shape.tied_embeddings};
    EXPECT_EQ(inference_weights(shape, {}, whole), Bytes(2) * network_parameters(shape));
  }
}

TEST(InferenceForms, LeaveTwoHiddenStatesOfTheTwoThatTheyAreGiven) {
  for_all([](const NetworkShape& shape, const InferenceForm& form, const InferencePass& pass) {
    const std::int64_t given = 2 * pass_state(shape, form, pass).count();
    std::int64_t held = given;
    for (const Step& step : inference_layer(shape, form, pass)) {
      held += step.memory.buffer.count() - step.memory.unbuffer.count();
      EXPECT_GE(held, given / 2) << step.label << ": the residual stream stays";
    }
    EXPECT_EQ(held, given);
  });
}

TEST(InferenceForms, MultiplyByEveryMatrixOnceInEveryPass) {
  for_all([](const NetworkShape& shape, const InferenceForm& form, const InferencePass& pass) {
    std::int64_t multiplied = 0;
    for (const Step& step : inference_layer(shape, form, pass)) {
      if (step.kernel.kind != "gemm") continue;
      std::int64_t elements = 1;
      for (const Kernel::Dimension& dimension : step.kernel.shape) {
        if (dimension.name != "m") elements *= dimension.size;
      }
      multiplied += elements;
      EXPECT_EQ(step.kernel.operations, Flops(2) * pass.rows() * elements) << step.label;
    }
    // What shrinks to a quarter when weights are stored in 4 bits instead of 16.
    InferenceForm packed = form;
    packed.weights = Precision::int4;
    const Bytes saved = inference_weights(shape, form, {.layers = 1}) -
                        inference_weights(shape, packed, {.layers = 1});
    EXPECT_EQ(2 * saved, Bytes(3) * multiplied);
  });
}

TEST(InferenceForms, AddToTheCacheWhatATokenTakesInIt) {
  for_all([](const NetworkShape& shape, const InferenceForm& form, const InferencePass& pass) {
    const Steps steps = inference_layer(shape, form, pass);
    Bytes saved;
    for (const Step& step : steps) saved += step.memory.saved;
    const std::int64_t window = shape.attention_window;
    const bool full = window > 0 && window < 48;
    const std::int64_t stays = pass.decodes() ? (full ? 0 : 1) : (full ? window : 48);
    const Bytes of_a_token = kv_bytes_per_token(shape, form.kv, form.tensor) * pass.sequences;
    EXPECT_EQ(saved, of_a_token * stays);
    // A token is written in the place of another when the window is full.
    EXPECT_EQ(step_named(steps, "attention.cache").kernel.written,
              of_a_token * std::max<std::int64_t>(stays, 1));
  });
}

TEST(InferenceForms, MakeNoMoreOpsThanIsSaid) {
  const std::string keys = R"({"batch": 2, "input_length": 16, "output_length": 3})";
  for (const JsonValue& network :
       {SmallGpt{}.json(), latent_network(96), latent_network(0), shipped_network("falcon_7b")}) {
    Diagnostics diagnostics;
    const JsonValue value = testing::inference_json(network, keys);
    JsonCursor cursor(value, diagnostics);
    const auto settings = read_inference_settings(cursor, {.devices = 1});
    diagnostics.throw_if_any();
    // Of one stage there are no transfers, which are counted in every pass.
    EXPECT_EQ(static_cast<std::int64_t>(inference_graph(*settings).graph.ops().size()),
              inference_ops(*settings) - 3);
  }
}

TEST(ParallelResidualInference, ReducesBothBlocksTogether) {
  const InferenceForm form = {.tensor = 4};
  NetworkShape shape = shape_of(SmallGpt{}.json());
  shape.form = LayerForm::parallel;
  const Steps steps = inference_layer(shape, form, kDecode);
  EXPECT_EQ(
      labels_of(steps),
      (Labels{"attention.norm", "attention.qkv", "attention.cache", "attention.flash",
              "attention.projection", "feed_forward.norm", "feed_forward.up",
              "feed_forward.activation", "feed_forward.down", "layer.sum", "layer.all_reduce"}));
  const Bytes state = Bytes(2) * kDecode.rows() * shape.hidden;
  EXPECT_EQ(steps.back().bytes, state);
  EXPECT_EQ(step_named(steps, "layer.sum").kernel.read, state * 2);
  EXPECT_EQ(step_named(steps, "layer.sum").kernel.written, state);
  // Only the first norm adds to the residual stream, which the second reads.
  const Kernel& first = step_named(steps, "attention.norm").kernel;
  const Kernel& second = step_named(steps, "feed_forward.norm").kernel;
  EXPECT_EQ(first.read + first.written, state * 4);
  EXPECT_EQ(second.read + second.written, state * 2);
}

TEST(ParallelResidualInference, ASharedNormIsTakenOnce) {
  NetworkShape shape = shape_of(SmallGpt{}.json());
  shape.form = LayerForm::parallel;
  Labels labels = labels_of(inference_layer(shape, {}, kPrefill));
  shape.form = LayerForm::shared_norm;
  labels.erase(std::find(labels.begin(), labels.end(), "feed_forward.norm"));
  EXPECT_EQ(labels_of(inference_layer(shape, {}, kPrefill)), labels);
  EXPECT_EQ(labels.back(), "layer.sum") << "one rank has nobody to reduce with";
}

TEST(InferenceAttention, NormsQueriesAndKeysBeforeItRotatesThem) {
  const NetworkShape shape = shape_of(shipped_network("qwen3_8b"));
  const Steps steps = inference_layer(shape, {.tensor = 4}, kPrefill);
  const Labels labels = labels_of(steps);
  const auto norm = std::find(labels.begin(), labels.end(), "attention.qk_norm");
  ASSERT_NE(norm, labels.end());
  EXPECT_EQ(*(norm - 1), "attention.qkv");
  EXPECT_EQ(*(norm + 1), "attention.rotary");
  const std::int64_t width = (32 + 8) / 4 * 128;
  const Kernel& kernel = step_named(steps, *norm).kernel;
  EXPECT_EQ(kernel.operations, Flops(4) * kPrefill.rows() * width) << "as a root mean square";
  EXPECT_EQ(kernel.read, Bytes(2) * kPrefill.rows() * width);
  EXPECT_EQ(kernel.written, kernel.read);
}

TEST(InferenceAttention, RotatesOnlyThePartOfAHeadThatTurns) {
  const NetworkShape shape = shape_of(shipped_network("gpt_neox_20b"));
  const Steps steps = inference_layer(shape, {.tensor = 4}, kDecode);
  EXPECT_EQ(step_named(steps, "attention.rotary").kernel.read,
            Bytes(2) * kDecode.rows() * (2 * 64 / 4) * (96 / 4));
}

// Sizes of latent_network.
constexpr std::int64_t kRank = 64;
constexpr std::int64_t kContent = 32;
constexpr std::int64_t kShared = 16;
constexpr std::int64_t kValue = 24;

TEST(LatentInference, PrefillMakesKeysAndValuesOfEachHead) {
  const NetworkShape shape = shape_of(latent_network(96));
  const Steps steps = inference_layer(shape, {.tensor = 4}, kPrefill);
  EXPECT_EQ(
      labels_of(steps),
      (Labels{"attention.norm", "attention.query.down", "attention.query.norm",
              "attention.query.up", "attention.key_value.down", "attention.key_value.norm",
              "attention.rotary", "attention.cache", "attention.key_value.up",
              "attention.key_value.concat", "attention.flash", "attention.projection",
              "attention.projection.all_reduce", "feed_forward.norm", "feed_forward.up",
              "feed_forward.activation", "feed_forward.down", "feed_forward.down.all_reduce"}));
  const Kernel& flash = step_named(steps, "attention.flash").kernel;
  const std::int64_t heads = 8 / 4;
  const std::int64_t pairs = 48 * 49 / 2;
  EXPECT_EQ(flash.operations, Flops(2) * 2 * pairs * heads * (kContent + kShared + kValue));
  EXPECT_EQ(flash.read, Bytes(2) * 2 * 48 * heads * (2 * (kContent + kShared) + kValue));
  EXPECT_EQ(flash.written, Bytes(2) * 2 * 48 * heads * kValue);
}

TEST(LatentInference, DecodeAttendsToTheLatentVectorsThatAllHeadsShare) {
  const NetworkShape shape = shape_of(latent_network(0));
  const InferenceForm form = {.tensor = 4, .kv = Precision::fp8};
  const Steps steps = inference_layer(shape, form, kDecode);
  Labels labels = labels_of(steps);
  labels.resize(11);
  EXPECT_EQ(labels, (Labels{"attention.norm", "attention.query", "attention.key_value.down",
                            "attention.key_value.norm", "attention.rotary", "attention.cache",
                            "attention.key.absorb", "attention.flash", "attention.value.up",
                            "attention.projection", "attention.projection.all_reduce"}));
  const Kernel& flash = step_named(steps, "attention.flash").kernel;
  const std::int64_t heads = 8 / 4;
  EXPECT_EQ(flash.operations, Flops(2) * 2 * 49 * heads * (kRank + kShared + kRank));
  EXPECT_EQ(flash.read, Bytes(2) * 2 * heads * (kRank + kShared)  // queries
                            + Bytes(2) * 49 * (kRank + kShared))  // the cache, once for all heads
      << "one byte of each element";
  EXPECT_EQ(flash.written, Bytes(2) * 2 * heads * kRank);
}

TEST(LatentInference, CachesSoMuchAsFourHeadsAndAHalfOfWidthOneWould) {
  // DeepSeek-V2, arXiv:2405.04434, Table 1: with d_c = 4 d_h and d_h^R = d_h / 2 the cache takes
  // (d_c + d_h^R) l = 9/2 d_h l elements, against 2 n_h d_h l of multi-head attention.
  const std::int64_t d_h = 32;
  JsonValue value = latent_network(96);
  value.find("kv_lora_rank")->integer = 4 * d_h;
  value.find("qk_nope_head_dim")->integer = d_h;
  value.find("qk_rope_head_dim")->integer = d_h / 2;
  for (const std::int64_t tensor : {1, 8}) {
    const std::string keys = R"({"batch": 1, "input_length": 16, "output_length": 2,
        "parallel": {"tensor": )" +
                             std::to_string(tensor) + "}}";
    const Job job = inference_job(value, keys, tensor);
    EXPECT_EQ(job.kv_cache->per_token_on_rank, Bytes(2 * 9 * d_h / 2 * 4)) << "4 layers";
    EXPECT_EQ(job.kv_cache->per_token, job.kv_cache->per_token_on_rank * tensor) << "copies";
  }
}

TEST(ParallelResidualInference, MultiQueryAttentionCachesOneHead) {
  // Falcon-7B: 32 layers, one key and one value of 64 elements.
  const Job job = inference_job(shipped_network("falcon_7b"),
                                R"({"batch": 1, "input_length": 16, "output_length": 2})", 1);
  EXPECT_EQ(job.kv_cache->per_token, Bytes(2 * 32 * 2 * 64));
}

TEST(AttendedPairs, OfNewTokensAreCountedOneByOne) {
  NetworkShape shape;
  for (const std::int64_t window : {0, 1, 7, 20, 21, 22, 40}) {
    shape.attention_window = window;
    for (const std::int64_t cached : {0, 1, 6, 7, 20, 100}) {
      for (const std::int64_t tokens : {1, 2, 21}) {
        std::int64_t pairs = 0;
        for (std::int64_t i = 1; i <= tokens; ++i) {
          pairs += window > 0 ? std::min(window, cached + i) : cached + i;
        }
        EXPECT_EQ(attended_pairs(shape, cached, tokens), pairs)
            << window << ", " << cached << " + " << tokens;
      }
    }
  }
}

TEST(SlidingWindowInference, SeesAndReadsNoMoreThanTheWindow) {
  const InferenceForm form = {};
  const auto flash = [&](const NetworkShape& shape, const InferencePass& pass) {
    return step_named(inference_layer(shape, form, pass), "attention.flash").kernel;
  };
  const auto decode = [](std::int64_t cached) { return InferencePass{2, 1, cached}; };
  const NetworkShape shape = windowed(16);
  const NetworkShape whole = windowed(0);
  EXPECT_EQ(flash(shape, decode(15)).read, flash(whole, decode(15)).read);
  EXPECT_LT(flash(shape, decode(16)).read, flash(whole, decode(16)).read);
  EXPECT_EQ(flash(shape, decode(16)).read, flash(whole, decode(15)).read);
  EXPECT_EQ(flash(shape, decode(999)).read, flash(whole, decode(15)).read);
  EXPECT_EQ(flash(shape, decode(999)).operations, flash(whole, decode(15)).operations);
  // Prefill reads the keys of all tokens, for each some query sees.
  EXPECT_EQ(flash(shape, kPrefill).read, flash(whole, kPrefill).read);
  EXPECT_EQ(flash(shape, kPrefill).operations,
            Flops(4) * 2 * shape.query_size() * (16 * 17 / 2 + 16 * (48 - 16)));
}

TEST(SlidingWindowInference, KeepsTheLastTokensAndGivesThemBack) {
  // The prompt ends before, at and behind the window; decode fills it, or nothing does.
  for (const std::int64_t window : {10, 32, 34, 35, 36, 100}) {
    JsonValue network = SmallGpt{.positions = "rotary"}.json();
    network.members.push_back({"attention_window", json_integer(window)});
    const Job job = inference_job(
        network, R"({"batch": 6, "micro_batches": 3, "input_length": 32, "output_length": 5})", 1);
    std::int64_t held = 0;
    std::int64_t most = 0;
    for (const MemoryEffect& effect : job.graph.memory_effects()) {
      if (effect.category == job.kv_cache->category) {
        held += effect.taken.count() - effect.freed.count();
        most = std::max(most, held);
      }
    }
    EXPECT_EQ(held, 0) << window;
    // When the first micro-batch is done, the two others have yet to write their last token.
    const std::int64_t tokens =
        2 * std::min<std::int64_t>(window, 36) + 4 * std::min<std::int64_t>(window, 35);
    EXPECT_EQ(most, tokens * job.kv_cache->per_token.count()) << window;
  }
}

TEST(SlidingWindowInference, OperationsOfDecodeAreThoseOfTheWindow) {
  const auto operations = [](std::int64_t window, int outputs) {
    JsonValue network = SmallGpt{.positions = "rotary"}.json();
    network.members.push_back({"attention_window", json_integer(window)});
    return inference_job(network,
                         R"({"batch": 1, "input_length": 32, "output_length": )" +
                             std::to_string(outputs) + "}",
                         1)
        .model_operations;
  };
  // Steps see 33, 34, 35 tokens, or 33 each.
  const double of_decode_whole = operations(100, 4) - operations(100, 1);
  const double of_decode = operations(33, 4) - operations(33, 1);
  EXPECT_EQ(of_decode_whole - of_decode, 4 * 4.0 * 256 * (1 + 2)) << "4 layers, two products";
}

}  // namespace
}  // namespace orrery
