#include "tools/orrery/op_fit.hpp"

#include <algorithm>
#include <cmath>
#include <nlopt.hpp>

#include "sim/base/errors.hpp"

namespace orrery {
namespace {

constexpr double kFirstStep = 0.25;  // of the simplex, in logarithms
constexpr double kElsewhere = 1.1;   // how far from the start others are, in logarithms: threefold
constexpr std::size_t kFewSamples = 500;  // enough to tell good starts from bad ones
constexpr int kSearch = 25;               // evaluations per parameter from each start
constexpr int kRefine = 120;

double loss_of(const std::vector<double>& point, std::vector<double>&, void* problem);

struct Problem {
  const OpModel* model;
  const DeviceSpec* device;
  std::span<const OpSample> samples;
  std::vector<double> lower;  // in logarithms, as all points are
  std::vector<double> upper;
  const std::function<void()>* tried = nullptr;

  /// Where a simplex comes to from `point`, in so many evaluations a parameter.
  std::vector<double> descend(std::vector<double> point, int evaluations) {
    nlopt::opt optimiser(nlopt::LN_NELDERMEAD, static_cast<unsigned>(point.size()));
    optimiser.set_lower_bounds(lower);
    optimiser.set_upper_bounds(upper);
    optimiser.set_min_objective(loss_of, this);
    optimiser.set_initial_step(kFirstStep);
    optimiser.set_maxeval(evaluations * static_cast<int>(point.size()));
    optimiser.set_ftol_rel(1e-6);
    double least = 0;
    optimiser.optimize(point, least);
    return point;
  }

  double loss(const std::vector<double>& logarithms) const {
    std::vector<double> values;
    for (const double each : logarithms) values.push_back(std::exp(each));
    double sum = 0;
    std::size_t count = 0;
    for (const OpSample& sample : samples) {
      if (sample.judged) continue;
      sum +=
          std::abs(std::log(model->time(sample.shape, *device, values).seconds() / sample.seconds));
      ++count;
    }
    return sum / static_cast<double>(std::max<std::size_t>(1, count));
  }
};

double loss_of(const std::vector<double>& point, std::vector<double>&, void* problem) {
  const auto* of = static_cast<const Problem*>(problem);
  (*of->tried)();
  return of->loss(point);
}

/// Evenly out of those that may be fitted.
std::vector<OpSample> some_of(std::span<const OpSample> samples) {
  std::vector<OpSample> fitted;
  for (const OpSample& sample : samples) {
    if (!sample.judged) fitted.push_back(sample);
  }
  const std::size_t stride = std::max<std::size_t>(1, fitted.size() / kFewSamples);
  std::vector<OpSample> some;
  for (std::size_t i = 0; i < fitted.size(); i += stride) some.push_back(fitted[i]);
  return some;
}

}  // namespace

std::vector<double> fit_op(const OpModel& model, const DeviceSpec& device,
                           std::span<const OpSample> samples, std::vector<double> start,
                           const std::function<void(double share)>& progress) {
  const std::span<const OpParameter> parameters = model.parameters();
  ORRERY_CHECK(start.size() == parameters.size(), "a start for another model");
  std::vector<double> point;
  std::vector<double> lower;
  std::vector<double> upper;
  for (std::size_t i = 0; i < start.size(); ++i) {
    point.push_back(std::log(std::clamp(start[i], parameters[i].lower, parameters[i].upper)));
    lower.push_back(std::log(parameters[i].lower));
    upper.push_back(std::log(parameters[i].upper));
  }
  const std::vector<OpSample> few = some_of(samples);
  const double all_tries =
      static_cast<double>(start.size()) *
      (kSearch * (1.0 + 2.0 * static_cast<double>(start.size())) * static_cast<double>(few.size()) +
       2.0 * kRefine * static_cast<double>(samples.size()));
  double tries = 0;  // times samples
  double weight = static_cast<double>(few.size());
  const std::function<void()> tried = [&] {
    tries += weight;
    if (progress) progress(tries / all_tries);
  };
  Problem search{&model, &device, few, lower, upper, &tried};
  std::vector<double> best = search.descend(point, kSearch);
  for (std::size_t i = 0; i < point.size(); ++i) {
    for (const double step : {-kElsewhere, kElsewhere}) {
      std::vector<double> other = best;
      other[i] = std::clamp(other[i] + step, lower[i], upper[i]);
      other = search.descend(std::move(other), kSearch);
      if (search.loss(other) < search.loss(best)) best = std::move(other);
    }
  }
  weight = static_cast<double>(samples.size());
  Problem all{&model, &device, samples, lower, upper, &tried};
  point = all.descend(all.descend(std::move(best), kRefine), kRefine);
  for (double& each : point) each = std::exp(each);
  return point;
}

}  // namespace orrery
