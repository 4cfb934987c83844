// `orrery trace`, the traces of `orrery run`, and the workloads that replay traces, as users call
// them.
#include <gtest/gtest.h>

#include "sim/base/json_value.hpp"
#include "tests/tools/orrery/program.hpp"

namespace orrery {
namespace {

using testing_program::kSmallScenario;
using testing_program::Outcome;
using testing_program::read_file;
using testing_program::run_orrery;
using testing_program::TemporaryFolder;
using testing_program::write_file;

class TraceCommandTest : public testing::Test {
 protected:
  TraceCommandTest() { write_file(scenario_, kSmallScenario); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  static JsonValue json(const Outcome& outcome) {
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return parse_json(outcome.out.empty() ? "{}" : outcome.out, "output");
  }
  void write_replay(const std::string& workload) const {
    write_file(path("replay.json"),
               R"({"orrery": 1, "cluster": "dgx_a100", "workload": )" + workload + "}");
  }

  TemporaryFolder folder_;
  std::string scenario_ = (folder_ / "scenario.json").string();
};

TEST_F(TraceCommandTest, EveryFormatSumsUpToTheSame) {
  std::string first;
  for (const auto& [format, file] : std::vector<std::pair<std::string, std::string>>{
           {"csv", "trace.csv"}, {"chrome", "trace.json"}, {"perfetto", "trace.pftrace"}}) {
    ASSERT_EQ(run_orrery({"run", scenario_, "--out", path(format), "--trace=" + format}).exit_code,
              0);
    const JsonValue summary =
        json(run_orrery({"trace", "summary", path(format + "/" + file), "--json"}));
    const JsonValue& times = *summary.find("average");
    const JsonValue result = parse_json(read_file(path(format + "/result.json")), "result");
    // Perfetto's times are whole nanoseconds, and a run has thousands of edges.
    EXPECT_NEAR(times.find("compute_s")->real, result.find("compute_s")->real, 1e-5) << format;
    EXPECT_NEAR(times.find("exposed_communication_s")->real + times.find("compute_s")->real +
                    times.find("idle_s")->real,
                times.find("length_s")->real, 1e-9);
    const std::string spans = to_text(*summary.find("spans"), false);
    if (first.empty()) first = spans;
    EXPECT_EQ(spans, first) << format;
    EXPECT_EQ(summary.find("utilisation")->items.empty(), format == "csv");
  }
  const JsonValue comparison = json(run_orrery(
      {"trace", "compare", path("csv/trace.csv"), path("perfetto/trace.pftrace"), "--json"}));
  EXPECT_EQ(comparison.find("first_only")->integer, 0);
  EXPECT_GT(comparison.find("aligned")->integer, 100);
  ASSERT_EQ(run_orrery({"trace", "convert", path("chrome/trace.json"), "--out", path("c.pftrace")})
                .exit_code,
            0);
  const JsonValue converted = json(run_orrery({"trace", "summary", path("c.pftrace"), "--json"}));
  EXPECT_EQ(to_text(*converted.find("spans"), false), first);
}

TEST_F(TraceCommandTest, AnExportedJobReplaysInTheSameTime) {
  ASSERT_EQ(run_orrery({"trace", "export", scenario_, "--format", "chakra", "--out", path("job")})
                .exit_code,
            0);
  write_replay(R"({"kind": "chakra_replay", "files": "job.{rank}.et", "durations": "cost_model"})");
  const JsonValue original = json(run_orrery({"run", scenario_, "--json"}));
  const Outcome replayed = run_orrery({"run", path("replay.json"), "--json"});
  const JsonValue replay = json(replayed);
  for (const char* key : {"step_time_s", "mfu", "tokens_per_s", "compute_s", "memory_peak_bytes",
                          "exposed_communication_s", "bubble_s", "idle_s"}) {
    ASSERT_NE(replay.find(key), nullptr) << key;
    EXPECT_EQ(to_text(*replay.find(key), false), to_text(*original.find(key), false)) << key;
  }
  // The result holds its scenario, which runs again while the files are the same.
  write_file(path("again.json"), to_text(*replay.find("scenario"), true));
  EXPECT_EQ(json(run_orrery({"run", path("again.json"), "--json"})).find("step_time_s")->real,
            replay.find("step_time_s")->real);
  // So does a report of it, from another folder than the one in which its files are named.
  ASSERT_EQ(run_orrery({"run", path("replay.json"), "--out", path("deep/out")}).exit_code, 0);
  const Outcome report = run_orrery({"report", path("deep/out"), "--no-what-if"});
  EXPECT_EQ(report.exit_code, 0) << report.err;
  write_file(path("job.0.et"), read_file(path("job.1.et")));
  const Outcome changed = run_orrery({"run", path("again.json")});
  EXPECT_EQ(changed.exit_code, 2);
  EXPECT_NE(changed.err.find("/workload/digest: the files are not those of this digest"),
            std::string::npos)
      << changed.err;
}

TEST_F(TraceCommandTest, TriggersAndUpdatesReplayInTheSameTime) {
  const std::string scenario = ORRERY_SOURCE_DIR "/experiments/t3/h100/scenario.json";
  const std::string triggered = "/workload/overlap=triggered";
  ASSERT_EQ(run_orrery({"trace", "export", scenario, "--set", triggered, "--format", "chakra",
                        "--out", path("job")})
                .exit_code,
            0);
  const JsonValue original = json(run_orrery({"run", scenario, "--set", triggered, "--json"}));
  ASSERT_NE(original.find("trigger"), nullptr);
  JsonValue again = *original.find("scenario");
  *again.find("workload") = json_object({{"kind", json_string("chakra_replay")},
                                         {"files", json_string("job.{rank}.et")},
                                         {"durations", json_string("cost_model")}});
  write_file(path("replay.json"), to_text(again, true));
  const JsonValue replay = json(run_orrery({"run", path("replay.json"), "--json"}));
  for (const char* key : {"sublayer_time_s", "critical_path", "trigger"}) {
    ASSERT_NE(replay.find(key), nullptr) << key;
    EXPECT_EQ(to_text(*replay.find(key), false), to_text(*original.find(key), false)) << key;
  }
  const Outcome refused = run_orrery({"check", path("replay.json"), "--set", "/cluster=dgx_a100"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_NE(refused.err.find("the device of the cluster has no trigger unit"), std::string::npos)
      << refused.err;
}

TEST_F(TraceCommandTest, RecordedDurationsReplayOnAnotherMachine) {
  ASSERT_EQ(run_orrery({"trace", "export", scenario_, "--format", "chakra", "--durations", "--out",
                        path("job")})
                .exit_code,
            0);
  write_replay(R"({"kind": "chakra_replay", "files": "job.{rank}.et", "durations": "recorded"})");
  const JsonValue original = json(run_orrery({"run", scenario_, "--json"}));
  const JsonValue slow =
      json(run_orrery({"run", path("replay.json"), "--json", "--set", "/cluster=l40s_pcie_8"}));
  EXPECT_GT(slow.find("step_time_s")->real, original.find("step_time_s")->real);
  EXPECT_NEAR(slow.find("compute_s")->real, original.find("compute_s")->real,
              1e-9 + 0.02 * original.find("compute_s")->real)
      << "kernels took what they took, less what contention had added";
}

TEST_F(TraceCommandTest, GoalHoldsAJobAsMessages) {
  const Outcome done =
      run_orrery({"trace", "export", scenario_, "--format", "goal", "--out", path("job.goal"),
                  "--set", "/collectives={\"library\": \"plain\", \"all_reduce\": \"ring\"}"});
  ASSERT_EQ(done.exit_code, 0) << done.err;
  const std::string text = read_file(path("job.goal"));
  EXPECT_EQ(text.substr(0, 12), "num_ranks 8\n");
  write_replay(R"({"kind": "goal_replay", "file": "job.goal"})");
  const JsonValue original =
      json(run_orrery({"run", scenario_, "--json", "--set",
                       "/collectives={\"library\": \"plain\", \"all_reduce\": \"ring\"}"}));
  const JsonValue replay = json(run_orrery({"run", path("replay.json"), "--json"}));
  // The launch of collectives is not in it, nor what they share with kernels.
  const double ratio = replay.find("replay_time_s")->real / original.find("step_time_s")->real;
  EXPECT_GT(ratio, 0.8);
  EXPECT_LT(ratio, 1.05);
}

TEST_F(TraceCommandTest, WrongCallsAreExplained) {
  const auto says = [](const std::vector<std::string>& words, const std::string& what) {
    const Outcome outcome = run_orrery(words);
    EXPECT_EQ(outcome.exit_code, 2) << outcome.err;
    EXPECT_NE(outcome.err.find(what), std::string::npos) << outcome.err;
  };
  says({"trace"}, "expected summary, compare, convert or export");
  says({"trace", "sumary"}, "got \"sumary\"");
  says({"trace", "summary", scenario_, "--op", "3"}, "did you mean --ops?");
  says({"trace", "export", scenario_, "--out", "x"}, "needs --format");
  says({"trace", "export", scenario_, "--format", "paje", "--out", "x"}, "expected chakra or goal");
  says({"run", scenario_, "--trace=paje", "--out", path("o")}, "expected chrome, perfetto or csv");
  says({"run", scenario_, "--trace-ranks", "0"}, "--trace-ranks needs --trace");
  says({"run", scenario_, "--trace", "--trace-ranks", "8", "--out", path("o")},
       "the job has 8 ranks, got 8");
  says({"run", scenario_, "--trace", "--trace-ranks", "3-1", "--out", path("o")},
       "expected ranks such as \"0,8-15\"");
  says({"run", scenario_, "--trace", "--trace-from", "5", "--out", path("o")},
       "expected a time such as \"5 ms\"");
  EXPECT_EQ(run_orrery({"trace", "summary", path("missing")}).exit_code, 5);
}

}  // namespace
}  // namespace orrery
