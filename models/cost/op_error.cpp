#include "models/cost/op_error.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace orrery {

OpError spread_of(std::vector<double> errors) {
  OpError error;
  error.samples = errors.size();
  if (errors.empty()) return error;
  std::sort(errors.begin(), errors.end());
  const auto at = [&](double share) {
    return errors[static_cast<std::size_t>(share * static_cast<double>(errors.size() - 1) + 0.5)];
  };
  error.median = at(0.5);
  error.percentile_90 = at(0.9);
  error.maximum = errors.back();
  for (const double each : errors) error.mean += each;
  error.mean /= static_cast<double>(errors.size());
  return error;
}

OpError error_of(const OpModel& model, const DeviceSpec& device, std::span<const double> values,
                 std::span<const OpSample> samples) {
  std::vector<double> errors;
  for (const OpSample& sample : samples) {
    const double predicted = model.time(sample.shape, device, values).seconds();
    errors.push_back(std::abs(predicted / sample.seconds - 1));
  }
  return spread_of(std::move(errors));
}

}  // namespace orrery
