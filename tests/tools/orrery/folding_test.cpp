// `orrery run` with interchangeable ranks simulated once, against the same with every rank
// simulated: all figures are the same, times to the picosecond.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/tools/orrery/experiment.hpp"
#include "tools/orrery/commands.hpp"

namespace orrery {
namespace {

using testing_program::number;
using testing_program::Outcome;
using testing_program::run_orrery;
using testing_program::TemporaryFolder;
using testing_program::write_file;

// What went through a resource is a sum of products of doubles, folded in another order.
constexpr double kSumTolerance = 1e-9;

struct Case {
  std::string name;
  std::string cluster;
  std::string network;
  int tensor;
  int pipeline;
  int data;
  int global_batch;
  bool sequence_parallel = true;
  std::string more = "";  // keys of the workload
};

/// How gtest shows it.
void PrintTo(const Case& which, std::ostream* out) {
  *out << which.name;
}

std::string scenario_of(const Case& which) {
  return R"({"orrery": 1, "cluster": )" + which.cluster +
         R"(, "workload": {"kind": "transformer_training", "network": ")" + which.network +
         R"(", "parallel": {"tensor": )" + std::to_string(which.tensor) + R"(, "pipeline": )" +
         std::to_string(which.pipeline) + R"(, "data": )" + std::to_string(which.data) +
         R"(, "sequence_parallel": )" + (which.sequence_parallel ? "true" : "false") +
         R"(}, "sequence_length": 256, "micro_batch": 1, "global_batch": )" +
         std::to_string(which.global_batch) + R"(, "precision": "bf16")" + which.more + "}}";
}

JsonValue result_of(const std::string& scenario, const std::vector<std::string>& options = {}) {
  const TemporaryFolder folder;
  write_file(folder / "scenario.json", scenario);
  std::vector<std::string> words = {"run", folder / "scenario.json", "--json"};
  words.insert(words.end(), options.begin(), options.end());
  const Outcome outcome = run_orrery(words);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  return parse_json(outcome.out, "result");
}

/// The figures by kind of resource, whatever the order of the kinds.
std::map<std::string, JsonValue> by_kind(const JsonValue& result) {
  std::map<std::string, JsonValue> kinds;
  for (const JsonValue& kind : value_at(result, "/resources/by_kind")->items) {
    kinds.emplace(kind.find("kind")->string, kind);
  }
  return kinds;
}

void expect_equal_resources(const JsonValue& folded, const JsonValue& unfolded) {
  const std::map<std::string, JsonValue> kinds = by_kind(folded);
  const std::map<std::string, JsonValue> others = by_kind(unfolded);
  ASSERT_EQ(kinds.size(), others.size());
  for (const auto& [kind, figures] : kinds) {
    ASSERT_TRUE(others.contains(kind)) << kind;
    const JsonValue& other = others.at(kind);
    EXPECT_EQ(figures.find("count")->integer, other.find("count")->integer) << kind;
    for (const char* key : {"mean_utilisation", "greatest_utilisation"}) {
      EXPECT_NEAR(number(*figures.find(key)), number(*other.find(key)), kSumTolerance) << kind;
    }
  }
}

/// What counts what was simulated, and the list of resources, are compared apart.
bool is_of_the_simulation(const std::string& key) {
  return key == "symmetry" || key == "resources" || key == "counters" || key == "waits";
}

/// Of those ranks that both list.
void expect_equal_waits(const JsonValue& folded, const JsonValue& unfolded) {
  const double total = number(*value_at(unfolded, "/waits/total_s"));
  EXPECT_NEAR(number(*value_at(folded, "/waits/total_s")), total, kSumTolerance * total);
  std::map<std::int64_t, std::string> waited;
  for (const JsonValue& rank : value_at(unfolded, "/waits/by_rank")->items) {
    waited[rank.find("rank")->integer] = to_text(*rank.find("waited_s"), false);
  }
  std::size_t compared = 0;
  for (const JsonValue& rank : value_at(folded, "/waits/by_rank")->items) {
    const auto other = waited.find(rank.find("rank")->integer);
    if (other == waited.end()) continue;
    EXPECT_EQ(to_text(*rank.find("waited_s"), false), other->second) << "rank " << other->first;
    ++compared;
  }
  EXPECT_GT(compared, 0U);
}

void expect_the_figures_of_every_rank_simulated(const std::string& scenario) {
  const JsonValue folded = result_of(scenario);
  const JsonValue unfolded = result_of(scenario, {"--unfolded"});
  ASSERT_TRUE(value_at(folded, "/symmetry/folded")->boolean);
  ASSERT_FALSE(value_at(unfolded, "/symmetry/folded")->boolean);
  const std::int64_t ranks = folded.find("ranks")->integer;
  EXPECT_LE(2 * value_at(folded, "/symmetry/rank_classes")->integer, ranks);
  EXPECT_EQ(value_at(unfolded, "/symmetry/rank_classes")->integer, ranks);

  ASSERT_EQ(folded.members.size(), unfolded.members.size());
  for (std::size_t m = 0; m < folded.members.size(); ++m) {
    const auto& [key, value] = folded.members[m];
    ASSERT_EQ(key, unfolded.members[m].key);
    if (!is_of_the_simulation(key)) {
      EXPECT_EQ(to_text(value, true), to_text(unfolded.members[m].value, true)) << key;
    }
  }
  for (const char* key : {"ops", "spans", "kernels", "collectives", "messages", "sent_bytes"}) {
    EXPECT_EQ(number(*folded.find("counters")->find(key)),
              number(*unfolded.find("counters")->find(key)))
        << key;
  }
  EXPECT_LT(value_at(folded, "/counters/events")->integer,
            value_at(unfolded, "/counters/events")->integer);
  expect_equal_resources(folded, unfolded);
  expect_equal_waits(folded, unfolded);
}

class FoldedRun : public testing::TestWithParam<Case> {};

TEST_P(FoldedRun, HasTheFiguresOfEveryRankSimulated) {
  expect_the_figures_of_every_rank_simulated(scenario_of(GetParam()));
}

constexpr const char* kTwoNodes = R"({"use": "dgx_h100_superpod", "with": {"nodes": 2}})";
constexpr const char* kFourNodes = R"({"use": "dgx_h100_superpod", "with": {"nodes": 4}})";
constexpr const char* kUnevenLeaves =
    R"({"use": "dgx_h100_superpod", "with": {"nodes": 4, "fabric": {"nodes_per_leaf": 3}}})";
constexpr const char* kOversubscribed =
    R"({"use": "hgx_h100_roce_2to1",
        "with": {"nodes": 6, "fabric": {"nodes_per_leaf": 2, "oversubscription": 3}}})";
