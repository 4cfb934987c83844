#include "tools/orrery/op_fit.hpp"

#include <gtest/gtest.h>

#include "tests/models/made_device.hpp"

namespace orrery {
namespace {

using namespace made;
using namespace orrery::literals;

TEST(Fit, FindsTheValuesThatMadeTheTimes) {
  const auto model = op("moe");
  const auto truth = values_of(*model, {{"math_efficiency", 0.3},
                                        {"memory_efficiency", 0.5},
                                        {"launch_us", 60},
                                        {"few_efficiency", 0.2},
                                        {"skew", 0.4},
                                        {"blend", 3}});
  const DeviceSpec on = device("a", "Ampere");
  std::vector<OpSample> samples;
  for (std::int64_t tokens = 1; tokens <= 65'536; tokens *= 2) {
    for (const std::int64_t experts : {8, 64, 256}) {
      for (const std::int64_t hidden : {2048, 7168}) {
        const OpShape shape{Precision::bf16, {tokens, hidden, 2048, 8, experts, 1, 1}};
        samples.push_back({shape, model->time(shape, on, truth).seconds(), tokens == 64});
      }
    }
  }
  const auto values = fit_op(*model, on, samples, values_of(*model));
  std::vector<OpSample> judged;
  for (const OpSample& sample : samples) {
    if (sample.judged) judged.push_back(sample);
  }
  EXPECT_EQ(judged.size(), 6U);
  EXPECT_LT(error_of(*model, on, values, judged).maximum, 0.03);  // no noise; as far as it searches
}

TEST(Fit, LeavesJudgedRowsAlone) {
  const auto model = op("moe");
  const DeviceSpec on = device("a", "Ampere");
  const OpShape shape{Precision::bf16, {64, 2048, 2048, 8, 64, 1, 1}};
  const double seconds = model->time(shape, on, values_of(*model)).seconds();
  std::vector<OpSample> samples = {{shape, seconds, false}};
  const auto alone = fit_op(*model, on, samples, values_of(*model));
  samples.push_back({shape, 100 * seconds, true});
  EXPECT_EQ(fit_op(*model, on, samples, values_of(*model)), alone);
}

}  // namespace
}  // namespace orrery
