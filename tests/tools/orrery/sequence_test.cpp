// One attention layer over ranks, as the program runs it: memory's limit, folding, what is
// published.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/tools/orrery/experiment.hpp"

namespace orrery {
namespace {

using testing_program::number;
using testing_program::Outcome;
using testing_program::run_orrery;
using testing_program::TemporaryFolder;
using testing_program::write_file;

constexpr int kFits = 0;
constexpr int kDoesNotFit = 3;
constexpr const char* kScenario = R"({"orrery": 1, "cluster": "dgx_h100",
  "workload": {"kind": "sequence_parallel_attention", "method": "ring", "heads": 32,
               "head_size": 128, "sequence_length": 65536},
  "collectives": {"library": "plain"}})";

class SequenceAttentionTest : public testing::Test {
 protected:
  SequenceAttentionTest() { write_file(folder_ / "scenario.json", kScenario); }

  Outcome run(const std::vector<std::string>& overrides, bool unfolded = false) const {
    std::vector<std::string> words = {"run", folder_ / "scenario.json", "--json"};
    for (const std::string& each : overrides) words.insert(words.end(), {"--set", each});
    if (unfolded) words.emplace_back("--unfolded");
    return run_orrery(words);
  }

  TemporaryFolder folder_;
};

// A ring holds of each own token Q, K and V, output and log-sum-exp; two blocks of keys and values
// that come and go; the sum in fp32; a block's output. So what fits is the degree times what fits
// on one rank of it, to the token.
TEST_F(SequenceAttentionTest, ARingsLongestContextIsItsRanksTimesThatOfOne) {
  const std::int64_t width = 32 * 128;
  const std::int64_t element = 2;
  const std::int64_t output = width * element + 32 * 4;
  const std::int64_t held = 3 * width * element + output;
  const std::int64_t buffers = 2 * 2 * width * element + width * 4 + output;
  const std::int64_t capacity = std::int64_t{80} << 30;
  const std::int64_t of_a_rank = capacity / (held + buffers);
  for (const std::int64_t degree : {2, 4, 8}) {
    for (const std::int64_t more : {0, 1}) {
      const Outcome outcome =
          run({"/workload/mask=full", "/workload/degree=" + std::to_string(degree),
               "/workload/sequence_length=" + std::to_string(degree * (of_a_rank + more))});
      EXPECT_EQ(outcome.exit_code, more == 0 ? kFits : kDoesNotFit) << degree << outcome.err;
    }
  }
  // One device alone needs nothing of the blocks of others.
  const std::int64_t alone = capacity / held;
  for (const std::int64_t more : {0, 1}) {
    const Outcome outcome = run({"/workload/mask=full", "/workload/degree=1",
                                 "/workload/sequence_length=" + std::to_string(alone + more)});
    EXPECT_EQ(outcome.exit_code, more == 0 ? kFits : kDoesNotFit) << outcome.err;
  }
}