constexpr const char* kFullMesh = R"({"use": "ascend_910b_cluster", "with": {"nodes": 2}})";

INSTANTIATE_TEST_SUITE_P(
    Scenarios, FoldedRun,
    testing::Values(Case{"tensor_in_a_node", R"("dgx_a100")", "gpt2", 4, 1, 2, 4, false},
                    Case{"tensor_and_sequence", R"("dgx_h100")", "llama3_8b", 8, 1, 1, 2},
                    Case{"pipeline_in_a_node", R"("l40s_pcie_8")", "gpt2", 2, 2, 2, 8},
                    Case{"pipeline_across_nodes", kFourNodes, "llama3_8b", 8, 4, 1, 6},
                    Case{"data_across_nodes", kTwoNodes, "gpt2", 1, 1, 16, 32},
                    Case{"tensor_and_data", kFourNodes, "gpt2", 4, 1, 8, 16},
                    Case{"all_three", kFourNodes, "llama3_8b", 4, 2, 4, 16},
                    Case{"narrow_stages", kFourNodes, "gpt2", 2, 4, 4, 16, false},
                    Case{"uneven_leaves", kUnevenLeaves, "gpt2", 4, 2, 4, 16},
                    Case{"oversubscribed_data", kOversubscribed, "gpt2", 1, 1, 48, 48},
                    Case{"oversubscribed_pipeline", kOversubscribed, "gpt2", 2, 3, 8, 32},
                    Case{"full_mesh", kFullMesh, "gpt2", 2, 2, 4, 16},
                    Case{"interleaved_zero1", kFourNodes, "gpt2", 4, 2, 4, 16, true,
                         R"(, "schedule": {"kind": "interleaved", "virtual_stages": 3},
                             "sharding": {"kind": "zero1"}, "gradient_clipping": true)"},
                    Case{"both_ways_recomputed", kFourNodes, "gpt2", 2, 4, 4, 32, true,
                         R"(, "schedule": {"kind": "dualpipe"}, "recompute": {"kind": "full"})"},
                    Case{"documents", kFourNodes, "gpt2", 4, 2, 4, 32, true,
                         R"(, "sequences": {"kind": "variable", "lengths": [200, 56, 100]})"},
                    Case{"hybrid_sharded", kTwoNodes, "gpt2", 1, 1, 16, 32, false,
                         R"(, "sharding": {"kind": "fsdp", "group": 8, "prefetch": 2})"}),
    [](const auto& which) { return which.param.name; });

