#include "tools/orrery/scenario.hpp"

#include <gtest/gtest.h>

#include "tests/tools/orrery/program.hpp"
#include "tools/orrery/data_folders.hpp"

namespace orrery {
namespace {

using testing_program::TemporaryFolder;
using testing_program::write_file;

class ScenarioTest : public testing::Test {
 protected:
  Scenario load(const std::string& text, std::vector<std::string> overrides = {}) {
    write_file(folder_ / "scenario.json", text);
    return load_scenario((folder_ / "scenario.json").string(), overrides, builtins_, catalog_);
  }

  /// "pointer: message" of every mistake, the file left out.
  std::vector<std::string> mistakes(const std::string& text,
                                    std::vector<std::string> overrides = {}) {
    std::vector<std::string> result;
    try {
      load(text, std::move(overrides));
    } catch (const ScenarioError& error) {
      for (const Diagnostic& diagnostic : error.diagnostics()) {
        result.push_back(diagnostic.pointer + ": " + diagnostic.message);
      }
    }
    return result;
  }

  static bool has(const std::vector<std::string>& mistakes, const std::string& start,
                  const std::string& part) {
    return std::any_of(mistakes.begin(), mistakes.end(), [&](const std::string& mistake) {
      return mistake.starts_with(start) && mistake.find(part) != std::string::npos;
    });
  }

  TemporaryFolder folder_;
  Builtins builtins_;
  Catalog catalog_ = open_catalog(find_data_folders());
};

const std::string kSmall = testing_program::kSmallScenario;

std::string replaced(std::string text, const std::string& old, const std::string& with) {
  return text.replace(text.find(old), old.size(), with);
}

TEST_F(ScenarioTest, ReadsEverythingAndWritesTheDefaultsIn) {
  const Scenario scenario = load(kSmall);
  EXPECT_EQ(scenario.cluster.device_count(), 8);
  EXPECT_EQ(scenario.cluster.node.device.name, "a100_sxm_80gb");
  EXPECT_EQ(scenario.seed, 0U);
  EXPECT_EQ(scenario.fabric->devices(), 8);
  EXPECT_FALSE(scenario.collectives.launch.has_value()) << "the device's own";
  EXPECT_EQ(scenario.collectives.chunk, Bytes(0));
  EXPECT_EQ(scenario.collectives.algorithm[0], "auto");
  EXPECT_EQ(value_at(scenario.resolved, "/cost/kind")->string, "roofline");
  EXPECT_EQ(*value_at(scenario.resolved, "/cost/kind")->origin.file, kDefaultOrigin);
  EXPECT_FALSE(scenario.sources.empty());
}

TEST_F(ScenarioTest, WritesInWhatTheWorkloadTookByItself) {
  const Scenario scenario =
      load(replaced(kSmall, R"("parallel": { "tensor": 4, "pipeline": 1, "data": 2 },)",
                    R"("parallel": { "tensor": 4 },)"));
  const std::vector<std::pair<std::string, std::string>> defaults = {
      {"/workload/parallel/pipeline", "1"},
      {"/workload/parallel/data", "2"},
      {"/workload/parallel/sequence_parallel", "false"},
      {"/workload/placement", R"(["tensor","data","pipeline"])"},
      {"/workload/attention", R"("flash")"},
      {"/workload/dropout", "false"},
      {"/workload/gradient_precision", R"("fp32")"},
      {"/workload/gradient_bucket", R"("25 MiB")"}};
  for (const auto& [pointer, text] : defaults) {
    const JsonValue* value = value_at(scenario.resolved, pointer);
    ASSERT_NE(value, nullptr) << pointer;
    EXPECT_EQ(to_text(*value, false), text) << pointer;
    EXPECT_EQ(*value->origin.file, kDefaultOrigin) << pointer;
  }
  EXPECT_NE(*value_at(scenario.resolved, "/workload/parallel/tensor")->origin.file, kDefaultOrigin)
      << "what the user wrote stays his";
  EXPECT_EQ(load(to_text(scenario.resolved, true)).hash, scenario.hash);
}

TEST_F(ScenarioTest, TheResolvedScenarioResolvesToItself) {
  const Scenario first = load(kSmall);
  const Scenario again = load(to_text(first.resolved, true));
  EXPECT_EQ(to_text(again.resolved, false), to_text(first.resolved, false));
  EXPECT_EQ(again.hash, first.hash);
  EXPECT_EQ(build_job(again).graph.ops().size(), build_job(first).graph.ops().size());
}

TEST_F(ScenarioTest, TheHashFollowsTheContent) {
  EXPECT_EQ(load(kSmall).hash, load(kSmall).hash);
  EXPECT_NE(load(kSmall).hash, load(kSmall, {"/seed=8"}).hash);
  // FNV-1a of "a" is af63dc4c8601ec8c (its authors' test vectors); the JSON text "7" differs from
  // it.
  EXPECT_EQ(hash_of(json_integer(7)).size(), 16U);
}

TEST_F(ScenarioTest, OverridesAreJsonWhereTheyParseAndTextElsewhere) {
  const Scenario scenario =
      load(kSmall, {"/seed=42", "/collectives/launch=7 us", "/cluster={\"use\":\"dgx_h100\"}"});
  EXPECT_EQ(scenario.seed, 42U);
  EXPECT_EQ(scenario.collectives.launch, Duration(7'000'000));
  EXPECT_EQ(scenario.cluster.node.device.name, "h100_sxm");
  EXPECT_EQ(*value_at(scenario.resolved, "/seed")->origin.file, kOverrideOrigin);
}

TEST_F(ScenarioTest, ALaterOverrideWins) {
  EXPECT_EQ(load(kSmall, {"/seed=1", "/seed=2"}).seed, 2U);
}

TEST_F(ScenarioTest, MistakesOfOverridesNameTheOverride) {
  write_file(folder_ / "scenario.json", kSmall);
  const std::vector<std::string> overrides = {"/workload/parallel/tensr=4", "nonsense",
                                              "/workload/parallel/data/x=1"};
  try {
    load_scenario((folder_ / "scenario.json").string(), overrides, builtins_, catalog_);
    FAIL() << "expected a ScenarioError";
  } catch (const ScenarioError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("--set#/workload/parallel/tensr: no such key; did you mean \"tensor\"?"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("expected POINTER=VALUE"), std::string::npos) << text;
    EXPECT_NE(text.find("--set#/workload/parallel/data/x: expected an object"), std::string::npos)
        << text;
  }
}

TEST_F(ScenarioTest, MistakesOfTheClusterDoNotHideThoseOfTheRest) {
  const std::string text = R"({
    "orrery": 2, "sed": 1,
    "cluster": { "use": "dgx_a10" },
    "workload": { "kind": "transformer_training", "network": "gpt3", "parallel": {"tensor": "4"},
                  "sequence_length": 128, "micro_batch": 1, "globalbatch": 4 },
    "collectives": { "all_reduce": "rings", "launch": "5 GB" },
    "cost": { "kind": "rooflin" }
  })";
  const std::vector<std::string> found = mistakes(text);
  EXPECT_TRUE(has(found, "/orrery:", "expected 1"));
  EXPECT_TRUE(has(found, "/sed:", "did you mean \"seed\"?"));
  EXPECT_TRUE(has(found, "/cluster/use:", "did you mean \"dgx_a100\"?"));
  EXPECT_TRUE(has(found, "/workload/network:", "\"gpt3\""));
  EXPECT_TRUE(has(found, "/workload/parallel/tensor:", "expected an integer"));
  EXPECT_TRUE(has(found, "/workload/globalbatch:", "did you mean \"global_batch\"?"));
  EXPECT_TRUE(has(found, "/workload:", "missing key \"global_batch\""));
  EXPECT_TRUE(has(found, "/collectives/all_reduce:", "did you mean \"ring\"?"));
  EXPECT_TRUE(has(found, "/collectives/launch:", "got \"5 GB\""));
  EXPECT_TRUE(has(found, "/cost/kind:", "did you mean \"roofline\"?"));
  EXPECT_EQ(found.size(), 10U) << "each mistake once: " << testing::PrintToString(found);
}

