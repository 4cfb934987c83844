#include "models/cost/calibration.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "sim/base/unit_text.hpp"

namespace orrery {
namespace {

constexpr RatioRange kErrors = {.minimum = 0, .maximum = 1e9};

OpError read_error(JsonCursor cursor) {
  OpError error;
  error.samples = static_cast<std::size_t>(cursor.at("rows").as_count());
  error.median = cursor.at("median_error").as_ratio(kErrors);
  error.percentile_90 = cursor.at("p90_error").as_ratio(kErrors);
  error.maximum = cursor.at("max_error").as_ratio(kErrors);
  error.mean = cursor.at("mean_error").as_ratio(kErrors);
  cursor.reject_unknown_keys();
  return error;
}

OpCalibration read_op(JsonCursor cursor, const OpModel& model) {
  OpCalibration fit;
  JsonCursor parameters = cursor.at("parameters");
  for (const OpParameter& parameter : model.parameters()) {
    fit.values.push_back(parameters.at(parameter.name)
                             .as_ratio({.minimum = parameter.lower, .maximum = parameter.upper}));
  }
  if (parameters.present()) parameters.reject_unknown_keys();
  fit.source = cursor.at("source").as_string();
  cursor.find("split").as_string();
  if (JsonCursor stays = cursor.find("stays"); stays.present()) fit.stays = stays.as_string();
  if (JsonCursor report = cursor.at("report"); report.present()) {
    fit.judged = read_error(report.at("judged"));
    read_error(report.at("fitted"));
    report.find("judged_by_region");
    report.reject_unknown_keys();
  }
  cursor.reject_unknown_keys();
  return fit;
}

/// Of one core, over that where the calibration was made.
double rate_of(const DeviceSpec& device, const Calibration& from) {
  const std::optional<double> rate = scaling_rate(device);
  return rate ? *rate / from.core_rate.as_double() : 1;
}

double clock_of(const DeviceSpec& device, const Calibration& from) {
  return device.clock > Frequency(0) ? device.clock.as_double() / from.clock.as_double() : 1;
}

/// Whether a device of its name is still the one that was measured: a scenario may override what
/// figures are scaled by.
bool is_as_measured(const DeviceSpec& device, const Calibration& from) {
  const auto same = [](double ratio) { return std::abs(ratio - 1) < 1e-6; };
  return same(rate_of(device, from)) && same(clock_of(device, from)) &&
         same(device.memory_efficiency / from.memory_share);
}

/// How far a calibration is from a device: the less the better.
std::tuple<bool, bool, double> distance(const Calibration& from, const DeviceSpec& device,
                                        bool warp_groups) {
  DeviceSpec there;
  there.architecture = from.architecture;
  const double rate = rate_of(device, from);
  return {family_of(from.architecture) != family_of(device.architecture),
          has_warp_groups(there) != warp_groups, std::abs(std::log(rate))};
}

/// A figure that was fitted on `from`, on another device.
double carried(Carried how, double value, const Calibration& from, const DeviceSpec& to) {
  const double rate = rate_of(to, from);
  const double clock = clock_of(to, from);
  switch (how) {
    case Carried::same:
      return value;
    case Carried::core_rate:
      return value * rate;
    case Carried::core_time:
      return value / rate;
    case Carried::cycles:
      return value / clock;
    case Carried::launch:
      return std::max(value / clock, to_seconds(to.kernel_launch) * 1e6);
    case Carried::memory_share:
      return value * to.memory_efficiency / from.memory_share;
  }
  return value;
}

JsonValue to_json(const OpError& error) {
  return json_object({{"rows", json_integer(static_cast<std::int64_t>(error.samples))},
                      {"median_error", json_real(error.median)},
                      {"p90_error", json_real(error.percentile_90)},
                      {"max_error", json_real(error.maximum)},
                      {"mean_error", json_real(error.mean)}});
}

}  // namespace

Calibration read_calibration(JsonCursor cursor, const Registry<OpModelFactory>& models) {
  Calibration calibration;
  calibration.device = cursor.at("device").as_string();
  calibration.architecture = cursor.at("architecture").as_string();
  calibration.core_rate = cursor.at("core_rate").as_flop_rate();
  calibration.clock = cursor.at("clock").as_frequency();
  calibration.memory_share = cursor.at("memory_share").as_ratio();
  cursor.find("description").as_string();
  JsonCursor ops = cursor.at("ops");
  if (ops.present()) {
    for (const auto& entry : models.entries()) {
      JsonCursor op = ops.find(entry.name);
      if (op.present()) calibration.ops.emplace(entry.name, read_op(op, *entry.make()));
    }
    ops.reject_unknown_keys();
  }
  cursor.reject_unknown_keys();
  return calibration;
}

OpValues values_for(const std::string& op, const OpModel& model, const DeviceSpec& device,
                    std::span<const Calibration> calibrations) {
  const std::string name = model.fitted_as().empty() ? op : std::string(model.fitted_as());
  OpValues result;
  const Calibration* nearest = nullptr;
  for (const Calibration& each : calibrations) {
    if (!each.ops.contains(name)) continue;
    if (each.device == device.name) {
      const OpCalibration& fit = each.ops.at(name);
      if (!is_as_measured(device, each)) {
        nearest = &each;
        break;
      }
      return {fit.values, each.device, false, fit.source, fit.judged, fit.stays};
    }
    if (!each.ops.at(name).stays.empty()) continue;
    const bool warp_groups = has_warp_groups(device);
    if (nearest == nullptr ||
        distance(each, device, warp_groups) < distance(*nearest, device, warp_groups)) {
      nearest = &each;
    }
  }
  const std::span<const OpParameter> parameters = model.parameters();
  if (nearest == nullptr) {
    for (const OpParameter& parameter : parameters) result.values.push_back(parameter.start);
    return result;
  }
  const OpCalibration& fit = nearest->ops.at(name);
  result = {fit.values, nearest->device, true, fit.source, fit.judged, {}};
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    result.values[i] = std::clamp(carried(parameters[i].carried, fit.values[i], *nearest, device),
                                  parameters[i].lower, parameters[i].upper);
  }
  return result;
}

