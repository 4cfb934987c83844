#include "tools/orrery/summary.hpp"

#include <gtest/gtest.h>

#include <numeric>

namespace orrery {
namespace {

using namespace literals;

TEST(Summary, SharesSumToAHundredPercent) {
  const std::vector<int> thirds = tenths_of_percent({1, 1, 1});
  EXPECT_EQ(std::accumulate(thirds.begin(), thirds.end(), 0), 1000);
  EXPECT_EQ(tenths_of_percent({3, 1}), (std::vector<int>{750, 250}));
  EXPECT_EQ(tenths_of_percent({0, 0}), (std::vector<int>{0, 0}));
  EXPECT_EQ(tenths_of_percent({}), std::vector<int>{});
}

TEST(Summary, TheVerdictSaysByHowMuchAndWhatDominates) {
  Result result;
  result.memory = {{.device = "small",
                    .capacity = 10_GiB,
                    .peak = 12_GiB,
                    .rank = 3,
                    .when = Time(),
                    .holds = {{"optimizer", 8_GiB}, {"weights", 4_GiB}}}};
  EXPECT_FALSE(result.fits());
  EXPECT_EQ(
      memory_verdict(result),
      "does not fit: rank 3 needs 12 GiB of the 10 GiB of one small, 2 GiB too much; most of it "
      "is optimizer, 8 GiB");
  result.memory[0].peak = 1035_GiB;
  EXPECT_NE(memory_verdict(result).find("needs 1035 GiB of the 10 GiB of one small, 1025 GiB too"),
            std::string::npos);
  result.memory[0].peak = 10_GiB + 1_MiB;
  EXPECT_NE(memory_verdict(result).find("needs 10241 MiB of the 10240 MiB of one small, 1 MiB too"),
            std::string::npos);
  result.memory[0].peak = 10_GiB;
  EXPECT_TRUE(result.fits()) << "at capacity";
  EXPECT_EQ(memory_verdict(result), "");
}

TEST(Summary, TheLargestCauseBinds) {
  Result result;
  result.makespan = 10_us;
  EXPECT_EQ(bound_by(result), "nothing: no time passed");
  result.critical_path = {{Cause::Kind::communication, "tensor_parallel", 6_us},
                          {Cause::Kind::math, "", 4_us}};
  EXPECT_EQ(
      bound_by(result),
      "tensor_parallel communication (60.0 % of the critical path), then arithmetic (40.0 %)");
}

}  // namespace
}  // namespace orrery
