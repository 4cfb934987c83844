#include "workloads/training_settings.hpp"

#include <gtest/gtest.h>

#include "tests/workloads/training_fixture.hpp"

namespace orrery {
namespace {

using testing::read_training;
using testing::shipped_network;
using testing::SmallGpt;
using testing::workload_json;

std::vector<std::string> mistakes(JsonValue network, const std::string& keys,
                                  std::int64_t devices) {
  const JsonValue value = workload_json(std::move(network), keys);
  const testing::Read read = read_training(value, devices);
  EXPECT_EQ(read.workload == nullptr, !read.diagnostics.empty());
  return read.mistakes();
}

using Mistakes = std::vector<std::string>;

TEST(TrainingSettings, DataParallelismFillsTheCluster) {
  const JsonValue value = workload_json(SmallGpt{}.json(), R"({
      "parallel": {"tensor": 2, "pipeline": 2}, "sequence_length": 128, "micro_batch": 1,
      "global_batch": 32})");
  Diagnostics diagnostics;
  JsonCursor cursor(value, diagnostics);
  const auto settings = read_training_settings(cursor, {.devices = 16});
  diagnostics.throw_if_any();
  EXPECT_EQ(settings->grid.data, 4);
  EXPECT_EQ(settings->micro_batches, 8);
  EXPECT_EQ(settings->gradient_bucket, Bytes(25 * 1024 * 1024));
}

TEST(TrainingSettings, WhatIsResolvedGivesTheSameAgain) {
  const std::string keys = R"({
      "parallel": {"tensor": 2, "pipeline": 2, "sequence_parallel": true},
      "placement": ["pipeline", "data", "tensor"], "sequence_length": 128, "micro_batch": 1,
      "global_batch": 32, "precision": "fp16", "attention": "materialized", "dropout": true,
      "gradient_precision": "bf16", "gradient_bucket": "1048577 B"})";
  const testing::Read first = read_training(workload_json(SmallGpt{}.json(), keys), 16);
  ASSERT_NE(first.workload, nullptr);
  const std::string resolved = to_text(first.workload->resolved(), false);
  for (const char* part :
       {R"("data":4)", R"("sequence_parallel":true)", R"(["pipeline","data","tensor"])",
        R"("fp16")", R"("materialized")", R"("dropout":true)", R"("gradient_precision":"bf16")",
        R"("1048577 B")"}) {
    EXPECT_NE(resolved.find(part), std::string::npos) << part << " in " << resolved;
  }
  const testing::Read again = read_training(workload_json(SmallGpt{}.json(), resolved), 16);
  ASSERT_NE(again.workload, nullptr);
  EXPECT_EQ(to_text(again.workload->resolved(), false), resolved);
}

TEST(TrainingSettings, WorldSizeMustMatchTheCluster) {
  const std::string keys = R"({"parallel": {"tensor": 8, "pipeline": 8, "data": 8},
      "sequence_length": 2048, "micro_batch": 1, "global_batch": 512})";
  EXPECT_EQ(mistakes(shipped_network("gpt3_175b"), keys, 512), Mistakes{});
  EXPECT_EQ(mistakes(shipped_network("gpt3_175b"), keys, 448),
            Mistakes{"/parallel: parallel asks for 512 ranks (tensor 8 x pipeline 8 x data 8), the "
                     "cluster has 448"});
}

TEST(TrainingSettings, DataThatIsLeftOutMustComeOutEven) {
  const std::string keys = R"({"parallel": {"tensor": 4}, "sequence_length": 128,
      "micro_batch": 1, "global_batch": 6})";
  EXPECT_EQ(mistakes(SmallGpt{}.json(), keys, 6),
            Mistakes{"/parallel: tensor 4 x pipeline 1 = 4 ranks do not divide the cluster's 6 "
                     "devices"});
  EXPECT_EQ(mistakes(SmallGpt{}.json(), keys, 2),
            Mistakes{"/parallel: parallel asks for 4 ranks (tensor 4 x pipeline 1 x data 1), the "
                     "cluster has 2"});
}

