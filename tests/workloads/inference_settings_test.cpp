#include "workloads/inference_settings.hpp"

#include <gtest/gtest.h>

#include "tests/workloads/inference_fixture.hpp"

namespace orrery {
namespace {

using testing::inference_json;
using testing::read_inference;
using testing::shipped_network;
using testing::SmallGpt;
using Mistakes = std::vector<std::string>;

Mistakes mistakes(JsonValue network, const std::string& keys, std::int64_t devices) {
  const JsonValue value = inference_json(std::move(network), keys);
  const testing::Read read = read_inference(value, devices);
  EXPECT_EQ(read.workload == nullptr, !read.diagnostics.empty());
  return read.mistakes();
}

InferenceSettings settings_of(const std::string& keys, std::int64_t devices) {
  const JsonValue value = inference_json(SmallGpt{}.json(), keys);
  Diagnostics diagnostics;
  JsonCursor cursor(value, diagnostics);
  const auto settings = read_inference_settings(cursor, {.devices = devices});
  diagnostics.throw_if_any();
  return settings.value();
}

TEST(InferenceSettings, WhatIsLeftOutFollowsFromTheRest) {
  const InferenceSettings settings = settings_of(R"({"parallel": {"tensor": 2, "pipeline": 2},
      "batch": 8, "input_length": 100, "output_length": 10, "precision": "fp16"})",
                                                 16);
  EXPECT_EQ(settings.grid.data, 4) << "replicas fill the cluster";
  EXPECT_EQ(settings.micro_batches, 2) << "as many as stages";
  EXPECT_EQ(settings.form.weights, Precision::fp16);
  EXPECT_EQ(settings.form.kv, Precision::fp16);
  EXPECT_EQ(settings.launch, Launch::graph);
  EXPECT_EQ(settings.decode_steps(), 9) << "the first token comes from prefill";
  EXPECT_EQ(settings.cached_tokens(), 109) << "the last token is not read again";
  const InferenceSettings odd = settings_of(R"({"parallel": {"pipeline": 2}, "batch": 3,
      "input_length": 100, "output_length": 10})",
                                            2);
  EXPECT_EQ(odd.micro_batches, 1) << "two stages do not divide three sequences";
}

TEST(InferenceSettings, WhatIsResolvedGivesTheSameAgain) {
  const std::string keys = R"({
      "parallel": {"tensor": 2, "pipeline": 2}, "placement": ["pipeline", "data", "tensor"],
      "batch": 8, "micro_batches": 4, "input_length": 100, "output_length": 10,
      "precision": "fp16", "weights_precision": "int4", "kv_precision": "fp8",
      "launch": "eager", "host_launch": "7000001 ps", "stream_crossing": "2500001 ps"})";
  const JsonValue value = inference_json(SmallGpt{}.json(), keys);
  const testing::Read first = read_inference(value, 16);
  ASSERT_NE(first.workload, nullptr);
  const std::string resolved = to_text(first.workload->resolved(), false);
  for (const char* part :
       {R"("data":4)", R"(["pipeline","data","tensor"])", R"("micro_batches":4)", R"("fp16")",
        R"("int4")", R"("fp8")", R"("eager")", R"("7000001 ps")", R"("2500001 ps")"}) {
    EXPECT_NE(resolved.find(part), std::string::npos) << part << " in " << resolved;
  }
  const JsonValue again = inference_json(SmallGpt{}.json(), resolved);
  const testing::Read second = read_inference(again, 16);
  ASSERT_NE(second.workload, nullptr);
  EXPECT_EQ(to_text(second.workload->resolved(), false), resolved);
}

TEST(InferenceSettings, EveryMistakeIsReportedAtItsPlace) {
  EXPECT_EQ(mistakes(SmallGpt{}.json(), R"({"batch": 8, "input_length": 0, "launch": "graf",
      "kv_precision": "fp32", "global_batch": 4})",
                     1),
            (Mistakes{"/kv_precision: expected one of \"bf16\", \"fp16\", \"fp8\", \"int8\", got "
                      "\"fp32\"; did you mean \"fp16\"?",
                      "/input_length: expected an integer between 1 and 16777216, got 0",
                      ": missing key \"output_length\"",
                      "/launch: expected one of \"graph\", \"eager\", got \"graf\"; did you mean "
                      "\"graph\"?",
                      "/global_batch: no such key"}));
}

