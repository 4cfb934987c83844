// The section "fabric" of a scenario, from the file to the result.
#include <gtest/gtest.h>

#include <filesystem>

#include "sim/base/json_value.hpp"
#include "tests/tools/orrery/program.hpp"

namespace orrery {
namespace {

namespace fs = std::filesystem;
using testing_program::Outcome;
using testing_program::run_orrery;
using testing_program::TemporaryFolder;
using testing_program::write_file;

/// SimGrid has nothing for the protocols of a library.
constexpr const char* kPlain = "/collectives/library=plain";

class FabricEngineTest : public testing::Test {
 protected:
  FabricEngineTest() : scenario_((folder_ / "scenario.json").string()) {
    write_file(scenario_, testing_program::kSmallScenario);
  }
  static bool has_simgrid() {
    return fs::exists(fs::path(ORRERY_PROGRAM).parent_path() / "orrery-simgrid");
  }
  Outcome run(const std::vector<std::string>& sets, const std::string& more = "--json") {
    std::vector<std::string> words = {"run", scenario_, "--unfolded", more, "--set", kPlain};
    for (const std::string& set : sets) words.insert(words.end(), {"--set", set});
    return run_orrery(words);
  }
  JsonValue result(const std::vector<std::string>& sets) {
    const Outcome outcome = run(sets);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return parse_json(outcome.out, "result");
  }
  static std::string text(const JsonValue& result, const std::string& pointer) {
    const JsonValue* value = value_at(result, pointer);
    return value == nullptr ? "nothing" : to_text(*value, false);
  }

  TemporaryFolder folder_;
  std::string scenario_;
};

TEST_F(FabricEngineTest, TheResultSaysWhoSharedTheLinks) {
  const JsonValue plain = result({});
  EXPECT_EQ(text(plain, "/fabric_engine"), R"({"name":"native","share_policy":"max_min"})");
  EXPECT_EQ(text(plain, "/scenario/fabric"), R"({"engine":"native","share_policy":"max_min"})");
  const JsonValue weighted = result({"/fabric/share_policy=rtt_weighted"});
  EXPECT_EQ(text(weighted, "/fabric_engine/share_policy"), "\"rtt_weighted\"");
}

TEST_F(FabricEngineTest, WithoutItsProgramSimgridIsRefused) {
  // A copy of the program alone: nothing lies beside it.
  const std::string alone = (folder_ / "orrery").string();
  fs::copy_file(ORRERY_PROGRAM, alone);
  const Outcome outcome =
      testing_program::run_child(alone, {"run", scenario_, "--set", "/fabric/engine=simgrid"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err.find("--set#/fabric/engine: "), 0U) << outcome.err;
  EXPECT_NE(outcome.err.find("orrery-simgrid, which runs it, was not built"), std::string::npos);
}

// Kernels and messages meet in the memories here. SimGrid solves shares to 1e-9.
TEST_F(FabricEngineTest, SimgridsFiguresAreTheNativeOnes) {
  if (!has_simgrid()) GTEST_SKIP() << "built without SimGrid >= 3.32 (libsimgrid-dev)";
  constexpr double kRelative = 1e-9;
  const JsonValue native = result({});
  const JsonValue simgrid = result({"/fabric/engine=simgrid"});
  EXPECT_EQ(text(simgrid, "/fabric_engine/name"), "\"simgrid\"");
  EXPECT_EQ(text(simgrid, "/fabric_engine/model"), "\"CM02\"");
  EXPECT_NE(text(simgrid, "/fabric_engine/settings").find("network/crosstraffic:0"),
            std::string::npos);
  for (const char* figure :
       {"/step_time_s", "/compute_s", "/exposed_communication_s/data_parallel", "/mfu"}) {
    const double expected = value_at(native, figure)->real;
    EXPECT_GT(expected, 0) << figure;
    EXPECT_NEAR(value_at(simgrid, figure)->real, expected, 10 * kRelative * expected) << figure;
  }
  EXPECT_EQ(text(simgrid, "/counters/messages"), text(native, "/counters/messages"));
  EXPECT_EQ(text(simgrid, "/counters/sent_bytes"), text(native, "/counters/sent_bytes"));
}

// Its factors make every message slower, by 0.97 of the bandwidth and 13 times the latency.
TEST_F(FabricEngineTest, Lv08TakesLonger) {
  if (!has_simgrid()) GTEST_SKIP() << "built without SimGrid >= 3.32 (libsimgrid-dev)";
  const double plain = value_at(result({}), "/step_time_s")->real;
  const JsonValue slower = result({"/fabric/engine=simgrid", "/fabric/model=LV08"});
  EXPECT_GT(value_at(slower, "/step_time_s")->real, plain);
}

TEST_F(FabricEngineTest, OutputIsThatOfTheOtherProgram) {
  if (!has_simgrid()) GTEST_SKIP() << "built without SimGrid >= 3.32 (libsimgrid-dev)";
  const std::string folder = (folder_ / "out").string();
  const Outcome outcome = run_orrery({"run", scenario_, "--set", kPlain, "--set",
                                      "/fabric/engine=simgrid", "--out", folder, "--trace"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("links shared by simgrid (CM02)"), std::string::npos) << outcome.out;
  EXPECT_EQ(TemporaryFolder::names_in(folder),
            (std::vector<std::string>{"result.json", "run.json", "trace.json"}));
  // Its result can be looked at, and its workload written with the times that it had.
  const Outcome report = run_orrery({"report", folder});
  EXPECT_EQ(report.exit_code, 0) << report.err;
  const Outcome written =
      run_orrery({"trace", "export", scenario_, "--format", "chakra", "--durations", "--set",
                  kPlain, "--set", "/fabric/engine=simgrid", "--out", (folder_ / "job").string()});
  EXPECT_EQ(written.exit_code, 0) << written.err;
}

TEST_F(FabricEngineTest, WhatSimgridCannotIsRefusedBeforeAnythingIsWritten) {
  const std::string folder = (folder_ / "out").string();
  const Outcome outcome = run_orrery({"run", scenario_, "--set", "/fabric/engine=simgrid", "--out",
                                      folder, "--trace", "--what-if"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_NE(outcome.err.find("--set#/fabric/engine: expected \"native\" with --what-if"),
            std::string::npos)
      << outcome.err;
  EXPECT_FALSE(fs::exists(folder));
}

}  // namespace
}  // namespace orrery
