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
/// also times that did not settle ("stable"), kernels that ran beside others ("part"), kernels but
/// `kernel` where that is not "", kernels whose shape lacks a size of the op, formats without a
/// peak rate on the device, and kernels that do other work ("flops") than the op. A name of a
/// device that does not look like this one's gets a note. Throws UsageError when nothing is left,
/// when two kernels have a time for the same shape, and when the file is of a device with other
/// cores.
MeasuredRows rows_of(const OpTable& table, const std::string& op, const OpModel& model,
                     const DeviceSpec& device, const std::string& kernel);

}  // namespace orrery
