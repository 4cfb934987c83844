// `orrery sweep` as users run it: what is written, what survives, what is done again.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <map>
#include <regex>
#include <thread>

#include "tests/tools/orrery/program.hpp"
#include "tools/orrery/sweep/collect.hpp"

namespace orrery {
namespace {

namespace fs = std::filesystem;
using testing_program::Outcome;
using testing_program::read_file;
using testing_program::run_orrery;
using testing_program::TemporaryFolder;
using testing_program::write_file;

constexpr int kWrongInput = 2;
constexpr int kFailedPoints = 6;
constexpr int kResumable = 75;

/// GPT-2 on a node of eight A100, whatever data parallelism is left.
constexpr const char* kBase = R"({
  "orrery": 1, "cluster": "dgx_a100",
  "workload": { "kind": "transformer_training", "network": "gpt2",
    "parallel": { "tensor": 1, "pipeline": 1 },
    "sequence_length": 128, "micro_batch": 1, "global_batch": 16, "precision": "bf16" } })";
/// Twelve points, of which the four with tensor 8 are invalid: it does not divide the 12 heads.
constexpr const char* kSweep = R"({ "orrery": 1, "sweep": { "base": "base.json", "axes": {
  "/workload/parallel/tensor": [1, 2, 8], "/workload/parallel/pipeline": [1, 2],
  "/workload/micro_batch": [1, 2] } } })";
constexpr std::size_t kPoints = 12;
constexpr std::size_t kInvalid = 4;

using Files = std::map<std::string, std::string>;  // text by name

class SweepProgram : public ::testing::Test {
 protected:
  SweepProgram() {
    write_file(folder_ / "base.json", kBase);
    write_file(folder_ / "sweep.json", kSweep);
  }

  Outcome sweep(const std::string& out, std::vector<std::string> more = {},
                const std::string& file = "sweep.json") const {
    more.insert(more.begin(), {"sweep", file, "--out", out});
    return run_orrery(more, folder_.path().string());
  }

  /// The results in a folder.
  Files results(const std::string& out) const {
    Files files;
    for (const auto& entry : fs::recursive_directory_iterator(folder_ / out / "points")) {
      if (entry.is_regular_file()) {
        files[entry.path().filename().string()] = read_file(entry.path());
      }
    }
    return files;
  }
  fs::path path_of(const std::string& out, const std::string& result) const {
    return folder_ / out / "points" / result.substr(0, 2) / result;
  }

  TemporaryFolder folder_;
};

TEST_F(SweepProgram, GivesTheSameBytesOnOneThreadOnFourAndInShards) {
  const Outcome one = sweep("one", {"--jobs", "1"});
  EXPECT_EQ(one.exit_code, kFailedPoints) << one.err;
  EXPECT_NE(one.out.find("12 points: 4 invalid 8 ok; 0 were there"), std::string::npos) << one.out;
  const Files expected = results("one");
  EXPECT_EQ(expected.size(), kPoints);
  EXPECT_EQ(sweep("four", {"--jobs", "4"}).exit_code, kFailedPoints);
  EXPECT_EQ(results("four"), expected);
  for (const char* shard : {"1/3", "3/3", "2/3"})
    sweep("shards", {"--shard", shard, "--jobs", "1"});
  EXPECT_EQ(results("shards"), expected);
  for (const char* shard : {"0/3", "4/3", "1", "1/2/3", "x/2"}) {
    EXPECT_EQ(sweep("shards", {"--shard", shard}).exit_code, kWrongInput) << shard;
  }
}

