#include <gtest/gtest.h>

#include <cmath>

#include "sim/base/json_value.hpp"
#include "tests/tools/orrery/program.hpp"

namespace orrery {
namespace {

using testing_program::Outcome;
using testing_program::run_orrery;

constexpr const char* kFolder = ORRERY_SOURCE_DIR "/experiments/reproduce/ladder/";

/// Two of the cases; all take a minute.
class ReproduceLadder : public testing::TestWithParam<const char*> {};

TEST_P(ReproduceLadder, FollowsFromStandardAndTheUpperBound) {
  const std::string file = std::string(kFolder) + "reproduce.json";
  const JsonValue document = load_json(file, file);
  const JsonValue& figure = document.find("figures")->items.at(0);
  for (const JsonValue& each : document.find("cases")->items) {
    if (each.find("label")->string != GetParam()) continue;
    std::vector<std::string> words = {"run", std::string(kFolder) + "scenario.json", "--json"};
    for (const JsonValue::Member& set : each.find("set")->members) {
      words.insert(words.end(), {"--set", set.key + "=" + to_text(set.value, false)});
    }
    const Outcome outcome = run_orrery(words);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const double simulated = parse_json(outcome.out, "stdout").find("tokens_per_s")->real;
    const double published = value_at(each, "/published/tokens_per_s/value")->real;
    EXPECT_LE(std::abs(simulated / published - 1), value_at(figure, "/limits/maximum")->real)
        << simulated;
    return;
  }
  FAIL() << "no case is called " << GetParam();
}

INSTANTIATE_TEST_SUITE_P(Cases, ReproduceLadder,
                         testing::Values("ladder, tensor 8, batch 1, no P2P",
                                         "parallel_attention, tensor 8, batch 1, NVLink"),
                         [](const auto& which) { return "case_" + std::to_string(which.index); });

}  // namespace
}  // namespace orrery
