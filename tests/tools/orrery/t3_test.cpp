// A tensor-parallel sublayer on T3's GPUs: bytes, bounds, and the tracker.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "tests/tools/orrery/experiment.hpp"

namespace orrery {
namespace {

using testing_program::number;
using testing_program::Outcome;
using testing_program::run_orrery;

constexpr const char* kArbitration = "/cluster/node/with/device/memory_arbitration/kind=";

/// experiments/t3/scenario.json with overrides.
JsonValue result_of(const std::vector<std::string>& overrides, bool unfolded = false) {
  std::vector<std::string> words = {"run", ORRERY_SOURCE_DIR "/experiments/t3/scenario.json",
                                    "--json"};
  for (const std::string& each : overrides) {
    words.emplace_back("--set");
    words.push_back(each);
  }
  if (unfolded) words.emplace_back("--unfolded");
  const Outcome outcome = run_orrery(words);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  JsonValue result = parse_json(outcome.out, "result");
  for (const JsonValue& check : result.find("checks")->items) {
    EXPECT_TRUE(check.find("holds")->boolean) << check.find("sentence")->string;
  }
  return result;
}

double at(const JsonValue& result, const std::string& pointer) {
  const JsonValue* found = value_at(result, pointer);
  EXPECT_NE(found, nullptr) << pointer;
  return found == nullptr ? 0 : number(*found);
}

double time_of(const JsonValue& result) {
  return at(result, "/sublayer_time_s");
}

std::string ranks(int count) {
  return "/cluster/node/with/devices=" + std::to_string(count);
}

/// Chunks that a category reads or writes on each rank, in "read" and "written".
double chunks(const JsonValue& result, const std::string& category, const std::string& what) {
  return at(result, "/memory_traffic_bytes/by_category/" + category + "/" + what) /
         at(result, "/facts/chunk_bytes/value");
}

// Counted chunk by chunk as the publication describes it: of N chunks of a rank, cores send the
// first (read 1), add and send N - 2 (read 2), and add the last one (read 2, write 1), while N - 1
// arrive (write 1). Triggered, one chunk is never stored here, N - 2 are read by a DMA, N - 1
// arrive.
TEST(Sublayer, MemoryMovesWhatIsCountedChunkByChunk) {
  for (const int n : {2, 4, 8}) {
    SCOPED_TRACE(n);
    const JsonValue sequential = result_of({ranks(n)});
    EXPECT_DOUBLE_EQ(chunks(sequential, "product", "written"), n);
    EXPECT_DOUBLE_EQ(chunks(sequential, "reduce_scatter", "read"), 1 + 2 * (n - 2) + 2);
    EXPECT_DOUBLE_EQ(chunks(sequential, "reduce_scatter", "written"), (n - 1) + 1);
    const JsonValue triggered = result_of({ranks(n), "/workload/overlap=triggered"});
    EXPECT_DOUBLE_EQ(chunks(triggered, "product", "written"), n - 1);
    EXPECT_DOUBLE_EQ(chunks(triggered, "reduce_scatter", "written"), n - 1);
    EXPECT_DOUBLE_EQ(chunks(triggered, "reduce_scatter", "read"), n - 2);
    for (const JsonValue* each : {&sequential, &triggered}) {
      EXPECT_DOUBLE_EQ(chunks(*each, "all_gather", "read"), n - 1);
      EXPECT_DOUBLE_EQ(chunks(*each, "all_gather", "written"), n - 1);
      EXPECT_DOUBLE_EQ(at(*each, "/memory_traffic_bytes/by_category/product/read"),
                       at(*each, "/facts/product_read_bytes/value"));
    }
  }
}

// A ring's reduce-scatter and its all-gather each put N - 1 chunks on each link of one direction.
TEST(Sublayer, EveryLinkOfOneDirectionCarriesTwiceNMinusOneChunks) {
  const int n = 8;
  for (const char* overlap : {"none", "reduce_scatter", "triggered"}) {
    const JsonValue result =
        result_of({ranks(n), std::string("/workload/overlap=") + overlap}, true);
    int loaded = 0;
    for (const JsonValue& link : value_at(result, "/resources/most_loaded_first")->items) {
      if (link.find("kind")->string != "wire" && link.find("kind")->string != "t3_ring") continue;
      const double carried = number(*link.find("utilisation")) * time_of(result) *
                             number(*link.find("capacity_Bps")) /
                             at(result, "/facts/chunk_bytes/value");
      if (carried == 0) continue;
      ++loaded;
      EXPECT_NEAR(carried, 2 * (n - 1), 1e-6);
    }
    EXPECT_EQ(loaded, n) << overlap;
  }
}

// With a product of G, and a reduce-scatter and an all-gather of R each, the gain is at most
// (G + 2R) / (max(G, R) + R) <= 1.5, which it reaches where G = R.
TEST(Sublayer, IdealOverlapIsTheLongerOfBothAndGainsAtMostAHalf) {
  double most = 0;
  for (const int depth : {1064, 4256, 6384, 8512, 17024}) {
    const std::string wide = "/workload/feed_forward=" + std::to_string(depth);
    const JsonValue sequential = result_of({wide});
    const JsonValue ideal =
        result_of({wide, "/workload/overlap=reduce_scatter", std::string(kArbitration) + "none"});
    const double product = at(sequential, "/product_s");
    const double reduce = at(sequential, "/reduce_scatter_s");
    const double gather = at(sequential, "/all_reduce_s") - reduce;
    EXPECT_NEAR(time_of(sequential), product + reduce + gather, 1e-12);
    EXPECT_NEAR(time_of(ideal), std::max(product, reduce) + gather, 1e-11) << depth;
    const double gain = time_of(sequential) / time_of(ideal);
    // The final sum makes a reduce-scatter by cores longer than its all-gather.
    const double bound = (product + reduce + gather) / (std::max(product, reduce) + gather);
    EXPECT_LE(gain, bound * (1 + 1e-9));
    EXPECT_LE(gain, 1 + reduce / (reduce + gather) + 1e-9);
    most = std::max(most, gain);
  }
  EXPECT_GT(most, 1.4) << "one of them is nearly balanced";
  EXPECT_LT(most, 1.54);
}

TEST(Sublayer, TakesTheSameTimeFoldedAndNot) {
  for (const char* communication : {"ring_reduce_scatter", "direct_reduce_scatter", "all_to_all"}) {
    const std::vector<std::string> options = {
        ranks(4), "/workload/overlap=triggered",
        std::string("/workload/communication=") + communication};
    EXPECT_EQ(time_of(result_of(options)), time_of(result_of(options, true))) << communication;
  }
}

// Where the ring is slower than the product, blocks wait for their updates and keep their entries.
// A rank tracks all blocks but those of its first chunk.
TEST(Tracker, AFullOneStallsTheProducerButNeverDeadlocks) {
  const int n = 8;
  double before = 0;
  for (const int entries : {100'000, 90, 1}) {
    const JsonValue result =
        result_of({ranks(n), "/workload/sublayer=op", "/workload/overlap=triggered",
                   "/cluster/node/with/fabric/link/with/bandwidth=50 GB/s",
                   "/cluster/node/with/device/trigger/entries=" + std::to_string(entries)});
    const double regions = n * (n - 1) * at(result, "/facts/blocks/value");
    EXPECT_EQ(at(result, "/trigger/tracked"), regions);
    EXPECT_EQ(at(result, "/trigger/triggered"), regions) << "each once";
    EXPECT_LE(at(result, "/trigger/peak_entries"), entries);
    EXPECT_EQ(at(result, "/trigger/stalls") > 0, entries <= 90) << entries;
    EXPECT_GE(time_of(result), before);
    before = time_of(result);
  }
}

TEST(Tracker, ItsLatencyIsPaidOnTheChainOfTriggers) {
  const auto time_with = [](const char* latency) {
    return time_of(
        result_of({ranks(8), "/workload/sublayer=op", "/workload/overlap=triggered",
                   std::string("/cluster/node/with/device/trigger/latency=") + latency}));
  };
  const double added = time_with("10 us") - time_with("0 us");
  EXPECT_GE(added, 10e-6 - 1e-11) << "at least the last chunk waits for it";
  EXPECT_LE(added, 7 * 10e-6 * 5) << "at most each of seven triggers for each of its blocks";
}

TEST(Tracker, IsASeparateTrackOfTheTraceAndSoAreTheDmas) {
  const testing_program::TemporaryFolder folder;
  const Outcome outcome =
      run_orrery({"run", ORRERY_SOURCE_DIR "/experiments/t3/scenario.json", "--set",
                  "/workload/overlap=triggered", "--out", folder / "run", "--trace"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const JsonValue events = load_json(folder / "run/trace.json", "trace");
  const std::string trace = to_text(events, false);
  for (const char* track : {"\"name\":\"tracker\"", "\"name\":\"dma\"", "\"name\":\"compute\"",
                            "\"name\":\"remote stores\"", "\"entries in use\":"}) {
    EXPECT_NE(trace.find(track), std::string::npos) << track;
  }
  // An arrow from what starts it to each DMA and each remote store.
  std::map<std::string, double> begun;
  std::size_t transfers = 0;
  std::size_t arrived = 0;
  for (const JsonValue& event : events.find("traceEvents")->items) {
    const std::string& phase = event.find("ph")->string;
    const std::string& name = event.find("name")->string;
    if (phase == "X" && (name.starts_with("dma ") || name.starts_with("remote stores "))) {
      ++transfers;
    }
    if (phase == "s") begun[event.find("id")->string] = number(*event.find("ts"));
    if (phase != "f") continue;
    ++arrived;
    ASSERT_TRUE(begun.contains(event.find("id")->string));
    EXPECT_LE(begun[event.find("id")->string], number(*event.find("ts")));
  }
  EXPECT_GT(transfers, 0U);
  EXPECT_EQ(begun.size(), transfers);
  EXPECT_EQ(arrived, transfers);
}

/// Of the critical path, what trackers take.
double by_trackers(const JsonValue& result) {
  for (const JsonValue& cause : result.find("critical_path")->items) {
    if (cause.find("cause")->string == "trigger") return number(*cause.find("time_s"));
  }
  return 0;
}

// Over slow links of every chunk but the own a trigger is on the path, for each of its blocks or
// for one; of a small tracker the producer's waiting for entries.
TEST(Tracker, WhatItDecidesIsACauseOfTheCriticalPath) {
  const std::vector<std::string> slow = {ranks(8), "/workload/sublayer=op",
                                         "/workload/overlap=triggered",
                                         "/cluster/node/with/fabric/link/with/bandwidth=50 GB/s"};
  const auto with = [&](const std::string& latency, const std::string& entries) {
    std::vector<std::string> all = slow;
    all.push_back("/cluster/node/with/device/trigger/latency=" + latency);
    all.push_back("/cluster/node/with/device/trigger/entries=" + entries);
    return result_of(all);
  };
  EXPECT_EQ(by_trackers(with("0 us", "100000")), 0);
  EXPECT_GE(by_trackers(with("10 us", "100000")), 10e-6);
  const JsonValue stalled = with("0 us", "1");
  EXPECT_GT(at(stalled, "/trigger/stalled_s"), 0);
  // A trigger is no work of the device: it counts with the communication that it starts.
  const JsonValue late = with("1 ms", "100000");
  EXPECT_LT(at(late, "/compute_s"), 1.01 * at(with("0 us", "100000"), "/compute_s"));
}

// FC-1 and FC-2, OP and IP of each layer: a whole step gains, whether ranks are folded or not.
TEST(WholeStep, TriggersMakeTheStepShorterAndFoldExactly) {
  const auto step = [](const std::vector<std::string>& more, bool unfolded = false) {
    std::vector<std::string> words = {
        "run", ORRERY_SOURCE_DIR "/experiments/t3/training/scenario.json", "--json"};
    std::vector<std::string> all = {"/workload/network/with/layers=2"};
    all.insert(all.end(), more.begin(), more.end());
    for (const std::string& each : all) {
      words.emplace_back("--set");
      words.push_back(each);
    }
    if (unfolded) words.emplace_back("--unfolded");
    const Outcome outcome = run_orrery(words);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return at(parse_json(outcome.out, "result"), "/step_time_s");
  };
  const std::string triggered = "/workload/parallel/tensor_overlap=triggered";
  const std::string mca = std::string(kArbitration) + "compute_first";
  const std::string ladder = "/workload/architecture=ladder";
  const double t3 = step({triggered});
  EXPECT_LT(t3, step({}));
  EXPECT_EQ(t3, step({triggered}, true));
  EXPECT_LE(step({triggered, mca}), t3);
  EXPECT_LT(step({triggered, mca, ladder}), step({ladder}));
  EXPECT_GT(step({triggered, mca}), step({"/workload/architecture=upper_bound"}));
}

TEST(Experiment, T3StaysWithinItsTolerances) {
  testing_program::expect_within_tolerances("t3");
}

// Every ninth of its points: all of them would take as long as the other tests together.
TEST(Experiment, T3SensitivityStaysWithinItsTolerances) {
  const std::string folder = ORRERY_SOURCE_DIR "/experiments/t3/sensitivity/";
  const JsonValue points = load_json(folder + "points.json", "points.json");
  const JsonValue expected = load_json(folder + "expected.json", "expected.json");
  const std::vector<JsonValue>& all = points.find("points")->items;
  for (std::size_t index = 0; index < all.size(); index += 9) {
    const std::string& label = all[index].find("label")->string;
    std::vector<std::string> overrides;
    for (const JsonValue::Member& member : all[index].find("set")->members) {
      overrides.push_back(member.key + "=" + to_text(member.value, false));
    }
    const JsonValue result = result_of(overrides);
    for (const JsonValue& figure : expected.find("figures")->items) {
      const double wanted = number(*figure.find("values")->find(label));
      EXPECT_NEAR(at(result, figure.find("pointer")->string), wanted,
                  wanted * number(*figure.find("relative_tolerance")))
          << label;
    }
  }
}

TEST(Reproduce, T3IsAsNearAsItsLimitsSay) {
  const Outcome outcome = run_orrery({"reproduce", "t3"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
  EXPECT_EQ(outcome.out.find("LIMIT MISSED"), std::string::npos);
}

}  // namespace
}  // namespace orrery