TEST(InferenceSettings, ParallelismMustDivideTheWork) {
  const std::string sizes = R"("input_length": 16, "output_length": 4})";
  EXPECT_EQ(mistakes(SmallGpt{}.json(), R"({"parallel": {"tensor": 3, "pipeline": 3}, "batch": 4,
      "micro_batches": 3, )" + sizes,
                     9),
            (Mistakes{"/micro_batches: 3 micro-batches do not divide the batch of 4",
                      "/parallel/tensor: tensor 3 does not divide the network's 8 heads",
                      "/parallel/tensor: tensor 3 does not divide the network's feed-forward size "
                      "1024",
                      "/parallel/pipeline: pipeline 3 does not divide the network's 4 layers"}));
  EXPECT_EQ(mistakes(SmallGpt{}.json(),
                     R"({"parallel": {"tensor": 2, "data": 3}, "batch": 4, )" + sizes, 8),
            Mistakes{"/parallel: parallel asks for 6 ranks (tensor 2 x pipeline 1 x data 3), the "
                     "cluster has 8"});
  EXPECT_EQ(mistakes(SmallGpt{}.json(),
                     R"({"parallel": {"sequence_parallel": true}, "batch": 4, )" + sizes, 1)
                .size(),
            1U)
      << "a key of training";
  const std::string prompt = R"(, "batch": 1, "input_length": 16, "output_length": 1})";
  const Mistakes megatron =
      mistakes(SmallGpt{}.json(),
               R"({"parallel": {"sequence": {"degree": 8, "method": "megatron_sp"}})" + prompt, 8);
  ASSERT_EQ(megatron.size(), 1U);
  EXPECT_NE(megatron[0].find("say \"tensor\" 8, whose"), std::string::npos) << megatron[0];
  EXPECT_EQ(mistakes(SmallGpt{}.json(), R"({"parallel": {"tensor": 8})" + prompt, 8), Mistakes{})
      << "what it says can be done";
}

TEST(InferenceSettings, RanksMayHoldCopiesOfKeyValueHeads) {
  const std::string keys = R"({"parallel": {"tensor": 8}, "batch": 1, "input_length": 16,
      "output_length": 4})";
  EXPECT_EQ(mistakes(SmallGpt{.kv_heads = 2}.json(), keys, 8), Mistakes{});
  EXPECT_EQ(mistakes(SmallGpt{.hidden = 288, .heads = 24, .kv_heads = 12}.json(), keys, 8),
            Mistakes{"/parallel/tensor: tensor 8 does not divide the network's 12 key-value heads, "
                     "nor is it a multiple of them"});
}

TEST(InferenceSettings, LearnedPositionsEndWhereTheCacheDoes) {
  const JsonValue network = SmallGpt{.max_positions = 100}.json();
  EXPECT_EQ(mistakes(network, R"({"batch": 1, "input_length": 91, "output_length": 10})", 1),
            Mistakes{});
  EXPECT_EQ(mistakes(network, R"({"batch": 1, "input_length": 92, "output_length": 10})", 1),
            Mistakes{"/input_length: input and output reach 101 tokens that are looked at, more "
                     "than the network's 100 learned positions"});
}

TEST(InferenceSettings, GraphsBeyondAllBoundsAreRefused) {
  // 4 layers of 9 kernels, 2 of the embedding, 3 of the head, and a transfer's place.
  const std::int64_t of_a_pass = 4 * 9 + 2 + 3 + 1;
  const std::int64_t most = 20'000'000 / of_a_pass;
  const auto keys = [](std::int64_t length) {
    return R"({"batch": 1, "input_length": 1, "output_length": )" + std::to_string(length) + "}";
  };
  const JsonValue network = SmallGpt{.max_positions = 1'000'000}.json();
  EXPECT_EQ(mistakes(network, keys(most), 1), Mistakes{});
  EXPECT_EQ(mistakes(network, keys(most + 1), 1).size(), 1U);
  EXPECT_EQ(mistakes(SmallGpt{.hidden = 1 << 20, .positions = "rotary"}.json(),
                     R"({"batch": 1048576, "input_length": 4096, "output_length": 1})", 1)
                .size(),
            1U);
}

}  // namespace
}  // namespace orrery
