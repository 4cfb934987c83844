#include <gtest/gtest.h>

#include "tests/workloads/training_fixture.hpp"
#include "workloads/attended_pairs.hpp"
#include "workloads/kv_cache.hpp"
#include "workloads/parameter_count.hpp"

namespace orrery {
namespace {

using testing::latent_network;
using testing::network_mistakes;
using testing::shape_of;
using testing::shipped_network;
using testing::SmallGpt;

struct Exact {
  const char* name;
  std::int64_t parameters;  // elements of the published checkpoint
};

class PublishedCheckpoint : public ::testing::TestWithParam<Exact> {};

TEST_P(PublishedCheckpoint, HasThatManyParameters) {
  const NetworkShape shape = shape_of(shipped_network(GetParam().name));
  EXPECT_EQ(network_parameters(shape), GetParam().parameters);
}

INSTANTIATE_TEST_SUITE_P(All, PublishedCheckpoint,
                         ::testing::Values(Exact{"llama3_8b", 8'030'261'248},
                                           Exact{"mistral_7b", 7'241'732'096},
                                           Exact{"qwen2_7b", 7'615'616'512},
                                           Exact{"gpt_neox_20b", 20'554'567'680},
                                           Exact{"falcon_7b", 6'921'720'704}),
                         [](const auto& network) { return std::string(network.param.name); });

TEST(NetworkFamilies, Qwen3HasNormsOfQueriesAndKeysAndNoBiases) {
  const NetworkShape shape = shape_of(shipped_network("qwen3_8b"));
  const std::int64_t h = 4096, ffn = 12288, head = 128, queries = 32 * head, keys = 8 * head;
  const std::int64_t layer = 2 * h * (queries + keys) + 3 * h * ffn + 2 * h + 2 * head;
  EXPECT_EQ(network_parameters(shape), 36 * layer + 2 * 151936 * h + h);
}

TEST(NetworkFamilies, NewFalconsHaveTwoNormsAndKeyValueHeads) {
  const NetworkShape shape = shape_of(shipped_network("falcon_40b"));
  EXPECT_EQ(shape.form, LayerForm::parallel);
  const std::int64_t h = 8192, queries = 128 * 64, keys = 8 * 64;
  const std::int64_t layer = 2 * h * (queries + keys) + 8 * h * h + 2 * 2 * h;
  EXPECT_EQ(network_parameters(shape), 60 * layer + 65024 * h + 2 * h);
}

TEST(NetworkFamilies, OldFalconsShareOneNormUnlessTheyAreSequential) {
  JsonValue value = shipped_network("falcon_7b");
  EXPECT_EQ(shape_of(value).form, LayerForm::shared_norm);
  EXPECT_EQ(shape_of(value).kv_heads, 1);
  value.find("multi_query")->boolean = false;
  value.find("parallel_attn")->boolean = false;
  value.find("alibi")->boolean = true;
  const NetworkShape other = shape_of(value);
  EXPECT_EQ(other.form, LayerForm::sequential);
  EXPECT_EQ(other.kv_heads, other.heads);
  EXPECT_EQ(other.positions, Positions::alibi);
}

TEST(NetworkFamilies, NeoxRotatesAPartOfEachHead) {
  const NetworkShape shape = shape_of(shipped_network("gpt_neox_20b"));
  EXPECT_EQ(shape.rotary_size, shape.head_size / 4);
  EXPECT_EQ(shape.form, LayerForm::parallel);
}

TEST(NetworkFamilies, MistralHasAWindowUnlessItSaysNull) {
  JsonValue value = shipped_network("mistral_7b");
  EXPECT_EQ(shape_of(value).attention_window, 4096);
  value.find("sliding_window")->kind = JsonValue::Kind::null;
  EXPECT_EQ(shape_of(value).attention_window, 0);
  *value.find("sliding_window") = json_integer(0);
  EXPECT_EQ(shape_of(value).attention_window, 0);
}

TEST(NetworkFamilies, AWindowInSomeLayersIsRefused) {
  JsonValue value = shipped_network("qwen2_7b");
  value.find("use_sliding_window")->boolean = true;
  ASSERT_EQ(network_mistakes(value).size(), 1U);
  EXPECT_NE(network_mistakes(value)[0].find("a window in some of the layers is not modelled"),
            std::string::npos);
}

TEST(NetworkFamilies, LatentAttentionCountsMapsDownAndUp) {
  const NetworkShape shape = shape_of(latent_network(96));
  const std::int64_t h = shape.hidden, a = shape.heads;
  ASSERT_EQ(shape.head_size, 32 + 16);
  const std::int64_t attention = h * 96 + 96 + 96 * a * (32 + 16)           // queries
                                 + h * (64 + 16) + 64 + 64 * a * (32 + 24)  // keys and values
                                 + a * 24 * h;
  EXPECT_EQ(layer_parameters(shape).total(), attention + 3 * h * shape.feed_forward + 2 * h);
  const NetworkShape direct = shape_of(latent_network(0));
  EXPECT_EQ(layer_parameters(direct).total() - layer_parameters(shape).total(),
            h * a * 48 - (h * 96 + 96 + 96 * a * 48));
}

TEST(NetworkFamilies, MixturesOfExpertsAreRefused) {
  JsonValue value = latent_network(96);
  value.members.push_back({"n_routed_experts", json_integer(8)});
  ASSERT_EQ(network_mistakes(value).size(), 1U);
  EXPECT_NE(network_mistakes(value)[0].find("a mixture of experts is not modelled yet"),
            std::string::npos);
}

TEST(NetworkFamilies, OurOwnFormSaysTheSame) {
  JsonValue value = SmallGpt{.positions = "rotary"}.json();
  const auto with = [&value](const char* key, JsonValue item) {
    value.members.push_back({key, std::move(item)});
  };
  with("parallel_residual", json_boolean(true));
  with("shared_norm", json_boolean(true));
  with("qk_norm", json_boolean(true));
  with("projection_biases", json_boolean(false));
  with("rotary_size", json_integer(8));
  with("attention_window", json_integer(64));
  const NetworkShape shape = shape_of(value);
  EXPECT_EQ(shape.form, LayerForm::shared_norm);
  EXPECT_TRUE(shape.qk_norm && shape.qkv_biases && !shape.projection_biases);
  EXPECT_EQ(shape.rotary_size, 8);
  EXPECT_EQ(shape.attention_window, 64);
  value.find("parallel_residual")->boolean = false;
  EXPECT_EQ(network_mistakes(value).size(), 1U);
}

TEST(NetworkFamilies, OurOwnFormRefusesLatentAttentionThatIsNotDefined) {
  JsonValue value = SmallGpt{.kv_heads = 4}.json();
  value.members.push_back(
      {"latent", json_object({{"kv_rank", json_integer(64)}, {"value_size", json_integer(32)}})});
  const std::vector<std::string> mistakes = network_mistakes(value);
  // Fewer key-value heads than heads; positions that are not rotary; biases.
  EXPECT_EQ(mistakes.size(), 3U);
}

TEST(AttendedPairs, AWindowCutsOffWhatIsTooFarAway) {
  const std::int64_t length = 1000;
  NetworkShape shape;
  for (const std::int64_t window : {1, 10, 999, 1000, 5000}) {
    shape.attention_window = window;
    std::int64_t pairs = 0;  // token i sees min(window, i) tokens
    for (std::int64_t i = 1; i <= length; ++i) {
      pairs += std::min(window, i);
    }
    // The diagonal's halves are left out, in every row while the window grows.
    EXPECT_EQ(twice_causal_pairs(shape, length), 2 * pairs - std::min(window, length)) << window;
  }
  shape.attention_window = 0;
  EXPECT_EQ(twice_causal_pairs(shape, length), length * length);
}

TEST(KvCache, OfLatentAttentionIsOneVectorOnEveryRank) {
  const NetworkShape shape = shape_of(latent_network(96));
  for (const std::int64_t tensor : {1, 4}) {
    EXPECT_EQ(kv_bytes_per_token(shape, Precision::bf16, tensor), Bytes(2 * (64 + 16)));
  }
}

}  // namespace
}  // namespace orrery
