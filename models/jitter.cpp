#include "models/jitter.hpp"

#include <cmath>
#include <numbers>
#include <string>

#include "sim/base/hash.hpp"
#include "sim/base/random.hpp"

namespace orrery {
namespace {

/// In [0, 1), 53 bits.
double uniform_of(std::uint64_t bits) {
  return static_cast<double>(bits >> 11U) * 0x1p-53;
}

double normal_of(std::uint64_t key) {
  const double radius = std::sqrt(-2 * std::log(1 - uniform_of(key)));
  return radius * std::cos(2 * std::numbers::pi * uniform_of(scramble(key)));
}

/// Where the draws of each rank begin.
std::vector<std::uint64_t> streams(const Variability& variability, const char* what, Rank ranks) {
  std::vector<std::uint64_t> result;
  result.reserve(static_cast<std::size_t>(ranks));
  for (Rank rank = 0; rank < ranks; ++rank) {
    RandomStream stream(variability.seed, what + std::to_string(rank));
    result.push_back(stream.bits());
  }
  return result;
}

}  // namespace

double jitter_factor(const JitterLaw& law, std::uint64_t key) {
  const double c = law.coefficient_of_variation;
  switch (law.kind) {
    case JitterLaw::Kind::none:
      return 1;
    case JitterLaw::Kind::normal:
      return 1 + c * normal_of(key);
    case JitterLaw::Kind::lognormal: {
      const double variance = std::log1p(c * c);
      return std::exp(std::sqrt(variance) * normal_of(key) - variance / 2);
    }
    case JitterLaw::Kind::exponential:
      return 1 - c - c * std::log(1 - uniform_of(key));
    case JitterLaw::Kind::uniform:
      return 1 + std::numbers::sqrt3 * c * (2 * uniform_of(key) - 1);
  }
  return 1;
}

Jitter::Jitter(const TaskGraph& graph, const Variability& variability)
    : kernel_(variability.kernel_jitter),
      launch_(variability.launch_jitter),
      kernel_streams_(streams(variability, "kernel jitter of rank ", graph.world_size())),
      launch_streams_(streams(variability, "launch jitter of rank ", graph.world_size())) {
  std::vector<std::uint32_t> kernels(static_cast<std::size_t>(graph.world_size()));
  first_.reserve(graph.ops().size());
  for (const Op& op : graph.ops()) {
    first_.push_back(static_cast<std::uint32_t>(ordinal_.size()));
    if (op.kind != OpKind::compute) continue;
    for (const Rank rank : graph.ranks(op.ranks)) {
      ordinal_.push_back(kernels[static_cast<std::size_t>(rank)]++);
    }
  }
}

std::uint64_t Jitter::key_of(const std::vector<std::uint64_t>& streams, InstanceId instance,
                             Rank rank) const {
  const std::uint32_t ordinal = ordinal_[first_[instance.op.index()] + instance.instance];
  return scramble(streams[static_cast<std::size_t>(rank)] ^ scramble(ordinal));
}

}  // namespace orrery
