// The data of `orrery report` against the run it speaks of, and what would help against closed
// forms.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "sim/base/json_value.hpp"
#include "sim/base/unit_text.hpp"
#include "tests/tools/orrery/program.hpp"
#include "tools/orrery/builtins.hpp"
#include "tools/orrery/report_data.hpp"
#include "tools/orrery/what_if.hpp"

namespace orrery {
namespace {

using testing_program::Outcome;
using testing_program::read_file;
using testing_program::run_orrery;
using testing_program::TemporaryFolder;
using testing_program::write_file;

/// What the page's data.js does.
template <class Number>
std::vector<Number> unpacked(const JsonValue& value) {
  std::string bytes;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char digit : value.string) {
    if (digit == '=') break;
    const std::string_view digits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bits = bits << 6U | static_cast<std::uint32_t>(digits.find(digit));
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> static_cast<unsigned>(count) & 255U);
  }
  std::vector<Number> numbers(bytes.size() / sizeof(Number));
  std::memcpy(numbers.data(), bytes.data(), numbers.size() * sizeof(Number));
  return numbers;
}

class ReportTest : public testing::Test {
 protected:
  /// Two stages of GPT-2 on two nodes: kernels, collectives inside nodes, transfers between them.
  ReportTest() {
    write_file(folder_ / "scenario.json", R"({"orrery": 1, "name": "a </script> b",
        "cluster": {"use": "dgx_a100_superpod", "with": {"nodes": 2}},
        "workload": {"kind": "transformer_training", "network": "gpt2",
        "parallel": {"tensor": 4, "data": 2, "pipeline": 2}, "sequence_length": 512,
        "micro_batch": 2, "global_batch": 16}})");
    const Outcome run = run_orrery({"run", scenario_, "--out", out_});
    EXPECT_EQ(run.exit_code, 0) << run.err;
  }

  TemporaryFolder folder_;
  const std::string scenario_ = (folder_ / "scenario.json").string();
  const std::string out_ = (folder_ / "out").string();
  const Builtins builtins_;
};

TEST_F(ReportTest, LoadOverTimeAveragesToTheUtilisationOfTheRun) {
  const JsonValue data = report_data(out_, builtins_, {.what_if = false});
  const JsonValue& listed = *data.find("result")->find("resources")->find("most_loaded_first");
  std::size_t compared = 0;
  for (const JsonValue& row : data.find("load")->find("rows")->items) {
    double sum = 0;
    const std::vector<float> parts = unpacked<float>(*row.find("utilisation"));
    ASSERT_EQ(parts.size(), static_cast<std::size_t>(data.find("stretches")->integer));
    for (const float part : parts) {
      sum += part;
      EXPECT_LE(part, 1 + 1e-6);
    }
    for (const JsonValue& use : listed.items) {
      if (use.find("name")->string != row.find("name")->string) continue;
      EXPECT_NEAR(sum / static_cast<double>(parts.size()), use.find("utilisation")->real, 1e-6)
          << row.find("name")->string;
      ++compared;
    }
  }
  EXPECT_EQ(compared, data.find("load")->find("rows")->items.size());
}

TEST_F(ReportTest, SpansLieInTheirLanesOneAfterTheOther) {
  const JsonValue data = report_data(out_, builtins_, {.what_if = false});
  const JsonValue& spans = *data.find("spans");
  const auto lane = unpacked<std::uint32_t>(*spans.find("lane"));
  const auto start = unpacked<double>(*spans.find("start"));
  const auto length = unpacked<float>(*spans.find("length"));
  const auto critical = unpacked<std::uint32_t>(*spans.find("critical"));
  ASSERT_EQ(lane.size(), static_cast<std::size_t>(spans.find("count")->integer));
  ASSERT_GT(lane.size(), 100U);
  const double whole = static_cast<double>(data.find("makespan_ps")->integer);
  for (std::size_t i = 0; i < lane.size(); ++i) {
    const double rounding = 1e-6 * whole;
    EXPECT_LE(start[i] + length[i], whole + rounding);
    if (i == 0 || lane[i] != lane[i - 1]) continue;
    EXPECT_GE(lane[i], lane[i - 1]);
    EXPECT_GE(start[i] + rounding, start[i - 1] + length[i - 1])
        << "a stream runs one op at a time";
  }
  std::size_t steps = 0;
  double on_path = 0;
  for (const JsonValue& step : data.find("path")->items) {
    steps += static_cast<std::size_t>(step.find("steps")->integer);
    on_path += step.find("time_s")->real + step.find("wait_s")->real;
  }
  EXPECT_EQ(critical.size(), steps);
  EXPECT_NEAR(on_path, whole / 1e12, 1e-9);
}

