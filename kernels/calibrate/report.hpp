#pragma once

#include <filesystem>
#include <string>

#include "kernels/calibrate/family.hpp"

namespace orrery::kernels {

/// Where and with what a family was measured; see report.cpp for the file's keys.
struct Provenance {
  int device = 0;
  std::string revision;       ///< git hash of the source
  double sm_clock_before_Hz;  ///< as counted on the device
  double sm_clock_after_Hz;
};

/// Clock of the SMs under a light load, counted on the device for a millisecond.
double measured_sm_clock_Hz();

/// Writes DIRECTORY/<family>.json under a temporary name, then renames it. Throws
/// std::runtime_error with the path.
void write_report(const std::filesystem::path& directory, const Family& family,
                  const Session& session, const Provenance& provenance);

}  // namespace orrery::kernels