TEST_F(SweepProgram, ADryRunNamesWhatIsInvalidAndWritesNothing) {
  const Outcome dry = sweep("dry", {"--dry-run"});
  EXPECT_EQ(dry.exit_code, 0) << dry.err;
  EXPECT_NE(dry.out.find("12 points, 4 of them invalid"), std::string::npos) << dry.out;
  EXPECT_NE(dry.out.find("0  tensor 1  pipeline 1  micro_batch 1  ok\n"), std::string::npos);
  // The place is that of the value in the sweep.
  EXPECT_NE(dry.out.find("sweep.json#/sweep/axes/~1workload~1parallel~1tensor/2"),
            std::string::npos)
      << dry.out;
  EXPECT_FALSE(fs::exists(folder_ / "dry"));
  const Outcome part = sweep("dry", {"--dry-run", "--shard", "2/4"});
  EXPECT_NE(part.out.find("\n3 points, "), std::string::npos) << part.out;
  const Outcome none = sweep("dry", {"--dry-run", "--set", "/workload/precision=no"});
  EXPECT_EQ(none.exit_code, kWrongInput) << "no point is valid";
  const Outcome other = sweep("dry", {"--dry-run", "--set", R"(/fabric={"engine": "simgrid"})"});
  EXPECT_NE(other.out.find("12 of them invalid"), std::string::npos) << "as when they run";
}

TEST_F(SweepProgram, DoesWhatIsMissingOrBrokenAndNothingElse) {
  sweep("out");
  const Files expected = results("out");
  const fs::path missing = path_of("out", expected.begin()->first);
  const fs::path cut = path_of("out", std::next(expected.begin())->first);
  const fs::path spoilt = path_of("out", std::next(expected.begin(), 2)->first);
  fs::remove(missing);
  fs::resize_file(cut, fs::file_size(cut) - 1);
  std::string text = read_file(spoilt);
  text[text.size() / 2] ^= 1;
  write_file(spoilt, text);
  EXPECT_EQ(run_orrery({"sweep", "collect", (folder_ / "out").string(), "--complete"}).exit_code,
            kResumable);
  const Outcome again = sweep("out");
  EXPECT_NE(again.out.find("; 9 were there already"), std::string::npos) << again.out;
  EXPECT_EQ(results("out"), expected);
}

TEST_F(SweepProgram, FailedPointsAreRowsAndAreDoneAgainOnRequest) {
  sweep("out");
  const Outcome again = sweep("out");
  EXPECT_EQ(again.exit_code, kFailedPoints);
  EXPECT_NE(sweep("out", {"--dry-run"}).out.find("micro_batch 1  done"), std::string::npos);
  EXPECT_NE(again.out.find("; 12 were there already"), std::string::npos) << again.out;
  const Outcome retried = sweep("out", {"--retry", "failed"});
  EXPECT_NE(retried.out.find("; 8 were there already"), std::string::npos) << retried.out;
  const Outcome table = run_orrery({"sweep", "collect", (folder_ / "out").string()});
  EXPECT_EQ(table.exit_code, kFailedPoints);
  const std::string csv = read_file(folder_ / "out" / "table.csv");
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), static_cast<std::ptrdiff_t>(kPoints + 1));
  std::size_t invalid = 0;
  for (std::size_t at = 0; (at = csv.find(",invalid,", at)) != std::string::npos; ++at) ++invalid;
  EXPECT_EQ(invalid, kInvalid);
}

TEST_F(SweepProgram, AKillLosesAtMostThePointsInFlight) {
  write_file(folder_ / "long.json", R"({ "orrery": 1, "sweep": { "base": "base.json", "axes": {
    "/seed": {"from": 1, "to": 120, "step": 1} } } })");
  const std::string program = ORRERY_PROGRAM;
  const pid_t child = ::fork();
  if (child == 0) {
    if (::chdir(folder_.path().c_str()) != 0) ::_exit(127);
    ::execl(program.c_str(), program.c_str(), "sweep", "long.json", "--out", "out", "--jobs", "1",
            nullptr);
    ::_exit(127);
  }
  while (!fs::exists(folder_ / "out" / "points") || results("out").size() < 10) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status)) << "it was done before it was killed";
  Files before = results("out");
  std::erase_if(before, [](const auto& file) { return !file.first.ends_with(".jsonl"); });
  const Outcome rest = sweep("out", {}, "long.json");
  EXPECT_EQ(rest.exit_code, 0) << rest.err;
  EXPECT_NE(rest.out.find("; " + std::to_string(before.size()) + " were there already"),
            std::string::npos)
      << rest.out;
  EXPECT_EQ(sweep("whole", {}, "long.json").exit_code, 0);
  Files after = results("out");
  std::erase_if(after, [](const auto& file) { return !file.first.ends_with(".jsonl"); });
  EXPECT_EQ(after, results("whole"));
}

