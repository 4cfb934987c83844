#pragma once

#include <functional>
#include <span>
#include <vector>

#include "models/cost/op_error.hpp"

namespace orrery {

/// The values of the model's parameters, within their bounds, that make mean |ln(predicted /
/// measured)| over the samples that are not judged least, as far as Nelder-Mead simplices (NLopt)
/// in the logarithms of the values find it: on some of the samples from `start` and from three
/// times and a third of each value in turn, then on all from the best of these. Deterministic.
/// `progress`, if any, is told the share of the tries at most that are done.
std::vector<double> fit_op(const OpModel& model, const DeviceSpec& device,
                           std::span<const OpSample> samples, std::vector<double> start,
                           const std::function<void(double share)>& progress = {});

}  // namespace orrery
