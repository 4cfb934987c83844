#include <gtest/gtest.h>

#include "tests/tools/orrery/program.hpp"
#include "tools/orrery/commands.hpp"

namespace orrery {
namespace {

using testing_program::kSmallScenario;
using testing_program::Outcome;
using testing_program::read_file;
using testing_program::run_child;
using testing_program::run_orrery;
using testing_program::TemporaryFolder;
using testing_program::write_file;

class ProgramTest : public testing::Test {
 protected:
  ProgramTest() { write_file(scenario_, kSmallScenario); }

  TemporaryFolder folder_;
  std::string scenario_ = (folder_ / "scenario.json").string();
};

TEST_F(ProgramTest, TheSameScenarioGivesTheSameBytesFromAnywhere) {
  const std::string a = (folder_ / "a").string();
  const std::string b = (folder_ / "b").string();
  ASSERT_EQ(run_orrery({"run", scenario_, "--out", a}, "/").exit_code, 0);
  ASSERT_EQ(run_orrery({"run", "scenario.json", "--out", "b"}, folder_.path().string()).exit_code,
            0);
  const std::string first = read_file(a + "/result.json");
  EXPECT_FALSE(first.empty());
  EXPECT_EQ(first, read_file(b + "/result.json"));
}

TEST_F(ProgramTest, JsonIsAllThatStandardOutputHolds) {
  const Outcome outcome = run_orrery({"run", scenario_, "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  const JsonValue result = parse_json(outcome.out, "stdout");
  EXPECT_EQ(result.find("status")->string, "ok");
  for (const JsonValue& check : result.find("checks")->items) {
    EXPECT_TRUE(check.find("holds")->boolean) << to_text(check, false);
  }
  const double tokens = 4 * 128;  // global_batch * sequence_length
  EXPECT_DOUBLE_EQ(result.find("tokens_per_s")->real, tokens / result.find("step_time_s")->real);
}

TEST_F(ProgramTest, TheResultRunsAgainToTheSameResult) {
  const Outcome first = run_orrery({"run", scenario_, "--json"});
  ASSERT_EQ(first.exit_code, 0) << first.err;
  const JsonValue result = parse_json(first.out, "stdout");
  write_file(folder_ / "again.json", to_text(*result.find("scenario"), true));
  const Outcome again = run_orrery({"run", (folder_ / "again.json").string(), "--json"});
  ASSERT_EQ(again.exit_code, 0) << again.err;
  const JsonValue repeated = parse_json(again.out, "stdout");
  EXPECT_EQ(to_text(*repeated.find("scenario_fnv1a"), false),
            to_text(*result.find("scenario_fnv1a"), false));
  EXPECT_EQ(to_text(*repeated.find("step_time_s"), false),
            to_text(*result.find("step_time_s"), false));
}

TEST_F(ProgramTest, TheOutputFolderHoldsWholeFilesOnly) {
  const auto out = folder_ / "deep/er";
  ASSERT_EQ(run_orrery({"run", scenario_, "--out", out.string(), "--trace"}).exit_code, 0);
  EXPECT_EQ(TemporaryFolder::names_in(out),
            (std::vector<std::string>{"result.json", "run.json", "trace.json"}));
  for (const char* name : {"result.json", "run.json", "trace.json"}) {
    EXPECT_EQ(parse_json(read_file(out / name), name).kind, JsonValue::Kind::object);
  }
}

TEST_F(ProgramTest, FilesOfAnEarlierRunDoNotStay) {
  const auto out = folder_ / "out";
  ASSERT_EQ(run_orrery({"run", scenario_, "--out", out.string(), "--trace"}).exit_code, 0);
  write_file(out / "notes.txt", "mine");
  ASSERT_EQ(run_orrery({"run", scenario_, "--out", out.string()}).exit_code, 0);
  EXPECT_EQ(TemporaryFolder::names_in(out),
            (std::vector<std::string>{"notes.txt", "result.json", "run.json"}));
}

TEST_F(ProgramTest, WrongInputWritesNothingAndReportsAll) {
  const Outcome outcome =
      run_orrery({"run", scenario_, "--set", "/workload/kind=transfomer_training", "--set",
                  "/cluster=\"dgx_a10\"", "--out", (folder_ / "out").string()});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_NE(outcome.err.find("--set#/workload/kind: "), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("did you mean \"transformer_training\"?"), std::string::npos);
  EXPECT_NE(outcome.err.find("--set#/cluster: "), std::string::npos) << outcome.err;
  EXPECT_EQ(folder_.names(), std::vector<std::string>{"scenario.json"});
}

TEST_F(ProgramTest, WhatDoesNotFitIsAVerdict) {
  const Outcome outcome =
      run_orrery({"run", scenario_, "--set", "/workload/network=llama3_70b", "--set",
                  "/workload/parallel={\"tensor\": 8}", "--out", (folder_ / "out").string()});
  EXPECT_EQ(outcome.exit_code, 3) << outcome.err;
  EXPECT_NE(outcome.err.find("does not fit: rank "), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("too much; most of it is optimizer"), std::string::npos)
      << outcome.err;
  const JsonValue result = parse_json(read_file(folder_ / "out/result.json"), "result.json");
  EXPECT_EQ(result.find("status")->string, "does_not_fit");
  EXPECT_FALSE(result.find("fits")->boolean);
}

TEST_F(ProgramTest, FilesThatCannotBeReadOrWrittenAreExitCode5) {
  EXPECT_EQ(run_orrery({"run", (folder_ / "missing.json").string()}).exit_code, 5);
  const std::string blocked = scenario_ + "/out";  // below a file
  const Outcome outcome = run_orrery({"run", scenario_, "--out", blocked});
  EXPECT_EQ(outcome.exit_code, 5);
  EXPECT_NE(outcome.err.find(blocked), std::string::npos) << outcome.err;
  EXPECT_EQ(folder_.names(), std::vector<std::string>{"scenario.json"});
}

TEST_F(ProgramTest, AFullStandardOutputIsAnError) {
  const Outcome outcome =
      run_child("/bin/sh", {"-c", std::string("exec \"$0\" list > /dev/full"), ORRERY_PROGRAM});
  EXPECT_EQ(outcome.exit_code, 5);
}

TEST_F(ProgramTest, UnknownWordsGetTheNearestName) {
  const Outcome command = run_orrery({"rum", scenario_});
  EXPECT_EQ(command.exit_code, 2);
  EXPECT_NE(command.err.find("did you mean \"run\"?"), std::string::npos) << command.err;
  const Outcome option = run_orrery({"run", scenario_, "--jsn"});
  EXPECT_EQ(option.exit_code, 2);
  EXPECT_NE(option.err.find("did you mean --json?"), std::string::npos) << option.err;
  const Outcome kind = run_orrery({"list", "device"});
  EXPECT_EQ(kind.exit_code, 2);
  EXPECT_NE(kind.err.find("did you mean \"devices\"?"), std::string::npos) << kind.err;
}

TEST_F(ProgramTest, CallsThatMakeNoSenseAreExitCode2) {
  EXPECT_EQ(run_orrery({}).exit_code, 2);
  EXPECT_EQ(run_orrery({"run"}).exit_code, 2);
  EXPECT_EQ(run_orrery({"run", scenario_, "another.json"}).exit_code, 2);
  EXPECT_EQ(run_orrery({"run", scenario_, "--trace"}).exit_code, 2) << "--trace without --out";
  EXPECT_EQ(run_orrery({"run", scenario_, "--set"}).exit_code, 2);
  EXPECT_EQ(run_orrery({"schema", "extra"}).exit_code, 2);
}

TEST_F(ProgramTest, HelpTeaches) {
  const Outcome help = run_orrery({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  for (const Command& command : commands()) {
    EXPECT_NE(help.out.find(command.name), std::string::npos);
    const Outcome own = run_orrery({command.name, "--help"});
    EXPECT_EQ(own.exit_code, 0) << own.err;
    EXPECT_NE(own.out.find("example"), std::string::npos) << command.name;
  }
  EXPECT_TRUE(run_orrery({"--version"}).out.starts_with("orrery "));
}

TEST_F(ProgramTest, TheExampleOfTheHelpFits) {
  const std::string help = run_orrery({"--help"}).out;
  std::vector<std::string> words = {"run",
                                    ORRERY_SOURCE_DIR "/experiments/quickstart/scenario.json"};
  const std::string option = "--set ";
  for (std::size_t at = 0; (at = help.find(option, at)) != std::string::npos;) {
    at += option.size();
    words.insert(words.end(), {"--set", help.substr(at, help.find_first_of(" \n", at) - at)});
  }
  ASSERT_GT(words.size(), 2U);
  const Outcome outcome = run_orrery(words);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
}

TEST_F(ProgramTest, ListShowsWhatIsThere) {
  const Outcome kinds = run_orrery({"list"});
  EXPECT_EQ(kinds.exit_code, 0);
  const std::vector<std::pair<std::string, std::string>> examples = {
      {"devices", "h100_sxm "},
      {"links", "nvlink4 "},
      {"nodes", "dgx_h100 "},
      {"clusters", "superpod "},
      {"networks", "llama3_70b "},
      {"topologies", "fat_tree "},
      {"collectives", "all_reduce/ring "},
      {"cost_models", "roofline "},
      {"workloads", "transformer_training "}};
  for (const auto& [kind, example] : examples) {
    EXPECT_NE(kinds.out.find(kind + " "), std::string::npos) << kind;
    const Outcome listed = run_orrery({"list", kind});
    EXPECT_EQ(listed.exit_code, 0) << listed.err;
    EXPECT_NE(listed.out.find(example), std::string::npos) << listed.out;
  }
}

TEST_F(ProgramTest, CheckShowsWhereEveryValueComesFrom) {
  EXPECT_EQ(run_orrery({"check", scenario_}).exit_code, 0);
  const Outcome outcome = run_orrery({"check", scenario_, "--resolved", "--set", "/seed=3"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("/seed = 3  (--set)"), std::string::npos);
  EXPECT_NE(outcome.out.find("/cost/kind = \"roofline\"  (default)"), std::string::npos);
  EXPECT_NE(
      outcome.out.find("/workload/micro_batch = 1  (" + scenario_ + "#/workload/micro_batch)"),
      std::string::npos);
  EXPECT_NE(outcome.out.find("#/hbm/capacity/value; source: NVIDIA"), std::string::npos);
}

TEST_F(ProgramTest, TheSummaryIsShortAndSumsToAHundred) {
  const Outcome outcome = run_orrery({"run", scenario_});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_LE(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 40);
  EXPECT_NE(outcome.out.find("100.0 %"), std::string::npos);
  EXPECT_NE(outcome.out.find("bound by "), std::string::npos);
  EXPECT_EQ(outcome.out.find("bubble"), std::string::npos) << "nothing is pipelined";
  EXPECT_NE(outcome.out.find("checks: 8 of 8 hold"), std::string::npos) << outcome.out;
}

/// Two ranks that each send first and receive second on one stream wait for each other for ever.
class Deadlock final : public Workload {
 public:
  Job build() const override {
    Job job{.graph = TaskGraph(2), .facts = {}};
    Op op;
    op.kind = OpKind::transfer;
    op.bytes = Bytes(1);
    op.label = job.graph.label("send");
    op.category = job.graph.label("test");
    op.stream = op.peer_stream = job.graph.stream("main");
    const RankSetId first = job.graph.rank_set({0});
    const RankSetId second = job.graph.rank_set({1});
    op.ranks = first;
    op.peers = second;
    const OpId there = job.graph.add(op);
    op.ranks = second;
    op.peers = first;
    const OpId back = job.graph.add(op);
    job.graph.depend(there, back);
    return job;
  }
  JsonValue resolved() const override { return json_object({}); }
};

class Broken final : public Workload {
 public:
  Job build() const override { throw std::bad_alloc(); }
  JsonValue resolved() const override { return json_object({}); }
};

TEST_F(ProgramTest, DeadlocksAndBrokenPartsHaveTheirExitCodes) {
  Builtins builtins;
  builtins.workloads.add({"deadlock",
                          [](JsonCursor, const WorkloadContext&) -> std::unique_ptr<Workload> {
                            return std::make_unique<Deadlock>();
                          },
                          "waits for itself"});
  builtins.workloads.add({"broken",
                          [](JsonCursor, const WorkloadContext&) -> std::unique_ptr<Workload> {
                            return std::make_unique<Broken>();
                          },
                          "throws"});
  const std::string out = (folder_ / "out").string();
  const std::vector<std::string> deadlock = {
      "run", scenario_, "--out", out, "--set", "/workload={\"kind\": \"deadlock\"}"};
  EXPECT_EQ(run_program(deadlock, builtins), 4);
  EXPECT_EQ(folder_.names(), std::vector<std::string>{"scenario.json"}) << "nothing is left behind";
  const std::vector<std::string> broken = {"run", scenario_, "--set",
                                           "/workload={\"kind\": \"broken\"}"};
  EXPECT_EQ(run_program(broken, builtins), 1);
}

TEST_F(ProgramTest, TheSchemaAcceptsTheQuickstartAndRejectsUnknownKeys) {
  if (run_child("/usr/bin/python3", {"-c", "import jsonschema"}).exit_code != 0) {
    GTEST_SKIP() << "the Python module jsonschema is not installed";
  }
  write_file(folder_ / "schema.json", run_orrery({"schema"}).out);
  const std::string quickstart = ORRERY_SOURCE_DIR "/experiments/quickstart/scenario.json";
  const std::string stragglers = ORRERY_SOURCE_DIR "/experiments/stragglers/scenario.json";
  const std::string validate =
      "import json, sys, jsonschema\n"
      "schema, document = (json.load(open(path)) for path in sys.argv[1:])\n"
      "jsonschema.Draft202012Validator.check_schema(schema)\n"
      "validator = jsonschema.Draft202012Validator(schema)\n"
      "assert validator.is_valid(document), list(validator.iter_errors(document))\n"
      "for place in (document, document['workload'], document['workload']['parallel']):\n"
      "    place['unknown'] = 1\n"
      "    assert not validator.is_valid(document), place\n"
      "    del place['unknown']\n"
      "document['workload']['kind'] = 'unheard_of'\n"
      "assert not validator.is_valid(document)\n";
  for (const std::string& document : {quickstart, stragglers, scenario_}) {
    const Outcome outcome = run_child(
        "/usr/bin/python3", {"-c", validate, (folder_ / "schema.json").string(), document});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  }
}

}  // namespace
}  // namespace orrery
