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

/// The values of the model's parameters, within their bounds, that make mean |ln(predicted /
/// measured)| over the samples that are not judged least, as far as Nelder-Mead simplices (NLopt)
/// in the logarithms of the values find it: on some of the samples from `start` and from three
/// times and a third of each value in turn, then on all from the best of these. Deterministic.
std::vector<double> fit_op(const OpModel& model, const DeviceSpec& device,
                           std::span<const OpSample> samples, std::vector<double> start);

}  // namespace orrery