TEST_F(ReportTest, MemoryReachesItsPeakWhereTheResultSaysSo) {
  const JsonValue data = report_data(out_, builtins_, {.what_if = false});
  const JsonValue& use = data.find("result")->find("memory")->items.front();
  std::vector<double> total;
  for (const JsonValue& held : data.find("memory")->find("categories")->items) {
    const auto bytes = unpacked<double>(*held.find("bytes"));
    total.resize(bytes.size());
    for (std::size_t i = 0; i < bytes.size(); ++i) total[i] += bytes[i];
  }
  const auto highest = std::max_element(total.begin(), total.end());
  EXPECT_EQ(*highest, static_cast<double>(use.find("peak_bytes")->integer));
  const double share =
      use.find("peak_at_s")->real * 1e12 / static_cast<double>(data.find("makespan_ps")->integer);
  EXPECT_EQ(highest - total.begin(),
            static_cast<std::ptrdiff_t>(share * static_cast<double>(total.size())));
}

TEST_F(ReportTest, ThePageIsOneFileWhoseDataNoTextCanLeave) {
  const Outcome report = run_orrery({"report", out_, "--no-what-if"});
  ASSERT_EQ(report.exit_code, 0) << report.err;
  const std::string page = read_file(folder_ / "out/report.html");
  EXPECT_EQ(page.find("http://"), page.find("http://www.w3.org/2000/svg")) << "a name, no address";
  EXPECT_EQ(page.find("https://"), std::string::npos);
  EXPECT_EQ(page.find("a </script> b"), std::string::npos);
  EXPECT_NE(page.find("a \\u003c/script> b"), std::string::npos);
  EXPECT_EQ(page.find("/*DATA*/"), std::string::npos);
}

TEST_F(ReportTest, RanksBeyondTheLimitAreLeftOutAndCounted) {
  const JsonValue all = report_data(out_, builtins_, {.what_if = false});
  const JsonValue one = report_data(out_, builtins_, {.maximum_spans = 1, .what_if = false});
  const auto number = [](const JsonValue& data, const char* key) {
    return data.find("spans")->find(key)->integer;
  };
  EXPECT_EQ(number(all, "left_out_ranks"), 0);
  EXPECT_GT(number(one, "left_out_ranks"), 0);
  EXPECT_EQ(number(one, "count") + number(one, "left_out_spans"), number(all, "count"));
}

TEST_F(ReportTest, WhatIsNoResultIsRefusedInWords) {
  write_file(folder_ / "out/result.json", R"({"some": "thing"})");
  const Outcome report = run_orrery({"report", out_});
  EXPECT_EQ(report.exit_code, 2);
  EXPECT_NE(report.err.find("expected a result of `orrery run --out`"), std::string::npos);
  EXPECT_EQ(run_orrery({"report", (folder_ / "nowhere").string()}).exit_code, 5);
}

TEST_F(ReportTest, WhatWouldHelpNeverHelpsMoreThanItIsUsed) {
  const JsonValue data = report_data(out_, builtins_, {});
  ASSERT_EQ(data.find("what_if")->items.size(), kResourceClasses.size());
  double sum = 0;
  for (const JsonValue& answer : data.find("what_if")->items) {
    const double change = answer.find("change")->real;
    EXPECT_LE(change, 0) << answer.find("faster")->string;
    EXPECT_GE(change, 1 / kFaster - 1);
    EXPECT_LE(answer.find("critical_path_estimate")->real, 0);
    EXPECT_FALSE(answer.find("pointers")->items.empty());
    sum += answer.find("critical_path_estimate")->real;
  }
  EXPECT_GE(sum, 1 / kFaster - 1) << "the shares of a path sum to at most all of it";
}