TEST(TrainingSettings, TensorMustDivideTheNetwork) {
  const std::string keys = R"({"parallel": {"tensor": 3}, "sequence_length": 128,
      "micro_batch": 1, "global_batch": 3})";
  EXPECT_EQ(mistakes(SmallGpt{}.json(), keys, 3),
            (Mistakes{"/parallel/tensor: tensor 3 does not divide the network's 8 heads",
                      "/parallel/tensor: tensor 3 does not divide the network's feed-forward size "
                      "1024"}))
      << "equally many key-value heads are not mentioned again";
  EXPECT_EQ(
      mistakes(SmallGpt{.hidden = 384, .heads = 12, .kv_heads = 4, .feed_forward = 1536}.json(),
               keys, 3),
      Mistakes{"/parallel/tensor: tensor 3 does not divide the network's 4 key-value heads"});
  const std::string wide = R"({"parallel": {"tensor": 8}, "sequence_length": 128,
      "micro_batch": 1, "global_batch": 3})";
  EXPECT_EQ(mistakes(SmallGpt{.kv_heads = 4}.json(), wide, 8), Mistakes{});
  EXPECT_EQ(
      mistakes(SmallGpt{.hidden = 384, .heads = 24, .kv_heads = 3, .feed_forward = 1536}.json(),
               wide, 8),
      Mistakes{"/parallel/tensor: tensor 8 is not a multiple of the network's 3 key-value heads, "
               "of which each rank would hold one"});
}

TEST(TrainingSettings, PipelineMustDivideTheLayers) {
  EXPECT_EQ(mistakes(SmallGpt{}.json(), R"({"parallel": {"pipeline": 3}, "sequence_length": 128,
      "micro_batch": 1, "global_batch": 3})",
                     3),
            Mistakes{"/parallel/pipeline: pipeline 3 does not divide the network's 4 layers; "
                     "\"stages\" may list the layers of each"});
}

TEST(TrainingSettings, GlobalBatchMustBeWholeMicroBatches) {
  EXPECT_EQ(mistakes(SmallGpt{}.json(), R"({"sequence_length": 128, "micro_batch": 3,
      "global_batch": 32})",
                     2),
            Mistakes{"/global_batch: global batch 32 is not a multiple of 6 (micro-batch 3 x data "
                     "2)"});
}

TEST(TrainingSettings, SequenceMustFitPositionsAndTensor) {
  const std::string keys = R"({"parallel": {"tensor": 4, "sequence_parallel": true},
      "sequence_length": 4098, "micro_batch": 1, "global_batch": 1})";
  EXPECT_EQ(mistakes(SmallGpt{.max_positions = 4097}.json(), keys, 4),
            (Mistakes{"/sequence_length: sequence length 4098 is more than the network's 4097 "
                      "learned positions",
                      "/sequence_length: tensor 4 does not divide the sequence length 4098, as "
                      "sequence parallelism needs"}));
  // Rotary positions have no end, and without tensor parallelism there is nothing to divide.
  const std::string alone = R"({"parallel": {"tensor": 1, "sequence_parallel": true},
      "sequence_length": 4098, "micro_batch": 1, "global_batch": 1})";
  EXPECT_EQ(mistakes(SmallGpt{.max_positions = 4097, .positions = "rotary"}.json(), alone, 1),
            Mistakes{});
}

TEST(TrainingSettings, PlacementMustNameEveryAxisOnce) {
  const auto keys = [](const std::string& placement) {
    return R"({"sequence_length": 128, "micro_batch": 1, "global_batch": 1, "placement": )" +
           placement + "}";
  };
  EXPECT_EQ(mistakes(SmallGpt{}.json(), keys(R"(["pipeline", "tensor", "data"])"), 1), Mistakes{});
  const Mistakes once = {
      "/placement: expected each of \"tensor\", \"data\" and \"pipeline\" once, fastest varying "
      "first"};
  EXPECT_EQ(mistakes(SmallGpt{}.json(), keys(R"(["tensor", "tensor", "data"])"), 1), once);
  EXPECT_EQ(mistakes(SmallGpt{}.json(), keys(R"(["tensor", "data"])"), 1), once);
  EXPECT_EQ(mistakes(SmallGpt{}.json(), keys(R"(["tensor", "date", "pipeline"])"), 1),
            Mistakes{"/placement/1: expected one of \"tensor\", \"data\", \"pipeline\", got "
                     "\"date\"; did you mean \"data\"?"});
}

