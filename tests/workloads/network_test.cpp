#include "workloads/network.hpp"

#include <gtest/gtest.h>

#include "tests/workloads/training_fixture.hpp"
#include "workloads/parameter_count.hpp"

namespace orrery {
namespace {

using testing::network_mistakes;
using testing::shape_of;
using testing::shipped_network;
using testing::SmallGpt;

struct Published {
  const char* name;
  double parameters;
  double tolerance;  // relative: published figures have three digits, nominal ones two or three
};

class ShippedNetwork : public ::testing::TestWithParam<Published> {};

TEST_P(ShippedNetwork, HasThePublishedParameterCount) {
  const Published& published = GetParam();
  const double parameters =
      static_cast<double>(network_parameters(shape_of(shipped_network(published.name))));
  EXPECT_NEAR(parameters / published.parameters, 1, published.tolerance) << parameters;
}

INSTANTIATE_TEST_SUITE_P(
    All, ShippedNetwork,
    ::testing::Values(
        Published{"llama3_8b", 8.03e9, 0.005}, Published{"llama3_70b", 70.6e9, 0.005},
        Published{"codellama_34b", 33.7e9, 0.005}, Published{"bloom_176b", 176.2e9, 0.005},
        Published{"llama3_405b", 405.9e9, 0.005}, Published{"gpt3_175b", 175e9, 0.01},
        Published{"gpt2", 124.4e6, 0.005}, Published{"megatron_22b", 22e9, 0.02},
        Published{"megatron_530b", 530e9, 0.01}, Published{"linear_llama3_1b", 25.6e9 / 16, 0.005},
        Published{"transnormerllm_7b", 7e9, 0.02}, Published{"megatron_1t", 1.008e12, 0.01},
        Published{"t_nlg_17b", 17.2e9, 0.02}),
    [](const auto& network) { return std::string(network.param.name); });

TEST(ParameterCount, TensorRanksHoldTheDividedPartOnce) {
  const NetworkShape shape = shape_of(shipped_network("gpt3_175b"));
  const ParameterCount layer = layer_parameters(shape);
  const std::int64_t tensor = 8;
  // Over all ranks every divided parameter is there once, every replicated one `tensor` times.
  EXPECT_EQ(tensor * layer.on_rank(tensor), layer.divided + tensor * layer.replicated);
  const std::int64_t h = shape.hidden;
  EXPECT_EQ(layer.total(), 12 * h * h + 13 * h);  // Narayanan et al. 2021, eq. 1
}

TEST(ParameterCount, VocabularyIsPaddedTo128PerTensorRank) {
  NetworkShape shape = shape_of(shipped_network("gpt2"));
  ASSERT_EQ(shape.vocabulary, 50257);
  EXPECT_EQ(padded_vocabulary(shape, 1), 50304);
  EXPECT_EQ(padded_vocabulary(shape, 8), 51200);
  shape.vocabulary = 51200;
  EXPECT_EQ(padded_vocabulary(shape, 8), 51200);
}

TEST(ReadNetwork, FillsInTheDefaultsOfGpt2) {
  const NetworkShape shape = shape_of(shipped_network("gpt2"));
  EXPECT_EQ(shape.feed_forward, 4 * shape.hidden);
  EXPECT_TRUE(shape.tied_embeddings);
  EXPECT_EQ(shape.kv_heads, shape.heads);
}

TEST(ReadNetwork, IgnoresKeysOfAHuggingFaceFileThatDoNotMatter) {
  JsonValue value = shipped_network("llama3_8b");
  value.members.push_back({"whatever", json_integer(1)});
  JsonValue& whatever = *value.find("whatever");
  whatever.origin = value.find("architectures")->origin;
  EXPECT_EQ(shape_of(value).kv_heads, 8);
  set_origin(whatever, {std::make_shared<const std::string>("scenario.json"), "/with/whatever"});
  ASSERT_EQ(network_mistakes(value).size(), 1U) << "an override is meant to matter";
  EXPECT_EQ(network_mistakes(value)[0].find("/with/whatever: no such key"), 0U);
}

TEST(ReadNetwork, TakesTheHeadSizeThatAFileGives) {
  JsonValue value = shipped_network("llama3_8b");
  value.members.push_back({"head_dim", json_integer(256)});
  EXPECT_EQ(shape_of(value).query_size(), 32 * 256);
}

TEST(ReadNetwork, NamesWhatIsReadWhenTheModelTypeIsUnknown) {
  const JsonValue value = parse_json(R"({"model_type": "mamba"})", "n.json");
  EXPECT_EQ(
      network_mistakes(value),
      std::vector<std::string>{
          "/model_type: expected a model_type that is read: \"deepseek_v2\", \"deepseek_v3\", "
          "\"falcon\", \"gpt2\", \"gpt_neox\", \"llama\", \"mistral\", \"qwen2\", \"qwen3\", got "
          "\"mamba\""});
}

TEST(ReadNetwork, KnowsAFamilyByItsArchitecture) {
  JsonValue value = shipped_network("llama3_8b");
  std::erase_if(value.members, [](const auto& member) { return member.key == "model_type"; });
  EXPECT_EQ(shape_of(value).layers, 32);
  value.find("architectures")->items[0] = json_string("MambaForCausalLM");
  ASSERT_EQ(network_mistakes(value).size(), 1U);
  EXPECT_NE(network_mistakes(value)[0].find("names no architecture that is read"),
            std::string::npos);
}

TEST(ReadNetwork, RejectsAnUnknownKeyOfOurOwnForm) {
  JsonValue value = SmallGpt{}.json();
  value.members.push_back({"layer", json_integer(1)});
  value.members.back().value.origin.pointer = "/layer";
  EXPECT_EQ(network_mistakes(value),
            std::vector<std::string>{"/layer: no such key; did you mean \"layers\"?"});
}

TEST(ReadNetwork, RejectsHeadsThatDoNotFit) {
  EXPECT_EQ(network_mistakes(SmallGpt{.heads = 8, .kv_heads = 3}.json()),
            std::vector<std::string>{": 8 heads cannot share 3 key-value heads evenly"});
  EXPECT_EQ(network_mistakes(SmallGpt{.hidden = 100, .heads = 8}.json()),
            std::vector<std::string>{
                ": hidden size 100 is not a multiple of 8 heads, and no head size is given"});
}

TEST(ReadNetwork, RejectsSizesOutOfRange) {
  EXPECT_EQ(network_mistakes(SmallGpt{.layers = 0}.json()).size(), 1U);
  EXPECT_EQ(shape_of(SmallGpt{.layers = 10'000}.json()).layers, 10'000);
  EXPECT_EQ(network_mistakes(SmallGpt{.layers = 10'001}.json()).size(), 1U);
}

TEST(ReadNetwork, RejectsWhatIsNoNetwork) {
  EXPECT_EQ(network_mistakes(parse_json("7", "n.json")),
            std::vector<std::string>{": expected a network, by name or as an object, got 7"});
}

}  // namespace
}  // namespace orrery