TEST_F(ScenarioTest, AnUnreadableClusterIsNotComparedWithTheWorkload) {
  const std::vector<std::string> found =
      mistakes(replaced(kSmall, "\"dgx_a100\"", "\"no_such_machine\""));
  EXPECT_EQ(found.size(), 1U) << testing::PrintToString(found);
}

TEST_F(ScenarioTest, TheWorldSizeMustMatch) {
  const std::vector<std::string> found = mistakes(kSmall, {"/workload/parallel/data=4"});
  EXPECT_TRUE(has(found, "/workload/parallel", "16 ranks")) << testing::PrintToString(found);
  EXPECT_TRUE(has(found, "/workload/parallel", "the cluster has 8"));
}

TEST_F(ScenarioTest, WhatIsNoObjectIsOneMistake) {
  EXPECT_EQ(mistakes("[1, 2]").size(), 1U);
  EXPECT_TRUE(has(mistakes("{}"), ":", "missing key \"orrery\""));
  EXPECT_TRUE(has(mistakes("{}"), ":", "missing key \"workload\""));
  EXPECT_TRUE(has(mistakes(replaced(kSmall, "\"orrery\": 1", "\"orrery\": 1, \"cost\": 3")),
                  "/cost:", "expected an object"));
  EXPECT_TRUE(has(mistakes(replaced(kSmall, "\"orrery\": 1", "\"orrery\": 1, \"collectives\": []")),
                  "/collectives:", "expected an object"));
}

TEST_F(ScenarioTest, AKernelThatTheDeviceCannotRunIsTheUsersMistake) {
  Scenario scenario = load(kSmall);
  scenario.cluster.node.device.peak[static_cast<std::size_t>(Precision::bf16)].reset();
  try {
    build_job(scenario);
    FAIL() << "expected a ScenarioError";
  } catch (const ScenarioError& error) {
    ASSERT_EQ(error.diagnostics().size(), 1U) << "said once, not for each kernel";
    EXPECT_EQ(error.diagnostics()[0].pointer, "/workload/precision");
    EXPECT_NE(error.diagnostics()[0].message.find("bf16"), std::string::npos);
  }
}

TEST_F(ScenarioTest, ADefaultIsNotThePlaceOfAMistake) {
  Scenario scenario = load(replaced(kSmall, R"(, "precision": "bf16")", ""));
  scenario.cluster.node.device.peak[static_cast<std::size_t>(Precision::bf16)].reset();
  try {
    build_job(scenario);
    FAIL() << "expected a ScenarioError";
  } catch (const ScenarioError& error) {
    EXPECT_EQ(error.diagnostics()[0].pointer, "/workload");
    EXPECT_NE(error.diagnostics()[0].file, kDefaultOrigin);
  }
}

}  // namespace
}  // namespace orrery
