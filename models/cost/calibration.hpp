#pragma once

#include <map>
#include <string>
#include <vector>

#include "models/cost/op/op_model.hpp"
#include "models/cost/op_error.hpp"
#include "sim/base/json_cursor.hpp"

namespace orrery {

/// What was fitted to measured times of one op on one device.
struct OpCalibration {
  std::vector<double> values;  // of the model's parameters, in their order
  std::string source;          // of the measured times
  OpError judged;              // on rows that were not fitted
  std::string stays = {};      // why it carries over to no other device; "": it does
};

/// A file of hw/calibration: what was fitted on one device, and what of that device decides how it
/// carries over to another.
struct Calibration {
  std::string device;        // its name in the catalogue
  std::string architecture;  // "Hopper (GH100)"
  FlopRate core_rate;        // one core's, see scaling_rate
  Frequency clock;
  double memory_share = 1;  // of the bandwidth, as the catalogue has it
  std::map<std::string, OpCalibration> ops;
};

/// Reads the form that to_json writes, strictly: values outside a parameter's bounds are mistakes.
Calibration read_calibration(JsonCursor cursor, const Registry<OpModelFactory>& models);

/// Values for an op on a device, and where they are from.
struct OpValues {
  std::vector<double> values;
  std::string device;        // measured there; "" for the starts of a model that nobody fitted
  bool transferred = false;  // from another device
  std::string source;        // of the measured times
  OpError judged;            // there, on rows that were not fitted
  std::string stays = {};    // why they carry over to no other device; "": they do
};

/// The device's own, else those of the nearest device on which the op was fitted: of the same
/// family (family_of), else with the same kind of matrix pipes, else any; among several that whose
/// cores come nearest in rate. What depends on a device is scaled by its catalogue entry (Carried),
/// also its own figures where a scenario overrides what they are scaled by.
OpValues values_for(const std::string& op, const OpModel& model, const DeviceSpec& device,
                    std::span<const Calibration> calibrations);

/// How well a fit does, and on what.
struct FitReport {
  OpError fitted;
  OpError judged;
  std::map<std::string, OpError> regions;  // of the judged, by what bounds them
};
FitReport report_of(const OpModel& model, const DeviceSpec& device, std::span<const double> values,
                    std::span<const OpSample> samples);

/// An entry of "ops": parameters, source, report.
JsonValue to_json(const OpModel& model, const OpCalibration& fit, const FitReport& report,
                  const std::string& split);

}  // namespace orrery
