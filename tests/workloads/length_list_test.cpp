#include "workloads/length_list.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "sim/base/hash.hpp"

namespace orrery {
namespace {

struct Read {
  LengthList list;
  std::vector<std::string> mistakes;
};

/// The file where the key stands is in the folder of temporary files.
Read read(const std::string& text, std::uint64_t seed = 0) {
  const JsonValue value = parse_json(text, ::testing::TempDir() + "/lengths_scenario.json");
  Diagnostics diagnostics;
  JsonCursor cursor(value, diagnostics);
  Read result{read_length_list(cursor, seed), {}};
  for (const Diagnostic& each : diagnostics.items()) {
    result.mistakes.push_back(each.pointer + ": " + each.message);
  }
  return result;
}

void write(const std::string& name, const std::string& text) {
  std::ofstream(::testing::TempDir() + "/" + name) << text;
}

TEST(LengthList, ComesFromAFileBesideItsName) {
  const std::string text = "368\n99\r\n\n1330\n";
  write("lengths_list.txt", text);
  const Read found = read(R"({"kind": "list", "file": "lengths_list.txt"})");
  EXPECT_EQ(found.mistakes, std::vector<std::string>{});
  EXPECT_EQ(found.list.tokens, (std::vector<std::int64_t>{368, 99, 1330}));
  EXPECT_EQ(found.list.digest, fnv1a_hex(text));
  const std::string with = R"({"kind": "list", "file": "lengths_list.txt", "digest": ")";
  EXPECT_EQ(read(with + found.list.digest + "\"}").mistakes.size(), 0U);
  EXPECT_EQ(read(with + "0\"}").mistakes,
            std::vector<std::string>{"/digest: the file is not that of this digest: its own is " +
                                     found.list.digest});
  write("lengths_list.txt", "368\n0\n");
  EXPECT_EQ(read(R"({"kind": "list", "file": "lengths_list.txt"})").mistakes,
            std::vector<std::string>{"/file: line 2 of the file: expected a length from 1 to "
                                     "16777216 tokens"});
}

TEST(LengthList, AHistogramIsDrawnFromAsOftenAsItSays) {
  write("lengths_histogram.csv", "tokens,sequences\n7,1\n50,3\n");
  const std::int64_t count = 20'000;
  const std::string keys = R"("kind": "histogram", "count": )" + std::to_string(count);
  const Read found = read("{" + keys + R"(, "file": "lengths_histogram.csv"})");
  ASSERT_EQ(found.mistakes, std::vector<std::string>{});
  const auto sevens = std::count(found.list.tokens.begin(), found.list.tokens.end(), 7);
  const auto fifties = std::count(found.list.tokens.begin(), found.list.tokens.end(), 50);
  EXPECT_EQ(sevens + fifties, count);
  const double share = 0.25;
  const double deviation = std::sqrt(share * (1 - share) / static_cast<double>(count));
  EXPECT_NEAR(static_cast<double>(sevens) / static_cast<double>(count), share, 4 * deviation);
  const Read rows = read("{" + keys + R"(, "rows": [[7, 1], [50, 3]]})");
  EXPECT_EQ(rows.list.tokens, found.list.tokens) << "the same written here";
  EXPECT_NE(read("{" + keys + R"(, "rows": [[7, 1], [50, 3]]})", 1).list.tokens, found.list.tokens)
      << "another seed";
}

TEST(LengthList, ALogNormalLawHasItsMedianAndDeviation) {
  const double median = 400;
  const double sigma = 1.5;
  const Read found = read(R"({"kind": "log_normal", "median": 400, "sigma": 1.5, "count": 20000})");
  ASSERT_EQ(found.mistakes, std::vector<std::string>{});
  ASSERT_EQ(found.list.tokens.size(), 20'000U);
  double mean = 0;
  double square = 0;
  for (const std::int64_t tokens : found.list.tokens) {
    const double logarithm = std::log(static_cast<double>(tokens));
    mean += logarithm / 20'000;
    square += logarithm * logarithm / 20'000;
  }
  // Four standard deviations, and what rounding does to the shortest.
  EXPECT_NEAR(mean, std::log(median), 4 * sigma / std::sqrt(20'000) + 0.005);
  EXPECT_NEAR(std::sqrt(square - mean * mean), sigma, 4 * sigma / std::sqrt(40'000) + 0.01);
  const Read cut = read(
      R"({"kind": "log_normal", "median": 400, "sigma": 1.5, "maximum": 1000, "count": 20000})");
  for (std::size_t i = 0; i < cut.list.tokens.size(); ++i) {
    ASSERT_EQ(cut.list.tokens[i], std::min<std::int64_t>(found.list.tokens[i], 1000));
  }
}

}  // namespace
}  // namespace orrery
