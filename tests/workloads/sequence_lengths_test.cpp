#include "workloads/sequence_lengths.hpp"

#include <gtest/gtest.h>

#include "tests/workloads/training_fixture.hpp"
#include "workloads/kernel_forms.hpp"
#include "workloads/parameter_count.hpp"

namespace orrery {
namespace {

using testing::read_training;
using testing::shape_of;
using testing::SmallGpt;
using testing::workload_json;

std::string keys(const std::string& sequences) {
  return R"({"sequence_length": 1024, "micro_batch": 2, "global_batch": 2, "sequences": )" +
         sequences + "}";
}

std::vector<std::string> mistakes(const std::string& sequences) {
  return read_training(workload_json(SmallGpt{}.json(), keys(sequences)), 1).mistakes();
}

TEST(SequenceLengths, MustAddUpToTheRow) {
  using Mistakes = std::vector<std::string>;
  EXPECT_EQ(mistakes(R"({"kind": "packed", "lengths": [1000, 24]})"), Mistakes{});
  EXPECT_EQ(mistakes(R"({"kind": "packed", "lengths": [1000, 25]})"),
            Mistakes{"/sequences/lengths: the lengths add up to 1025, not to the sequence length "
                     "1024"});
  EXPECT_EQ(mistakes(R"({"kind": "packed", "lengths": []})").size(), 1U);
  EXPECT_EQ(mistakes(R"({"kind": "packed"})").size(), 1U);
  EXPECT_EQ(mistakes(R"({"kind": "packed", "lengths": [1024, 0]})").size(), 1U);
  EXPECT_EQ(mistakes(R"({"kind": "fixed", "lengths": [1024]})").size(), 1U);
}

TEST(SequenceLengths, WhatIsResolvedGivesTheSameAgain) {
  const auto resolved = [](const std::string& text) {
    return to_text(read_training(workload_json(SmallGpt{}.json(), text), 1).workload->resolved(),
                   false);
  };
  const std::string packed = resolved(keys(R"({"kind": "packed", "lengths": [1000, 24]})"));
  EXPECT_NE(packed.find(R"("sequences":{"kind":"packed","lengths":[1000,24]})"), std::string::npos);
  EXPECT_EQ(resolved(packed), packed);
  EXPECT_EQ(resolved(keys(R"({"kind": "fixed"})")).find("sequences"), std::string::npos);
}

TEST(SequenceLengths, AttentionStaysInsideEachSequence) {
  const NetworkShape shape = shape_of(SmallGpt{}.json());
  Division division = {.micro_batch = 2, .sequence_length = 1024};
  const Kernel whole = flash_attention_forward(shape, division);
  const double other = model_operations_per_token(shape, division, AttentionSpan::full) -
                       4.0 * 4 * 256 * 1024;  // without attention: 4 layers, hidden size 256
  division.packed = {512, 256, 256};
  const Kernel packed = flash_attention_forward(shape, division);
  const double part = (512.0 * 512 + 2 * 256.0 * 256) / (1024.0 * 1024);
  EXPECT_EQ(packed.operations.as_double(), part * whole.operations.as_double());
  EXPECT_EQ(packed.read, whole.read);
  EXPECT_EQ(packed.written, whole.written);
  EXPECT_NEAR(model_operations_per_token(shape, division, AttentionSpan::full),
              other + 4.0 * 4 * 256 * 1024 * part, 1);
}

}  // namespace
}  // namespace orrery
