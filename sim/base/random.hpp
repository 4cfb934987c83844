#pragma once

#include <cstdint>
#include <random>
#include <string_view>

namespace orrery {

/// A stream of random numbers that belongs to one named consumer. Streams of different names are
/// independent, so a new consumer does not shift the numbers of the others. Identical on every
/// platform: mt19937_64 is fixed by the C++ standard, and the conversions below are ours.
class RandomStream {
 public:
  RandomStream(std::uint64_t seed, std::string_view name);

  std::uint64_t bits() { return generator_(); }
  /// Uniform in [0, 1), 53 bits.
  double uniform();
  /// Uniform in [low, high], without bias. Requires low <= high.
  std::int64_t integer(std::int64_t low, std::int64_t high);
  /// Standard normal, by the polar method (Marsaglia and Bray 1964).
  double normal();

 private:
  std::mt19937_64 generator_;
};

}  // namespace orrery
