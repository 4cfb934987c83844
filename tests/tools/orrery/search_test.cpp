// A search finds what simulating everything finds, and its bounds are bounds.
#include <gtest/gtest.h>

#include "tests/tools/orrery/program.hpp"
#include "tools/orrery/data_folders.hpp"
#include "tools/orrery/sweep/search.hpp"

namespace orrery {
namespace {

using testing_program::Outcome;
using testing_program::run_orrery;
using testing_program::TemporaryFolder;
using testing_program::write_file;

/// A space small enough to simulate all of it.
SweepFile space(const TemporaryFolder& folder, const std::string& cost, const std::string& more) {
  const std::string path = (folder / "space.json").string();
  write_file(path, R"({ "orrery": 1, "sweep": { "base": {
      "orrery": 1, "cluster": "dgx_a100",
      "cost": {"kind": ")" +
                       cost + R"("},
      "workload": { "kind": "transformer_training", "network": "gpt2",
        "parallel": { "tensor": 1, "pipeline": 1 },
        "sequence_length": 256, "micro_batch": 1, "global_batch": 32, "precision": "bf16" } },
    "axes": { "/workload/parallel/tensor": [1, 4], "/workload/parallel/pipeline": [1, 2],
              "/workload/micro_batch": [1, 4],
              "/workload/recompute": [{"kind": "none"}, {"kind": "full"}])" +
                       more + "} } }");
  return load_sweep(path, {});
}

class SearchSpace : public ::testing::TestWithParam<std::pair<const char*, const char*>> {};

/// And no bound is above what the run takes: else it could have dropped the optimum elsewhere.
TEST_P(SearchSpace, FindsTheOptimumOfAnExhaustiveSearchAndItsBoundsAreAdmissible) {
  const TemporaryFolder folder;
  const Builtins builtins;
  const Catalog catalog = open_catalog(find_data_folders());
  const Sweep sweep(space(folder, GetParam().first, GetParam().second), builtins, catalog, 2);
  const std::vector<Sweep::Named> names = sweep.name(all_of(sweep.size()));
  for (const Objective& objective : {Objective{"step_time_s", false}, {"tokens_per_s", true}}) {
    SearchOptions options{.objective = objective, .jobs = 2, .prune = false};
    const SweepFolder exhaustive((folder / "all").string());
    const SearchResult all = search(sweep, names, exhaustive, options, builtins, catalog);
    options.prune = true;
    const SweepFolder pruned((folder / ("pruned_" + objective.metric)).string());
    const SearchResult found = search(sweep, names, pruned, options, builtins, catalog);
    ASSERT_TRUE(all.complete && found.complete);
    ASSERT_FALSE(all.ranking.empty());
    EXPECT_EQ(found.ranking.front(), all.ranking.front());
    EXPECT_LT(found.count(SearchPoint::State::simulated), all.count(SearchPoint::State::simulated));
    for (std::size_t i = 0; i < sweep.size(); ++i) {
      const std::optional<double> value = all.points[i].row.metric(objective.metric);
      if (!value || found.points[i].state == SearchPoint::State::repeated) continue;
      EXPECT_LE(found.points[i].bound, objective.maximise ? -*value : *value) << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Spaces, SearchSpace,
    ::testing::Values(std::pair{"roofline",
                                R"(, "/workload/sharding": [{"kind": "none"}, {"kind": "zero3"}])"},
                      std::pair{"calibrated", R"(, "/collectives/library": ["plain", "nccl"])"},
                      std::pair{"roofline", R"(, "/variability": [{"kernel_jitter":
                        {"kind": "normal", "coefficient_of_variation": 0.05}}])"}));

TEST(SearchProgram, StopsAtItsBudgetAndGoesOn) {
  constexpr int kResumable = 75;
  const TemporaryFolder folder;
  space(folder, "roofline", "");
  const std::vector<std::string> words = {
      "search", "space.json", "--out", "out", "--jobs", "1", "--minimise", "memory_peak_bytes"};
  std::vector<std::string> few = words;
  few.insert(few.end(), {"--budget", "1", "--json"});
  const Outcome first = run_orrery(few, folder.path().string());
  EXPECT_EQ(first.exit_code, kResumable) << first.err;
  const JsonValue begun = parse_json(first.out, "search");
  EXPECT_FALSE(begun.find("complete")->boolean);
  EXPECT_EQ(value_at(begun, "/counts/simulated")->integer, 1);
  const Outcome rest = run_orrery(words, folder.path().string());
  EXPECT_EQ(rest.exit_code, 0) << rest.err;
  EXPECT_NE(rest.out.find("of the simulated 1 were there"), std::string::npos) << rest.out;
  EXPECT_NE(rest.out.find("the first is the optimum"), std::string::npos) << rest.out;
  const Outcome best = run_orrery({"run", (folder / "out" / "best.json").string(), "--json"});
  EXPECT_EQ(best.exit_code, 0) << best.err;
}

TEST(SearchProgram, SaysWhatFailedAndWhichFigureThereIsNot) {
  constexpr int kWrongInput = 2;
  constexpr int kFailedPoints = 6;
  const TemporaryFolder folder;
  space(folder, "roofline", "");
  const auto look = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"search", "space.json", "--jobs", "1"});
    return run_orrery(more, folder.path().string());
  };
  const Outcome typo = look({"--minimise", "step_tiem_s", "--out", "typo"});
  EXPECT_EQ(typo.exit_code, kWrongInput) << typo.out;
  EXPECT_NE(typo.err.find("did you mean step_time_s"), std::string::npos) << typo.err;

  // One point of two loses a link that it needs.
  write_file((folder / "space.json").string(), R"({"orrery": 1, "sweep": {"base": {
    "orrery": 1, "cluster": "dgx_h100", "collectives": {"library": "plain"},
    "workload": {"kind": "collective", "collective": "all_reduce", "size": "64 MiB", "ranks": 8},
    "faults": [{"at": "1 us", "link": "node 0, device 0 -> switch", "down": true}]},
    "axes": {"/faults/0/at": ["1 us", "10 s"]}}})");
  for (int again = 0; again < 2; ++again) {
    const Outcome cut = look({"--minimise", "benchmark_time_s", "--out", "cut"});
    EXPECT_EQ(cut.exit_code, kFailedPoints) << cut.err;
    EXPECT_NE(cut.out.find("1 failed"), std::string::npos) << cut.out;
    EXPECT_NE(cut.out.find("optimum of the points that did not fail"), std::string::npos);
  }
}

}  // namespace
}  // namespace orrery