/// One collective and nothing else, over links that are the only thing that takes time.
TEST_F(ReportTest, ACollectiveBoundByItsLinksGainsAllOfIt) {
  write_file(folder_ / "collective.json", R"({"orrery": 1,
      "cluster": {"use": "dgx_a100_superpod", "with": {"nodes": 1, "node": {
        "fabric": {"link": {"latency": "0 s"}}, "device": {"collective_launch": "0 s"}}}},
      "workload": {"kind": "collective", "collective": "all_reduce", "size": "1 GiB"},
      "collectives": {"library": "plain", "all_reduce": "ring"}})");
  const Outcome run =
      run_orrery({"run", (folder_ / "collective.json").string(), "--what-if", "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const JsonValue result = parse_json(run.out, "stdout");
  for (const JsonValue& answer : result.find("what_if")->items) {
    const bool links = answer.find("faster")->string == "intra_node";
    const double expected = links ? 1 / kFaster - 1 : 0;
    EXPECT_NEAR(answer.find("change")->real, expected, 1e-6) << answer.find("faster")->string;
    EXPECT_NEAR(answer.find("critical_path_estimate")->real, expected, 1e-6);
  }
}

TEST(WhatIf, EveryClassChangesItsOwnFiguresAndNoOthers) {
  const JsonValue before = parse_json(R"({"cluster": {
      "node": {"device": {"peak": {"bf16": {"value": "100 TFLOP/s", "source": "s"}},
                          "hbm": {"bandwidth": "2 TB/s", "capacity": "80 GiB"},
                          "kernel_launch": "2.2 us"},
               "fabric": {"kind": "crossbar", "link": {"latency": "1 us", "bandwidth": "50 GB/s"}},
               "nic_link": {"latency": "1 us", "bandwidth": "400 Gbit/s"}},
      "fabric": {"kind": "ring", "link": {"latency": "1 us", "bandwidth": "100 Gbit/s"}}},
      "collectives": {"launch": "11 us"}})",
                                      "test");
  const auto text_at = [](const JsonValue& document, const std::string& pointer) {
    const JsonValue* value = value_at(document, pointer);
    const JsonValue* fact = value->find("value");
    return (fact != nullptr ? fact : value)->string;
  };
  const std::vector<std::pair<ResourceClass, std::vector<std::string>>> expected = {
      {ResourceClass::math, {"/cluster/node/device/peak/bf16"}},
      {ResourceClass::memory, {"/cluster/node/device/hbm/bandwidth"}},
      {ResourceClass::intra_node, {"/cluster/node/fabric/link/bandwidth"}},
      {ResourceClass::inter_node,
       {"/cluster/node/nic_link/bandwidth", "/cluster/fabric/link/bandwidth"}},
      {ResourceClass::launch, {"/cluster/node/device/kernel_launch", "/collectives/launch"}}};
  for (const auto& [resource, pointers] : expected) {
    JsonValue after = before;
    EXPECT_EQ(make_faster(after, resource, 1.1), pointers);
    for (const auto& [other, places] : expected) {
      for (const std::string& place : places) {
        if (other == resource) continue;
        EXPECT_EQ(text_at(after, place), text_at(before, place));
      }
    }
  }
  JsonValue after = before;
  make_faster(after, ResourceClass::inter_node, 1.1);
  EXPECT_EQ(parse_bandwidth(text_at(after, "/cluster/node/nic_link/bandwidth")),
            parse_bandwidth("440 Gbit/s"));
  make_faster(after, ResourceClass::launch, 1.1);
  EXPECT_EQ(parse_duration(text_at(after, "/collectives/launch")), parse_duration("10 us"));
}

TEST(WhatIf, ACollectiveOverNodesCountsForTheLinksThatHoldItUp) {
  // Two servers of eight, whose own links are the slower part of an all-reduce over both.
  const TemporaryFolder folder;
  const std::string scenario = (folder / "scenario.json").string();
  write_file(scenario, R"({"orrery": 1, "cluster": {"use": "ascend_910b_cluster"},
      "workload": {"kind": "collective", "collective": "all_reduce", "size": "64 MiB", "ranks": 16},
      "collectives": {"library": "predicted"}})");
  const Outcome outcome = run_orrery({"run", scenario, "--what-if", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const JsonValue result = parse_json(outcome.out, "result");
  for (const JsonValue& answer : result.find("what_if")->items) {
    const double simulated = answer.find("change")->real;
    const double estimate = answer.find("critical_path_estimate")->real;
    const std::string& faster = answer.find("faster")->string;
    if (faster == "intra_node") {
      EXPECT_LT(simulated, -0.05);
    }
    if (faster == "intra_node" || faster == "inter_node") {
      EXPECT_NEAR(estimate, simulated, 0.01) << faster << ": latencies are in the estimate";
    }
  }
}

}  // namespace
}  // namespace orrery