TEST(Folding, KeepsTheTimesOfInference) {
  expect_the_figures_of_every_rank_simulated(
      std::string(R"({"orrery": 1, "cluster": )") + kTwoNodes +
      R"(, "workload": {"kind": "transformer_inference", "network": "llama3_8b",
          "parallel": {"tensor": 4, "pipeline": 2, "data": 2}, "batch": 4, "input_length": 64,
          "output_length": 3}})");
}

TEST(Folding, ASlowDeviceSetsRanksApartAndASlowLinkTheClassesOfItsEnds) {
  const auto with = [](const std::string& variability) {
    std::string scenario = scenario_of({"node", R"("dgx_h100")", "gpt2", 2, 1, 4, 8});
    scenario.pop_back();
    return scenario + R"(, "variability": )" + variability + "}";
  };
  const JsonValue device = result_of(with(R"({"devices": [{"ranks": [3], "speed": 0.5}]})"));
  EXPECT_FALSE(value_at(device, "/symmetry/folded")->boolean);
  const std::string link =
      with(R"({"links": [{"name": "node 0, device 3 -> switch", "capacity": 0.5}]})");
  EXPECT_EQ(number(*result_of(link).find("step_time_s")),
            number(*result_of(link, {"--unfolded"}).find("step_time_s")));
  EXPECT_GT(number(*result_of(link).find("step_time_s")),
            number(*result_of(with("{}")).find("step_time_s")));
}

TEST(Folding, IsLeftOutWhereEveryRankIsItsOwnClass) {
  const std::string two_devices =
      R"({"use": "dgx_h100_superpod", "with": {"nodes": 2, "node": {"devices": 1, "nics": 1}}})";
  const JsonValue result = result_of(scenario_of({"two", two_devices, "gpt2", 1, 2, 1, 4}));
  EXPECT_FALSE(value_at(result, "/symmetry/folded")->boolean);
  EXPECT_EQ(value_at(result, "/symmetry/rank_classes")->integer, 2);
}

/// Four ranks that are alike send to four others, and back, each after the other.
class CrossedTransfers final : public Workload {
 public:
  Job build() const override {
    Job job{.graph = TaskGraph(8), .facts = {}};
    Op op;
    op.kind = OpKind::transfer;
    op.bytes = Bytes(1);
    op.label = job.graph.label("send");
    op.category = job.graph.label("test");
    op.stream = op.peer_stream = job.graph.stream("main");
    op.ranks = job.graph.rank_set({0, 1, 2, 3});
    op.peers = job.graph.rank_set({4, 5, 6, 7});
    const OpId there = job.graph.add(op);
    std::swap(op.ranks, op.peers);
    const OpId back = job.graph.add(op);
    job.graph.depend(there, back);
    return job;
  }
  JsonValue resolved() const override { return json_object({}); }
};

TEST(Folding, ADeadlockNamesRanksOfTheJob) {
  Builtins builtins;
  builtins.workloads.add({"crossed",
                          [](JsonCursor, const WorkloadContext&) -> std::unique_ptr<Workload> {
                            return std::make_unique<CrossedTransfers>();
                          },
                          "waits for itself"});
  const TemporaryFolder folder;
  write_file(folder / "scenario.json",
             R"({"orrery": 1, "cluster": "dgx_a100", "workload": {"kind": "crossed"}})");
  const std::vector<std::string> words = {"run", folder / "scenario.json"};
  testing::internal::CaptureStderr();
  EXPECT_EQ(run_program(words, builtins), 4);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("on rank 4"), std::string::npos) << said;
}

TEST(Folding, TheTraceHasAProcessForEachClassAndSaysForWhomItSpeaks) {
  const TemporaryFolder folder;
  write_file(folder / "scenario.json",
             scenario_of({"two_nodes", kTwoNodes, "llama3_8b", 8, 2, 1, 4}));
  const Outcome outcome =
      run_orrery({"run", folder / "scenario.json", "--out", folder / "out", "--trace"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  std::map<std::int64_t, std::string> processes;
  const JsonValue trace = load_json(folder / "out" / "trace.json", "trace.json");
  for (const JsonValue& event : trace.find("traceEvents")->items) {
    if (event.find("name")->string == "process_name") {
      processes[event.find("pid")->integer] = event.find("args")->find("name")->string;
    } else {
      EXPECT_TRUE(processes.contains(event.find("pid")->integer));
    }
  }
  const std::map<std::int64_t, std::string> expected = {
      {-1, "devices and links"}, {0, "rank 0 and 7 alike"}, {8, "rank 8 and 7 alike"}};
  EXPECT_EQ(processes, expected);
}

}  // namespace
}  // namespace orrery
