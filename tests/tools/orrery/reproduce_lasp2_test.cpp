#include <gtest/gtest.h>

#include <cmath>

#include "tests/tools/orrery/reproduced_case.hpp"

namespace orrery {
namespace {

using testing_program::number;
using testing_program::ReproducedCase;
using testing_program::run_case;

/// Some of the cases: a length on both clusters, the longest that fits and the first that does not.
class ReproduceLasp2 : public testing::TestWithParam<const char*> {};

TEST_P(ReproduceLasp2, HasThePublishedRateAndMemory) {
  const ReproducedCase of = run_case("lasp2", GetParam());
  EXPECT_EQ(of.result.find("fits")->boolean, of.published.find("fits")->boolean);
  for (const JsonValue& figure : of.document.find("figures")->items) {
    const std::string name = figure.find("name")->string;
    const JsonValue* published = value_at(of.published, "/published/" + name + "/value");
    if (published == nullptr) continue;
    const double simulated = of.simulated(figure.find("pointer")->string);
    EXPECT_LE(std::abs(simulated / number(*published) - 1),
              number(*value_at(figure, "/limits/maximum")))
        << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, ReproduceLasp2,
                         testing::Values("16 GPUs, 64K tokens", "64 GPUs, 256K tokens",
                                         "16 GPUs, 256K tokens", "16 GPUs, 512K tokens"),
                         [](const auto& which) { return "case_" + std::to_string(which.index); });

}  // namespace
}  // namespace orrery
