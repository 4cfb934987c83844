#include <gtest/gtest.h>

#include <cmath>

#include "sim/base/json_value.hpp"
#include "tests/tools/orrery/program.hpp"

namespace orrery {
namespace {

using testing_program::Outcome;
using testing_program::run_orrery;

constexpr const char* kFolder = ORRERY_SOURCE_DIR "/experiments/reproduce/lasp2/";

/// Some of the cases: a length on both clusters, the longest that fits and the first that does not.
class ReproduceLasp2 : public testing::TestWithParam<const char*> {};

TEST_P(ReproduceLasp2, HasThePublishedRateAndMemory) {
  const std::string file = std::string(kFolder) + "reproduce.json";
  const JsonValue document = load_json(file, file);
  for (const JsonValue& each : document.find("cases")->items) {
    if (each.find("label")->string != GetParam()) continue;
    std::vector<std::string> words = {"run", std::string(kFolder) + "scenario.json", "--json"};
    for (const JsonValue::Member& set : each.find("set")->members) {
      words.insert(words.end(), {"--set", set.key + "=" + to_text(set.value, false)});
    }
    const Outcome outcome = run_orrery(words);
    const JsonValue result = parse_json(outcome.out, "stdout");
    EXPECT_EQ(result.find("fits")->boolean, each.find("fits")->boolean);
    for (const JsonValue& figure : document.find("figures")->items) {
      const std::string name = figure.find("name")->string;
      const JsonValue* published = value_at(each, "/published/" + name + "/value");
      if (published == nullptr) continue;
      const JsonValue* simulated = value_at(result, figure.find("pointer")->string);
      const auto number = [](const JsonValue& value) {
        return value.kind == JsonValue::Kind::integer ? static_cast<double>(value.integer)
                                                      : value.real;
      };
      EXPECT_LE(std::abs(number(*simulated) / number(*published) - 1),
                value_at(figure, "/limits/maximum")->real)
          << name;
    }
    return;
  }
  FAIL() << "no case is called " << GetParam();
}

INSTANTIATE_TEST_SUITE_P(Cases, ReproduceLasp2,
                         testing::Values("16 GPUs, 64K tokens", "64 GPUs, 64K tokens",
                                         "16 GPUs, 256K tokens", "16 GPUs, 512K tokens"),
                         [](const auto& which) { return "case_" + std::to_string(which.index); });

}  // namespace
}  // namespace orrery
