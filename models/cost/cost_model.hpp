#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hw/spec.hpp"
#include "sim/base/json_cursor.hpp"
#include "sim/base/registry.hpp"
#include "sim/graph/kernel.hpp"

namespace orrery {

/// What limits a kernel that has the device for itself.
enum class Bound : unsigned char { math, memory, launch };
std::string_view to_string(Bound bound);

/// What a kernel takes of a device. Alone it runs for launch + max(math_seconds, memory_traffic /
/// memory bandwidth); beside others it shares both.
struct KernelCost {
  double math_seconds = 0;    // of the device's math pipes, all of them busy
  double memory_traffic = 0;  // bytes of the device's full bandwidth it occupies
  Duration launch;            // before any of it begins
  double floor_seconds = 0;   // physical bound at 100 % of every peak; no run may beat it
  Bound bound = Bound::math;
  bool outside_measured =
      false;                     // the shape lies outside of what the efficiencies were measured on
  std::string why;               // one clause with the numbers, for people
  std::string transferred_from;  // the device whose measured figures these are, when another
};

/// The launch of a kernel that is busy for so many seconds. Where the host issues kernels one by
/// one (Kernel::host) none takes less than that takes the host.
inline Duration launch_of(const Kernel& kernel, Duration launch, double busy_seconds) {
  if (kernel.continues) return Duration(0);
  if (kernel.host <= Duration(0)) return launch;
  return std::max(launch, kernel.host - duration_from_seconds(busy_seconds));
}

/// Kernel × device → cost. Pure; the machine asks once per kernel and device.
class CostModel {
 public:
  virtual ~CostModel() = default;
  virtual KernelCost cost(const Kernel& kernel, const DeviceSpec& device) const = 0;
  /// Nothing when the device can run it, else why not ("a100_sxm_80gb has no fp8 peak").
  virtual std::string refusal(const Kernel& kernel, const DeviceSpec& device) const = 0;
};

struct Calibration;

/// What there is besides the scenario.
struct CostSite {
  const std::vector<Calibration>* calibrations = nullptr;  // null: none
};

/// Reads its parameters from the "cost" object (all keys but "kind").
using CostModelFactory = std::unique_ptr<CostModel> (*)(JsonCursor parameters,
                                                        const CostSite& site);

Registry<CostModelFactory> builtin_cost_models();

}  // namespace orrery