TEST_F(SweepProgram, ASecondOneOnAFolderIsRefused) {
  sweep("out");
  write_file(folder_ / "other.json", R"({ "orrery": 1, "sweep": { "base": "base.json", "axes": {
    "/workload/global_batch": [16, 32] } } })");
  const Outcome other = sweep("out", {}, "other.json");
  EXPECT_EQ(other.exit_code, kWrongInput);
  EXPECT_NE(other.err.find("holds the results of another sweep"), std::string::npos) << other.err;
  const Outcome adopted = sweep("out", {"--adopt"}, "other.json");
  EXPECT_NE(adopted.out.find("; 1 were there already"), std::string::npos) << adopted.out;

  // As if this process, which lives, worked there; then as if a process that has gone had.
  std::string stat = read_file("/proc/self/stat");
  std::istringstream fields(stat.substr(stat.rfind(')') + 1));
  std::string start;
  for (int field = 3; field <= 22; ++field) fields >> start;
  char host[256] = {};
  ::gethostname(host, sizeof host - 1);
  const fs::path claim = folder_ / "out" / "claims" / "2_of_3";
  const std::string holder = std::string(host) + " " + std::to_string(::getpid()) + " ";
  write_file(claim, holder + start + "\n");
  const Outcome second = sweep("out", {}, "other.json");
  EXPECT_EQ(second.exit_code, kWrongInput);
  EXPECT_NE(second.err.find("another `orrery sweep` works on out"), std::string::npos)
      << second.err;
  const std::string theirs = read_file(folder_ / "out" / "sweep.json");
  EXPECT_EQ(sweep("out", {"--adopt"}).exit_code, kWrongInput);
  EXPECT_EQ(read_file(folder_ / "out" / "sweep.json"), theirs) << "of the one that works there";
  EXPECT_EQ(sweep("out", {"--shard", "2/3"}, "other.json").exit_code, kWrongInput);
  EXPECT_EQ(sweep("out", {"--shard", "1/3"}, "other.json").exit_code, 0);
  write_file(claim, holder + "1\n");  // another process had this number
  EXPECT_EQ(sweep("out", {}, "other.json").exit_code, 0);
  EXPECT_FALSE(fs::exists(claim));
}

TEST_F(SweepProgram, ScriptsForBatchSystemsAreValidShell) {
  for (const char* scheduler : {"slurm", "pbs", "lsf"}) {
    const Outcome written =
        sweep("out", {std::string("--") + scheduler, "--write-only", "--partition", "a b'c",
                      "--time", "10", "--array-limit", "4", "--chunk", "5"});
    EXPECT_EQ(written.exit_code, 0) << written.err;
    const fs::path batch = folder_ / "out" / scheduler / "001";
    EXPECT_EQ(read_file(batch / "tasks.txt"), "0,1,2,3,4\n5,6,7,8,9\n10,11\n");
    for (const char* script : {"task.sh", "collect.sh", "submit.sh"}) {
      const Outcome checked = testing_program::run_child("bash", {"-n", (batch / script).string()});
      EXPECT_EQ(checked.exit_code, 0) << scheduler << " " << script << checked.err;
    }
  }
  const std::string list = (folder_ / "out/slurm/001/tasks.txt").string();
  for (const int task : {0, 1, 2}) sweep("out", {"--task", list + ":" + std::to_string(task)});
  EXPECT_EQ(results("out").size(), kPoints);
  EXPECT_EQ(sweep("out", {"--task", list + ":3"}).exit_code, kWrongInput);
  for (const char* wrong : {"--chunk=-1", "--array-limit=0", "--shard=1/2"}) {
    EXPECT_EQ(sweep("out", {"--slurm", "--write-only", "--retry=failed", wrong}).exit_code,
              kWrongInput)
        << wrong;
  }
  write_file(folder_ / "sweep.json",
             std::regex_replace(kSweep, std::regex("\\[1, 2, 8\\]"), "[1, 2, 4]"));
  const Outcome changed = sweep("out", {"--task", list + ":0"});
  EXPECT_EQ(changed.exit_code, kWrongInput) << "as many points, but not those submitted";
  write_file(folder_ / "sweep.json", kSweep);
  EXPECT_EQ(run_orrery({"sweep", "collect", (folder_ / "out").string(), "--complete"}).exit_code,
            kFailedPoints);
}

