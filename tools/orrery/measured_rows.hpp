#pragma once

#include <string>
#include <vector>

#include "hw/spec.hpp"
#include "tools/orrery/op_table.hpp"

namespace orrery {

/// Rows of a table that say something of an op, and what is to be said of the others.
struct MeasuredRows {
  OpTable table;
  std::vector<std::string> notes;  // a sentence each, for people
};

/// Leaves out rows with fewer "sms" than the device has cores; and of what kernels/calibrate wrote
/// also kernels that ran beside others ("part"), kernels but `kernel` where that is not "", kernels
/// whose shape lacks a size of the op, and formats without a peak rate on the device. Throws
/// UsageError when nothing is left, and when two kernels have a time for the same shape.
MeasuredRows rows_of(const OpTable& table, const std::string& op, const OpModel& model,
                     const DeviceSpec& device, const std::string& kernel);

}  // namespace orrery
