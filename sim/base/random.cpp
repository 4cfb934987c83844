#include "sim/base/random.hpp"

#include <cmath>
#include <limits>

#include "sim/base/errors.hpp"
#include "sim/base/hash.hpp"

namespace orrery {
namespace {

/// First output of SplitMix64 in state `state`. Source: Steele, Lea, Flood, "Fast Splittable
/// Pseudorandom Number Generators" (OOPSLA 2014), with the constants of Vigna's splitmix64.c.
std::uint64_t splitmix64(std::uint64_t state) {
  state += 0x9E3779B97F4A7C15U;
  state = (state ^ (state >> 30U)) * 0xBF58476D1CE4E5B9U;
  state = (state ^ (state >> 27U)) * 0x94D049BB133111EBU;
  return state ^ (state >> 31U);
}

}  // namespace

// The seed is mixed first: two scenarios whose seeds differ in one bit share no stream.
RandomStream::RandomStream(std::uint64_t seed, std::string_view name)
    : generator_(splitmix64(seed) ^ fnv1a(name)) {}

double RandomStream::uniform() {
  return static_cast<double>(bits() >> 11U) * 0x1p-53;
}

std::int64_t RandomStream::integer(std::int64_t low, std::int64_t high) {
  ORRERY_CHECK(low <= high, "an empty range of integers");
  constexpr std::uint64_t kAll = std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t span = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  if (span == kAll) {
    return static_cast<std::int64_t>(bits());
  }
  // Numbers at and above the greatest multiple of `count` would favour the low remainders.
  const std::uint64_t count = span + 1;
  const std::uint64_t rejected = (kAll % count + 1) % count;
  std::uint64_t drawn = bits();
  while (drawn > kAll - rejected) {
    drawn = bits();
  }
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + drawn % count);
}

double RandomStream::normal() {
  for (;;) {
    const double x = 2 * uniform() - 1;
    const double y = 2 * uniform() - 1;
    const double square = x * x + y * y;
    if (square > 0 && square < 1) {
      return x * std::sqrt(-2 * std::log(square) / square);
    }
  }
}

}  // namespace orrery
