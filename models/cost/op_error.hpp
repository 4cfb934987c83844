#pragma once

#include <span>
#include <string>
#include <vector>

#include "models/cost/op/op_model.hpp"

namespace orrery {

/// A measured time of an op.
struct OpSample {
  OpShape shape;
  double seconds = 0;
  bool judged = false;  // never fitted
};

/// |predicted / measured - 1| over some samples.
struct OpError {
  std::size_t samples = 0;
  double median = 0;
  double percentile_90 = 0;
  double maximum = 0;
  double mean = 0;
};
/// Of errors in any order.
OpError spread_of(std::vector<double> errors);
OpError error_of(const OpModel& model, const DeviceSpec& device, std::span<const double> values,
                 std::span<const OpSample> samples);

}  // namespace orrery
