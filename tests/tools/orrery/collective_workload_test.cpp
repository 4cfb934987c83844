// `orrery run` of collectives alone: every kind and algorithm, folded and not.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/tools/orrery/experiment.hpp"
#include "tools/orrery/builtins.hpp"
#include "tools/orrery/commands.hpp"

namespace orrery {
namespace {

using testing_program::number;
using testing_program::Outcome;
using testing_program::run_orrery;
using testing_program::TemporaryFolder;
using testing_program::write_file;

constexpr const char* kTwoNodes = R"({"use": "dgx_h100_superpod", "with": {"nodes": 2}})";
constexpr const char* kNode = R"("dgx_h100")";

JsonValue result_of(const std::string& cluster, const std::string& workload,
                    const std::vector<std::string>& options = {}) {
  const TemporaryFolder folder;
  write_file(folder / "scenario.json", R"({"orrery": 1, "cluster": )" + cluster +
                                           R"(, "workload": {"kind": "collective", )" + workload +
                                           "}}");
  std::vector<std::string> words = {"run", folder / "scenario.json", "--json"};
  words.insert(words.end(), options.begin(), options.end());
  const Outcome outcome = run_orrery(words);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  return parse_json(outcome.out, "result");
}

double time_of(const JsonValue& result) {
  return number(*result.find("benchmark_time_s"));
}

TEST(CollectiveWorkload, EveryAlgorithmPassesItsChecksAndTakesTheSameTimeFolded) {
  for (const std::string& name : builtin_collectives().names()) {
    SCOPED_TRACE(name);
    const std::string kind = name.substr(0, name.find('/'));
    const std::string algorithm = name.substr(name.find('/') + 1);
    const std::string cluster = algorithm == "nvls" ? kNode : kTwoNodes;
    const std::string size = kind == "all_to_all_v"
                                 ? R"("sizes": {"kind": "zipf", "exponent": 1}, "size": "16 MiB")"
                                 : R"("size": "16 MiB")";
    const std::string workload = R"("collective": ")" + kind + "\", " + size;
    const std::vector<std::string> choice = {"--set", "/collectives/" + kind + "=" + algorithm};
    std::vector<std::string> unfolded = choice;
    unfolded.push_back("--unfolded");
    const JsonValue result = result_of(cluster, workload, choice);
    for (const JsonValue& check : result.find("checks")->items) {
      EXPECT_TRUE(check.find("holds")->boolean) << check.find("sentence")->string;
    }
    EXPECT_EQ(time_of(result), time_of(result_of(cluster, workload, unfolded)));
    EXPECT_EQ(result.find("mfu"), nullptr) << "no model runs";
  }
}

TEST(CollectiveWorkload, AnAllToAllVOfEqualPartsIsAnAllToAllAndSkewCosts) {
  const auto of_law = [](const std::string& exponent) {
    return time_of(result_of(kNode, R"("collective": "all_to_all_v", "size": "64 MiB",
                             "sizes": {"kind": "zipf", "exponent": )" +
                                        exponent + "}"));
  };
  const double plain = time_of(result_of(kNode, R"("collective": "all_to_all", "size": "64 MiB")",
                                         {"--set", "/collectives/all_to_all=direct"}));
  EXPECT_EQ(of_law("0"), plain);
  EXPECT_GT(of_law("1"), 1.5 * plain) << "into the most favoured go 37 % and not 12.5 %";
}

TEST(CollectiveWorkload, AnAllToAllVOfNothingIsOverAtOnce) {
  const JsonValue result = result_of(kNode, R"("collective": "all_to_all_v", "ranks": 2,
                "sizes": [["1 GiB", "0 B"], ["0 B", "1 GiB"]])",
                                     {"--set", "/collectives/launch=5 us"});
  EXPECT_EQ(time_of(result), 5e-6) << "the launch alone";
}

TEST(CollectiveWorkload, InTheNetworkAnAllReduceBeatsTheRingOfTheSameSize) {
  const auto with = [](const std::string& cluster, const std::string& algorithm) {
    return time_of(result_of(cluster, R"("collective": "all_reduce", "size": "256 MiB")",
                             {"--set", "/collectives/all_reduce=" + algorithm}));
  };
  EXPECT_LT(with(kNode, "nvls"), with(kNode, "ring"));
  EXPECT_LT(with(kTwoNodes, "sharp"), with(kTwoNodes, "hierarchical"));
}

}  // namespace
}  // namespace orrery