TEST(TrainingSettings, ReportsSeveralMistakesAtOnce) {
  const Mistakes all = mistakes(SmallGpt{}.json(), R"({"parallel": {"tensor": 0, "tenser": 2},
      "micro_batch": 1, "global_batch": "32", "precision": "fp32", "attention": "flesh"})",
                                1);
  EXPECT_EQ(all,
            (Mistakes{"/parallel/tensor: expected an integer between 1 and 1000000, got 0",
                      "/parallel/tenser: no such key; did you mean \"tensor\"?",
                      ": missing key \"sequence_length\"",
                      "/precision: expected one of \"bf16\", \"fp16\", \"fp8\", got \"fp32\"; did "
                      "you mean \"fp16\"?",
                      "/attention: expected one of \"flash\", \"materialized\", got \"flesh\"; did "
                      "you mean \"flash\"?",
                      "/global_batch: expected an integer between 1 and 1099511627776, got "
                      "\"32\""}));
}

TEST(TrainingSettings, UnresolvedNetworkIsNotReportedTwice) {
  const JsonValue value = parse_json(R"({"network": "nobody", "sequence_length": 1,
      "micro_batch": 1, "global_batch": 1})",
                                     "scenario.json");
  EXPECT_EQ(read_training(value, 1).mistakes().size(), 1U);
  testing::Read read;
  read.diagnostics.add({"scenario.json", "/network", "no such network"});
  const Registry<WorkloadFactory> workloads = builtin_workloads();
  EXPECT_EQ(workloads.find("transformer_training")
                ->make(JsonCursor(value, read.diagnostics), {.devices = 1}),
            nullptr);
  EXPECT_EQ(read.diagnostics.count(), 1U);
}

TEST(TrainingSettings, RefusesWhatIsTooMuchToSimulate) {
  const Mistakes ops = mistakes(shipped_network("gpt3_175b"), R"({"sequence_length": 128,
      "micro_batch": 1, "global_batch": 1000000})",
                                1);
  ASSERT_EQ(ops.size(), 1U);
  EXPECT_NE(ops[0].find("/global_batch: 1000000 micro-batches of 96 layers make "),
            std::string::npos);
  EXPECT_NE(ops[0].find(" ops, more than 20000000"), std::string::npos);

  const Mistakes micro_batches = mistakes(SmallGpt{}.json(), R"({"sequence_length": 128,
      "micro_batch": 1, "global_batch": 1000001})",
                                          1);
  EXPECT_EQ(micro_batches, Mistakes{"/global_batch: 1000001 micro-batches are more than 1000000"});

  const Mistakes tokens = mistakes(shipped_network("llama3_8b"), R"({"sequence_length": 16777216,
      "micro_batch": 1048576, "global_batch": 1048576})",
                                   1);
  ASSERT_EQ(tokens.size(), 1U);
  EXPECT_NE(tokens[0].find("/micro_batch: "), std::string::npos);

  const Mistakes overflow = mistakes(shipped_network("llama3_405b"), R"({"micro_batch": 256,
      "sequence_length": 16777216, "global_batch": 256, "attention": "materialized"})",
                                     1);
  ASSERT_EQ(overflow.size(), 1U);
  EXPECT_NE(overflow[0].find("a micro-batch is too much work"), std::string::npos);
}

TEST(TrainingSettings, HugeExtentsAreAnErrorAndNoOverflow) {
  EXPECT_EQ(mistakes(SmallGpt{}.json(), R"({"parallel": {"tensor": 1000000, "pipeline": 1000000,
      "data": 1000000}, "sequence_length": 128, "micro_batch": 1, "global_batch": 1000000})",
                     8)
                .empty(),
            false);
}

}  // namespace
}  // namespace orrery
