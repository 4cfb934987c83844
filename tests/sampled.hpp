// How many random cases a build takes.
#pragma once

#include <cstdint>

namespace orrery {

/// Of n cases all; every third in a sanitized build (as GCC says): they differ in numbers more than
/// in the code they go through.
constexpr std::uint64_t sampled(std::uint64_t n) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return (n + 2) / 3;
#else
  return n;
#endif
}

}  // namespace orrery