FitReport report_of(const OpModel& model, const DeviceSpec& device, std::span<const double> values,
                    std::span<const OpSample> samples) {
  std::vector<OpSample> fitted;
  std::vector<OpSample> judged;
  std::map<std::string, std::vector<OpSample>> regions;
  for (const OpSample& sample : samples) {
    (sample.judged ? judged : fitted).push_back(sample);
    if (sample.judged) {
      const Bound bound = model.time(sample.shape, device, values).bound();
      regions[std::string(to_string(bound))].push_back(sample);
    }
  }
  FitReport report{
      error_of(model, device, values, fitted), error_of(model, device, values, judged), {}};
  for (const auto& [name, inside] : regions) {
    report.regions.emplace(name, error_of(model, device, values, inside));
  }
  return report;
}

JsonValue to_json(const OpModel& model, const OpCalibration& fit, const FitReport& report,
                  const std::string& split) {
  JsonValue parameters = json_object({});
  const std::span<const OpParameter> all = model.parameters();
  for (std::size_t i = 0; i < all.size(); ++i) {
    parameters.members.push_back({std::string(all[i].name), json_real(fit.values[i])});
  }
  JsonValue regions = json_object({});
  for (const auto& [name, error] : report.regions) {
    regions.members.push_back({name + "-bound", to_json(error)});
  }
  JsonValue entry =
      json_object({{"parameters", std::move(parameters)},
                   {"source", json_string(fit.source)},
                   {"split", json_string(split)},
                   {"report", json_object({{"fitted", to_json(report.fitted)},
                                           {"judged", to_json(report.judged)},
                                           {"judged_by_region", std::move(regions)}})}});
  if (!fit.stays.empty()) entry.members.push_back({"stays", json_string(fit.stays)});
  return entry;
}

}  // namespace orrery
