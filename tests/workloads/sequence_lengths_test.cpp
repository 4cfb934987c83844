#include "workloads/sequence_lengths.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <numeric>

#include "sim/base/hash.hpp"
#include "tests/workloads/training_fixture.hpp"
#include "workloads/document_stream.hpp"
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
  EXPECT_EQ(mistakes(R"({"kind": "variable", "lengths": [3000, 24]})"), Mistakes{});
  const std::string many = R"({"sequence_length": 1048576, "micro_batch": 64, "global_batch": 64,
                               "sequences": {"kind": "variable", "lengths": [1]}})";
  const std::vector<std::string> too_many =
      read_training(workload_json(SmallGpt{}.json(), many), 1).mistakes();
  EXPECT_TRUE(std::ranges::any_of(too_many, [](const std::string& text) {
    return text.starts_with("/sequences: the rows of a step hold more than");
  }));
  EXPECT_EQ(mistakes(R"({"kind": "variable", "lengths": []})"),
            Mistakes{"/sequences/lengths: expected the length of at least one document"});
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
  const std::string variable = resolved(keys(R"({"kind": "variable", "lengths": [3000, 24]})"));
  EXPECT_NE(variable.find(R"("sequences":{"kind":"variable","lengths":[3000,24]})"),
            std::string::npos);
  EXPECT_EQ(resolved(variable), variable);
}

TEST(SequenceLengths, WhatIsResolvedNamesTheDigestOfTheirFile) {
  const std::string text = "1000\n24\n";
  const std::string path = ::testing::TempDir() + "/sequence_lengths.txt";
  std::ofstream(path) << text;
  const auto lengths = [&](const std::string& more) {
    return keys(R"({"kind": "packed", "lengths": {"kind": "list", "file": ")" + path + "\"" + more +
                "}}");
  };
  const auto read = [&](const std::string& more) {
    return read_training(workload_json(SmallGpt{}.json(), lengths(more)), 1);
  };
  const std::string digest = R"("digest":")" + fnv1a_hex(text) + "\"";
  EXPECT_NE(to_text(read("").workload->resolved(), false).find(digest), std::string::npos);
  EXPECT_NE(read("," + digest).workload, nullptr);
  EXPECT_EQ(read(R"(,"digest":"0")").workload, nullptr);
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

TEST(DocumentStream, CutsDocumentsAtTheEndsOfRows) {
  using Row = std::vector<std::int64_t>;
  const DocumentStream stream({5, 2, 4}, 6);  // 11 tokens, over and over
  EXPECT_EQ(stream.row(0), (Row{5, 1}));
  EXPECT_EQ(stream.row(1), (Row{1, 4, 1}));
  EXPECT_EQ(stream.row(2), (Row{4, 2}));
  EXPECT_EQ(stream.row(11), stream.row(0));
  EXPECT_EQ(DocumentStream({2}, 7).row(3), (Row{1, 2, 2, 2}));
  EXPECT_EQ(DocumentStream({9}, 2).row(4), (Row{1, 1}));
}

TEST(DocumentStream, EveryTokenIsInOneRow) {
  const std::vector<std::int64_t> lengths = {13, 1, 700, 64, 2};
  const std::int64_t period = 780;
  for (const std::int64_t length : {1, 7, 130, 1000}) {
    const DocumentStream stream(lengths, length);
    std::vector<std::int64_t> starts(static_cast<std::size_t>(period), 0);
    std::int64_t at = 0;
    for (std::int64_t row = 0; row < period; ++row) {  // length times through all documents
      const std::vector<std::int64_t> pieces = stream.row(row);
      EXPECT_EQ(std::accumulate(pieces.begin(), pieces.end(), std::int64_t{0}), length);
      for (const std::int64_t piece : pieces) {
        ++starts[static_cast<std::size_t>(at % period)];
        at += piece;
      }
    }
    for (const std::int64_t begin : {0, 13, 14, 714, 778}) {  // where a document begins
      EXPECT_EQ(starts[static_cast<std::size_t>(begin)], length) << begin;
    }
  }
}

/// Of two replicas the first always gets a whole document, the second two halves of one.
TEST(VariableSequences, EachReplicaAttendsToItsOwnDocuments) {
  const NetworkShape shape = shape_of(SmallGpt{}.json());
  const auto job_of = [](const std::string& sequences) {
    return read_training(
               workload_json(SmallGpt{}.json(),
                             R"({"sequence_length": 1024, "micro_batch": 1, "global_batch": 4,
                                 "parallel": {"data": 2}, "sequences": )" +
                                 sequences + "}"),
               2)
        .workload->build();
  };
  const Job job = job_of(R"({"kind": "variable", "lengths": [1024, 512, 512]})");
  const Division division = {.micro_batch = 1, .sequence_length = 1024};
  const double whole = flash_attention_forward(shape, division).operations.as_double();
  std::array<int, 2> seen = {};
  for (const Op& op : job.graph.ops()) {
    if (job.graph.text(op.label) != "forward.attention.flash") continue;
    const std::span<const Rank> ranks = job.graph.ranks(op.ranks);
    ASSERT_EQ(ranks.size(), 1U);
    ++seen[static_cast<std::size_t>(ranks[0])];
    EXPECT_EQ(job.graph.kernel(op.kernel).operations.as_double(),
              ranks[0] == 0 ? whole : whole / 2);
  }
  const int layers_and_micro_batches = 4 * 2;
  EXPECT_EQ(seen[0], layers_and_micro_batches);
  EXPECT_EQ(seen[1], layers_and_micro_batches);
  // three quarters of the pairs on average
  const double fixed = job_of(R"({"kind": "fixed"})").model_operations;
  const double packed = job_of(R"({"kind": "packed", "lengths": [512, 512]})").model_operations;
  EXPECT_NEAR(job.model_operations, (fixed + packed) / 2, 1e-9 * fixed);
}

/// Documents as long as rows are what no documents are.
TEST(VariableSequences, WholeRowsTakeTheWorkOfFixedOnes) {
  const auto operations = [](const std::string& sequences) {
    const Job job =
        read_training(workload_json(SmallGpt{}.json(), keys(sequences)), 1).workload->build();
    double sum = 0;
    for (const Op& op : job.graph.ops()) {
      if (op.kind == OpKind::compute) sum += job.graph.kernel(op.kernel).operations.as_double();
    }
    return sum;
  };
  EXPECT_EQ(operations(R"({"kind": "variable", "lengths": [1024]})"),
            operations(R"({"kind": "fixed"})"));
}

}  // namespace
}  // namespace orrery
