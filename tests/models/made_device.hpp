#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "models/cost/op/op_model.hpp"
#include "sim/base/errors.hpp"

namespace orrery::made {

inline constexpr std::int64_t kCores = 10;
inline constexpr FlopRate kPeak{100'000'000'000'000};
inline constexpr Bandwidth kBandwidth{1'000'000'000'000};
inline constexpr Frequency kClock{1'000'000'000};
inline const double kCoreRate = kPeak.as_double() / static_cast<double>(kCores);

/// A device of round numbers whose kernels reach every peak; of cores so many times as fast.
inline DeviceSpec device(const std::string& name, const std::string& architecture,
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
  device.l2 = Bytes(10 * 1'048'576);
  device.clock = kClock;
  device.kernel_launch = Duration(1'000'000);
  return device;
}

/// Values by name, the others where a fit begins. Every name must be a parameter's.
inline std::vector<double> values_of(const OpModel& model,
                                     const std::map<std::string, double>& named = {}) {
  std::vector<double> values;
  std::size_t found_names = 0;
  for (const OpParameter& parameter : model.parameters()) {
    const auto found = named.find(std::string(parameter.name));
    values.push_back(found == named.end() ? parameter.start : found->second);
    found_names += found == named.end() ? 0 : 1;
  }
  ORRERY_CHECK(found_names == named.size(), "a value for a parameter that the model has not");
  return values;
}

inline std::unique_ptr<OpModel> op(const std::string& name) {
  const Registry<OpModelFactory> models = builtin_op_models();
  return models.find(name)->make();
}

}  // namespace orrery::made