TEST_F(SweepProgram, TheSchemaAcceptsSweepsAndRejectsUnknownKeys) {
  if (testing_program::run_child("/usr/bin/python3", {"-c", "import jsonschema"}).exit_code != 0) {
    GTEST_SKIP() << "the Python module jsonschema is not installed";
  }
  write_file(folder_ / "schema.json", run_orrery({"schema", "--sweep"}).out);
  const std::string validate =
      "import json, sys, jsonschema\n"
      "schema = json.load(open(sys.argv[1]))\n"
      "jsonschema.Draft202012Validator.check_schema(schema)\n"
      "validator = jsonschema.Draft202012Validator(schema)\n"
      "for path in sys.argv[2:]:\n"
      "    document = json.load(open(path))\n"
      "    assert validator.is_valid(document), list(validator.iter_errors(document))\n"
      "    document['sweep']['axis'] = {}\n"
      "    assert not validator.is_valid(document)\n";
  const std::string sweeps = ORRERY_SOURCE_DIR "/experiments/sweeps/";
  const Outcome outcome = testing_program::run_child(
      "/usr/bin/python3",
      {"-c", validate, (folder_ / "schema.json").string(), (folder_ / "sweep.json").string(),
       sweeps + "scaling/sweep.json", sweeps + "llama3_70b_on_64_h100/search.json"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
}

/// What a task finds where it runs is what --set named where it was submitted.
TEST_F(SweepProgram, TasksReadFilesFromWhereTheyWereSubmitted) {
  write_file(folder_ / "net.json", R"({"use": "gpt2", "with": {"n_layer": 2}})");
  const std::string set = R"(--set=/workload/network={"use": "./net.json"})";
  EXPECT_EQ(sweep("here", {set}).exit_code, kFailedPoints);
  EXPECT_EQ(sweep("there", {set, "--slurm", "--write-only"}).exit_code, 0);
  const fs::path task = folder_ / "there/slurm/001/task.sh";
  testing_program::run_child("bash",
                             {"-c", "cd / && SLURM_ARRAY_TASK_ID=0 bash " + task.string() + " 0"});
  EXPECT_EQ(results("there"), results("here"));
}

TEST(SweepTable, CommunicationThatIsNowhereExposedIsZero) {
  SweepTable table;
  table.metrics = {"exposed_communication_s", "exposed_data_parallel_s", "mfu"};
  const PointRow without{"ok", 0, "", {{"exposed_communication_s", 0}}};
  const PointRow with{
      "ok", 0, "", {{"exposed_communication_s", 1}, {"exposed_data_parallel_s", 1}}};
  table.rows = {{{}, "a", without}, {{}, "b", with}};
  mark_front(table, objectives_from("exposed_data_parallel_s"));
  EXPECT_TRUE(table.rows[0].on_front);
  EXPECT_FALSE(table.rows[1].on_front);
  EXPECT_EQ(without.metric("mfu"), std::nullopt);
}

TEST(SweepTable, ParetoFrontIsWhatNobodyDominates) {
  SweepTable table;
  table.metrics = {"a", "b"};
  const std::vector<std::pair<double, double>> values = {{1, 5}, {2, 2}, {3, 1}, {2, 3},
                                                         {1, 5}, {4, 1}, {0, 9}};
  for (const auto& [a, b] : values) {
    SweepTable::Row row;
    row.point = {"ok", 0, "", {{"a", a}, {"b", b}}};
    table.rows.push_back(row);
  }
  table.rows.back().point.status = "does_not_fit";  // it would dominate nobody, but does not count
  mark_front(table, objectives_from("a,b"));
  for (std::size_t i = 0; i < values.size(); ++i) {
    bool dominated = i + 1 == values.size();
    for (std::size_t j = 0; j + 1 < values.size(); ++j) {
      dominated = dominated || (values[j] != values[i] && values[j].first <= values[i].first &&
                                values[j].second <= values[i].second);
    }
    EXPECT_EQ(table.rows[i].on_front, !dominated) << i;
  }
}

}  // namespace
}  // namespace orrery
