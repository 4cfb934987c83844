#pragma once

#include <cstdint>
#include <vector>

#include "models/variability.hpp"
#include "sim/graph/runner.hpp"

namespace orrery {

/// One draw of a law, the one that belongs to `key`. All have mean 1 and standard deviation c, the
/// coefficient of variation; with U uniform in [0, 1), Z standard normal, E exponential of mean 1:
///   normal 1 + cZ, by Box and Muller 1958      lognormal exp(sZ - s²/2), s² = ln(1 + c²)
///   exponential 1 - c + cE                     uniform 1 + sqrt(3) c (2U - 1)
/// The numbers come from a hash of the key and not from a state, as in Salmon et al., "Parallel
/// random numbers: as easy as 1, 2, 3", SC 2011 (the hash is SplitMix64's finaliser, not theirs).
double jitter_factor(const JitterLaw& law, std::uint64_t key);

/// The factors of all kernels of a graph. A draw belongs to (seed, rank, how many kernels the rank
/// has before this one in the graph), so that neither the order of events nor the ops of other
/// ranks, nor how many ranks there are, can change it. 4 bytes per kernel and rank.
class Jitter {
 public:
  Jitter(const TaskGraph& graph, const Variability& variability);

  double kernel(InstanceId instance, Rank rank) const {
    return jitter_factor(kernel_, key_of(kernel_streams_, instance, rank));
  }
  double launch(InstanceId instance, Rank rank) const {
    return jitter_factor(launch_, key_of(launch_streams_, instance, rank));
  }

 private:
  std::uint64_t key_of(const std::vector<std::uint64_t>& streams, InstanceId instance,
                       Rank rank) const;

  JitterLaw kernel_;
  JitterLaw launch_;
  std::vector<std::uint64_t> kernel_streams_;  // by rank
  std::vector<std::uint64_t> launch_streams_;  // by rank
  std::vector<std::uint32_t> first_;           // by op, into ordinal_
  std::vector<std::uint32_t> ordinal_;         // by instance of a compute
};

}  // namespace orrery
