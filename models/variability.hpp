#pragma once

#include <cstdint>
#include <vector>

#include "models/fabric.hpp"
#include "sim/base/json_cursor.hpp"
#include "sim/graph/task_graph.hpp"

namespace orrery {

/// The distribution of a factor with mean 1, so that jitter changes no mean.
struct JitterLaw {
  enum class Kind : std::uint8_t { none, normal, lognormal, exponential, uniform };
  Kind kind = Kind::none;
  double coefficient_of_variation = 0;  // standard deviation / mean

  bool none() const { return kind == Kind::none || coefficient_of_variation == 0; }
};

/// How the parts of a cluster differ from what the catalogue says of them all, and how the times of
/// equal kernels differ. Without content every device, link and kernel is nominal.
///
/// Slow devices and links have less capacity; they never exceed the catalogue's, which are peaks.
struct Variability {
  /// A device clocked down loses math in proportion; its memory has a clock of its own.
  struct DeviceSpeed {
    double math = 1;    // share of the nominal math rate
    double memory = 1;  // share of the nominal memory bandwidth
  };
  struct DegradedLink {
    int link = 0;         // index in Fabric::links()
    double capacity = 1;  // share of the nominal capacity
    double latency = 1;   // factor, >= 1
  };

  std::vector<DeviceSpeed> devices;  // by rank; empty: all nominal
  std::vector<DegradedLink> links;
  JitterLaw kernel_jitter;  // of the work of a kernel, which is its time alone without the launch
  JitterLaw launch_jitter;  // of the time before a kernel begins
  std::uint64_t seed = 0;   // the scenario's

  DeviceSpeed speed(Rank rank) const {
    return devices.empty() ? DeviceSpeed{} : devices[static_cast<std::size_t>(rank)];
  }
  bool jitters() const { return !kernel_jitter.none() || !launch_jitter.none(); }
  /// Whether equal ranks take equal times: no device differs and nothing jitters. Degraded links do
  /// not matter here: they differ in the fabric, where find_symmetry sees them.
  bool uniform() const { return devices.empty() && !jitters(); }
  /// Nothing differs from the catalogue at all.
  bool none() const { return uniform() && links.empty(); }
};

/// Reads the section "variability" strictly. `fabric`: null when the cluster could not be read;
/// ranks and names of links are not checked then.
Variability read_variability(JsonCursor section, const Fabric* fabric, std::uint64_t seed);

/// Makes the degraded links so. Before any route is asked for, and once.
void degrade_links(const Variability& variability, Fabric& fabric);

}  // namespace orrery
