#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>

#include "models/collective/library.hpp"
#include "models/nccl/library.hpp"
#include "sim/base/json_cursor.hpp"

namespace orrery {

/// How sharply the slower of a kernel's cores and links bounds it: the norm of both, of this order.
/// Assumed: chosen with all rows of the measured tables in view.
inline constexpr double kDeepEpSharpness = 8;

/// DeepEP's kernels, in the order of the arrays below: those that bring tokens to experts, and what
/// these made of them back; each for many tokens or for few (low latency).
inline constexpr std::array<const char*, 4> kDeepEpKernels = {
    "dispatch", "combine", "low_latency_dispatch", "low_latency_combine"};
constexpr bool is_low_latency_kernel(std::size_t kernel) {
  return kernel >= 2;
}
/// Of the fits; other links take what was measured over it.
inline constexpr const char* kDeepEpMeasuredLink = "nvlink4";

/// What a layer with experts asks of them; "deepep" of a scenario's "collectives". Experts are
/// spread over the members as equally as they can be; a token takes any with the same chance.
struct DeepEpOptions {
  std::size_t kernel = 0;
  Bytes token;                  // as it is sent, with its scales
  int experts = 0;              // of all members
  int top_k = 0;                // that a token goes to
  int node_limit = 0;           // most nodes with these; 0: any
  int cores = 0;                // of a normal kernel; 0: DeepEP's default
  std::string limit_file = {};  // where node_limit was said
  std::string limit_pointer = {};
  auto operator<=>(const DeepEpOptions&) const = default;
};
/// `kernel` is dispatch where it is not said. Mistakes go to the cursor's diagnostics.
DeepEpOptions read_deepep_options(JsonCursor cursor);

/// A kernel over one kind of link, as fitted to measured times; one of the "links" of
/// hw/calibration/deepep.json. Of T tokens of x bytes on each of n GPUs of a node, of which each is
/// sent c times, so B = T c x bytes from each GPU:
///
///   t = launch + expert · experts + c x / first + min(B, ramp_bytes) / ramp_bytes · ramp
///       + (core^8 + link^8)^(1/8)
///   core = (T · token + B / copy + T x / read) / cores,   link = B (n-1)/n / (port · P)
///
/// P is the raw bandwidth into a device. A normal kernel sends a token once to each GPU that has
/// one of its experts, and takes as many cores as it is told; a low-latency one once to each
/// expert, with as many of all cores as have experts, equally many each. `first` is the rate at
/// which the threads that have one token send it. The eighth power is an edge between what cores
/// and links bound that is not quite sharp; chosen, as are the terms, with all rows in view. What
/// costs nothing in a kernel is 0 there.
struct DeepEpKernel {
  Duration launch;
  Duration expert;
  Duration token;
  double first = 0;  // bytes/s, as are the next two
  double copy = 0;
  double read = 0;
  double port = 0;
  Duration ramp;
  Bytes ramp_bytes;
};

/// Between nodes normal kernels send a token once to each node that has one of its experts, to the
/// GPU at the same place, which hands it on inside; combine goes the same way back, and adds up
/// before it leaves the node (DeepEP, README). Both are in chunks, over links inside and between
/// nodes at once. Low latency sends straight to all.
struct DeepEpFits {
  struct Link {
    std::string device;  // that it was measured on
    std::array<DeepEpKernel, kDeepEpKernels.size()> kernels;
  };
  std::map<std::string, Link> links;
  double rail = 0;       // of what an adapter carries
  int chunk_tokens = 0;  // that a channel, of two cores, sends at once between nodes
  int cores = 0;         // of a normal kernel where none are named
};
/// All of the file; mistakes go to the cursor's diagnostics.
DeepEpFits read_deepep_fits(JsonCursor cursor);

/// How many of `parts`, over which the experts are spread as equally as they can be, have one of a
/// token's `top_k`, on average, where they are drawn from those of `limit` parts, e =
/// ceil(experts limit / parts): hypergeometric, the sum over these of 1 - C(e - e_i, k) / C(e, k),
/// where part i has e_i. All that have one where e <= k.
double parts_hit(int experts, int top_k, int parts, int limit);

/// How often a token is sent, on average, and to how many nodes.
struct DeepEpCopies {
  double copies = 1;  // to a GPU or, with low latency, to an expert
  double nodes = 1;
};
DeepEpCopies copies_of(const DeepEpOptions& options, int members, int nodes);

/// DeepEP where it applies: all-to-alls, inside a node also of sizes by pair, whose size is what
/// each member's tokens come to, each counted as often as a GPU (normal) or an expert (low latency)
/// takes it; `nccl` for everything else. Requires an NVLink and a device whose cores are known.
std::shared_ptr<const CollectiveLibrary> make_deepep(DeepEpFits fits, const ClusterSpec& cluster,
                                                     Fabric& fabric, const DeepEpOptions& options,
                                                     std::shared_ptr<const CollectiveLibrary> nccl);

}  // namespace orrery
