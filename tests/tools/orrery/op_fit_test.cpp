#include "tools/orrery/op_fit.hpp"

#include <gtest/gtest.h>

#include <map>

namespace orrery {
namespace {

using namespace orrery::literals;

constexpr std::int64_t kCores = 10;
constexpr FlopRate kPeak = 100_TFLOPps;
constexpr Bandwidth kBandwidth = 1000_GBps;

DeviceSpec device(const std::string& name, const std::string& architecture,
                  std::int64_t times = 1) {
  DeviceSpec device;
  device.name = name;
  device.architecture = architecture;
  device.cores = kCores;
  for (const Precision precision : {Precision::bf16, Precision::fp32}) {
    device.peak[static_cast<std::size_t>(precision)] = times * kPeak;
    device.math_efficiency[static_cast<std::size_t>(precision)] = 1;
  }
  device.memory_bandwidth = kBandwidth;
  device.memory_efficiency = 1;
  device.l2 = 10_MiB;
  device.kernel_launch = 1_us;
  return device;
}

/// Values by name, the others where a fit begins.
std::vector<double> values_of(const OpModel& model,
                              const std::map<std::string, double>& named = {}) {
  std::vector<double> values;
  for (const OpParameter& parameter : model.parameters()) {
    const auto found = named.find(std::string(parameter.name));
    values.push_back(found == named.end() ? parameter.start : found->second);
  }
  return values;
}

std::unique_ptr<OpModel> op(const std::string& name) {
  const Registry<OpModelFactory> models = builtin_op_models();
  return models.find(name)->make();
}

TEST(Fit, FindsTheValuesThatMadeTheTimes) {
  const auto model = op("moe");
  const auto truth = values_of(*model, {{"math_efficiency", 0.3},
                                        {"memory_efficiency", 0.5},
                                        {"launch_us", 60},
                                        {"padding_rows", 40},
                                        {"spread", 0.4}});
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
