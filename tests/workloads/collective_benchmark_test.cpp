#include <gtest/gtest.h>

#include "tests/hw/json_text.hpp"
#include "workloads/builtin.hpp"

namespace orrery {
namespace {

struct Made {
  std::unique_ptr<Workload> workload;
  std::string mistakes;
};

Made made_of(const std::string& keys, std::int64_t devices = 8, std::uint64_t seed = 0) {
  const JsonValue value = parse_json("{" + keys + "}", "t.json");
  Diagnostics diagnostics;
  Made made;
  made.workload =
      make_collective_benchmark(JsonCursor(value, diagnostics), {.devices = devices, .seed = seed});
  made.mistakes = all_text(diagnostics);
  EXPECT_EQ(made.workload == nullptr, !made.mistakes.empty());
  return made;
}

Job job_of(const std::string& keys, std::int64_t devices = 8, std::uint64_t seed = 0) {
  Made made = made_of(keys, devices, seed);
  ORRERY_CHECK(made.workload != nullptr, made.mistakes);
  return made.workload->build();
}

TEST(CollectiveBenchmark, RunsOnAllDevicesOnceUnlessItSaysOtherwise) {
  const Job job = job_of(R"("collective": "all_gather", "size": "3 MB")");
  ASSERT_EQ(job.graph.ops().size(), 1U);
  const Op& op = job.graph.ops().front();
  EXPECT_EQ(op.collective, CollectiveKind::all_gather);
  EXPECT_EQ(op.bytes, Bytes(3'000'000));
  EXPECT_EQ(op.group_size, 8U);
  EXPECT_EQ(job.graph.world_size(), 8);
}

TEST(CollectiveBenchmark, RepeatsInAStreamAndRunsSideBySideInSeveral) {
  const Job job = job_of(R"("collective": "gather", "size": "1 MB", "ranks": 6, "group": 3,
                            "root": 2, "repeat": 4, "at_once": 2)");
  EXPECT_EQ(job.graph.ops().size(), 4U * 2U);
  EXPECT_EQ(job.graph.stream_count(), 2U);
  for (const Op& op : job.graph.ops()) {
    EXPECT_EQ(op.group_size, 3U);
    EXPECT_EQ(op.root, 2U);
    EXPECT_EQ(job.graph.ranks(op.ranks).size(), 6U);
  }
}

TEST(CollectiveBenchmark, ATableIsTakenAsItIsAndItsSizeIsThatOfTheBusiest) {
  const Job job = job_of(R"("collective": "all_to_all_v", "group": 2,
                            "sizes": [["9 B", "5 B"], ["0 B", "7 B"]])");
  const Op& op = job.graph.ops().front();
  const auto table = job.graph.sizes_of(op);
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->between(0, 1), Bytes(5));
  EXPECT_EQ(table->between(1, 0), Bytes(0));
  EXPECT_EQ(op.bytes, Bytes(5)) << "what a rank keeps goes nowhere";
}

TEST(CollectiveBenchmark, OfALawEverySenderSendsTheSameAndTheFavouredGetMore) {
  const auto row = [](const std::string& exponent, std::uint64_t seed) {
    const Job job = job_of(R"("collective": "all_to_all_v", "size": "840 MB",
        "sizes": {"kind": "zipf", "exponent": )" +
                               exponent + "}",
                           4, seed);
    const auto table = job.graph.sizes_of(job.graph.ops().front());
    std::vector<std::int64_t> bytes;
    for (int to = 0; to < 4; ++to) {
      for (int from = 0; from < 4; ++from)
        EXPECT_EQ(table->between(from, to), table->between(0, to));
      bytes.push_back(table->between(0, to).count());
    }
    return bytes;
  };
  EXPECT_EQ(row("0", 1), std::vector<std::int64_t>(4, 210'000'000));
  std::vector<std::int64_t> skewed = row("1", 1);
  EXPECT_EQ(row("1", 1), skewed) << "by the seed alone";
  std::sort(skewed.rbegin(), skewed.rend());
  const double sum = 1 + 1.0 / 2 + 1.0 / 3 + 1.0 / 4;
  for (std::size_t k = 0; k < 4; ++k) {
    const double part = 840e6 / sum / static_cast<double>(k + 1);
    EXPECT_NEAR(static_cast<double>(skewed[k]), part, 1) << k;
  }
}

TEST(CollectiveBenchmark, WhatIsResolvedGivesTheSameAgain) {
  for (
      const char* keys :
      {R"("collective": "scatter", "size": "64 KiB", "group": 4, "root": 3, "repeat": 2)",
       R"("collective": "barrier")",
       R"("collective": "all_to_all_v", "group": 2, "sizes": [["9 B", "5 B"], ["0 B", "7 B"]])",
       R"("collective": "all_to_all_v", "size": "1 MB", "sizes": {"kind": "zipf", "exponent": 2})"}) {
    const Made first = made_of(keys);
    ASSERT_NE(first.workload, nullptr) << first.mistakes;
    const std::string resolved = to_text(first.workload->resolved(), false);
    const Made again = made_of(resolved.substr(1, resolved.size() - 2));
    ASSERT_NE(again.workload, nullptr) << again.mistakes;
    EXPECT_EQ(to_text(again.workload->resolved(), false), resolved);
    EXPECT_EQ(again.workload->build().graph.ops().front().bytes,
              first.workload->build().graph.ops().front().bytes);
  }
}

TEST(CollectiveBenchmark, AsksForWhatItsKindNeedsAndNothingElse) {
  EXPECT_NE(made_of(R"("collective": "reduce")").mistakes.find("missing key \"size\""),
            std::string::npos);
  EXPECT_NE(
      made_of(R"("collective": "all_reduce", "size": "1 B", "root": 1)").mistakes.find("root"),
      std::string::npos);
  EXPECT_NE(made_of(R"("collective": "all_to_all_v", "size": "1 B")").mistakes.find("\"sizes\""),
            std::string::npos);
  EXPECT_EQ(made_of(R"("collective": "barrier")").mistakes, "");
}

}  // namespace
}  // namespace orrery