// Every figure may be right by itself and only the sum be out of range.
TEST_F(SequenceAttentionTest, TimesBeyondTheClockAreTheUsersMistake) {
  const Outcome outcome = run({R"(/workload/host={"kernel": "2000000 s"})"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_NE(outcome.err.find("duration overflow"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("out of all proportion"), std::string::npos) << outcome.err;
}

TEST_F(SequenceAttentionTest, TakesTheSameTimeFoldedAndNotAndPassesItsChecks) {
  for (const char* method : {"ring", "token_ring", "ulysses", R"({"kind": "usp", "ulysses": 2})",
                             "megatron_sp", R"({"kind": "all_gather_kv", "gathers": 4})"}) {
    for (const char* layout : {"contiguous", "zigzag"}) {
      // Blocks of a zigzag have fewer keys than queries, which kernels of prompts never have.
      const bool is_zigzag = std::string(layout) == "zigzag";
      const std::vector<std::string> options = {
          std::string("/cost/kind=") + (is_zigzag ? "calibrated" : "roofline"),
          std::string("/workload/method=") + method,
          std::string("/workload/layout=") + layout,
          "/workload/pass=forward_backward",
          "/workload/sequence_length=4096",
          "/workload/kv_heads=8"};
      std::vector<std::string> times;
      for (const bool unfolded : {false, true}) {
        const Outcome outcome = run(options, unfolded);
        ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
        const JsonValue result = parse_json(outcome.out, "result");
        for (const JsonValue& check : result.find("checks")->items) {
          EXPECT_TRUE(check.find("holds")->boolean) << check.find("sentence")->string;
        }
        times.push_back(to_text(*result.find("attention_time_s"), false));
      }
      EXPECT_EQ(times[0], times[1]) << method << " " << layout;
    }
  }
}

// In a full mesh every pair has a link each way. A ring puts P-1 blocks of keys and values on those
// to the next; TokenRing P-1 of queries on those to the one before, and one output, with its
// log-sum-exp, on that to each distance.
TEST_F(SequenceAttentionTest, LinksOfAFullMeshCarryWhatEachSchemeSends) {
  const int degree = 8;
  const double query = 8192.0 * 32 * 128 * 2;
  const double output = query + 8192.0 * 32 * 4;
  for (const char* method : {"ring", "token_ring"}) {
    const Outcome outcome = run({"/cluster=ascend_910b_8", "/workload/mask=full",
                                 std::string("/workload/method=") + method},
                                true);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const JsonValue result = parse_json(outcome.out, "result");
    int links = 0;
    for (const JsonValue& link : value_at(result, "/resources/most_loaded_first")->items) {
      if (link.find("kind")->string != "hccs") continue;
      int from = -1, to = -1;
      ASSERT_EQ(std::sscanf(link.find("name")->string.c_str(), "node 0, device %d -> device %d",
                            &from, &to),
                2);
      const int distance = (to - from + degree) % degree;
      const bool is_ring = std::string(method) == "ring";
      double expected = is_ring && distance == 1 ? (degree - 1) * 2 * query : 0;
      if (!is_ring) expected = output + (distance == degree - 1 ? (degree - 1) * query : 0);
      const double carried = number(*link.find("utilisation")) *
                             number(*result.find("attention_time_s")) *
                             number(*link.find("capacity_Bps"));
      EXPECT_NEAR(carried, expected, 1e-6 * query) << method << " " << from << " to " << to;
      ++links;
    }
    EXPECT_EQ(links, degree * (degree - 1));
  }
}

TEST(Experiment, TokenRingStaysWithinItsTolerances) {
  testing_program::expect_within_tolerances("token_ring");
}

// Some rows of the tables that experiments keep, by a step that meets all columns' values.
void expect_table(const std::string& experiment, const std::string& table_name, int step) {
  const std::string folder = ORRERY_SOURCE_DIR "/experiments/" + experiment + "/";
  std::ifstream table(folder + table_name);
  const auto split = [](const std::string& line) {
    std::vector<std::string> cells;
    std::istringstream stream(line);
    for (std::string cell; std::getline(stream, cell, ',');) cells.push_back(cell);
    return cells;
  };
  std::string line;
  std::getline(table, line);
  const std::vector<std::string> columns = split(line);
  int checked = 0;
  for (int row = 0; std::getline(table, line); ++row) {
    if (row % step != 0) continue;
    const std::vector<std::string> cells = split(line);
    ASSERT_EQ(cells.size(), columns.size()) << line;
    std::vector<std::string> words = {"run", folder + "scenario.json", "--json"};
    const auto set = [&words](const std::string& text) {
      words.insert(words.end(), {"--set", text});
    };
    double wanted = 0;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::string& column = columns[i];
      if (column == "attention_time_s") {
        wanted = std::stod(cells[i]);
      } else if (column == "cluster") {
        set("/cluster=" + cells[i]);
      } else if (column == "method") {
        set("/workload/method=" +
            (cells[i] == "usp" ? R"({"kind": "usp", "ulysses": 8})" : cells[i]));
        if (cells[i].starts_with("lasp")) set("/workload/linear_block=256");
      } else if (column == "mask" || column == "kv_heads" || column == "sequence_length") {
        set("/workload/" + column + "=" + cells[i]);
      }
    }
    const Outcome outcome = run_orrery(words);
    ASSERT_TRUE(outcome.exit_code == kFits || outcome.exit_code == kDoesNotFit) << outcome.err;
    const JsonValue result = parse_json(outcome.out, "result");
    EXPECT_NEAR(number(*result.find("attention_time_s")), wanted, 0.03 * wanted) << line;
    ++checked;
  }
  EXPECT_GE(checked, 6);
}

TEST(Experiment, TablesOfSequenceMethodsAreWhatTheirScenariosGive) {
  expect_table("token_ring", "where.csv", 31);
  expect_table("sequence_methods", "methods.csv", 29);
}

TEST(Experiment, SequenceMethodsStayWithinTheirTolerances) {
  testing_program::expect_within_tolerances("sequence_methods");
}

// Figures without a limit are those whose goal is missed; the READMEs say which and by how much.
TEST(Reproduce, SequenceMethodsAreAsNearAsTheirLimitsSay) {
  for (const char* name : {"tokenring", "ring_flash", "usp"}) {
    const Outcome outcome = run_orrery({"reproduce", name});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
    EXPECT_EQ(outcome.out.find("LIMIT MISSED"), std::string::npos);
  }
}

}  // namespace
}  // namespace orrery
