#pragma once

#include <cstdint>
#include <type_traits>
#include <vector>

#include "kernels/calibrate/launch.cuh"
#include "kernels/calibrate/session.hpp"
#include "kernels/common/verdict.hpp"

namespace orrery::kernels {

/// Runs kernels on the current device, for a family's check.hpp.
struct DeviceRunner {
  template <class T>
  using Array = DeviceArray<T>;

  template <class... Parameters, class... Arguments>
  void launch(const Launch& shape, void (*kernel)(Parameters...), Arguments... arguments) const {
    kernels::launch(shape, nullptr, kernel, arguments...);
  }
};

/// Hands verdicts to the session. The launches they come from have finished.
inline void report(Session& session, const std::vector<Verdict>& verdicts) {
  for (const Verdict& verdict : verdicts) {
    session.check(verdict.kernel, verdict.shape, verdict.error, verdict.tolerance);
  }
}

/// Writes bits that look random, the same in each run: what a kernel switches costs power, and
/// zeros cost least. Words of bf16 are kept to magnitudes in [0.5, 1).
template <bool kBf16>
__global__ void scramble(std::uint32_t* words, std::int64_t count) {
  const std::int64_t stride = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count;
       i += stride) {
    // The finaliser of MurmurHash3 (Appleby 2011), 32 bits.
    auto bits = static_cast<std::uint32_t>(i) + 0x9e3779b9U;
    bits = (bits ^ (bits >> 16)) * 0x85ebca6bU;
    bits = (bits ^ (bits >> 13)) * 0xc2b2ae35U;
    bits ^= bits >> 16;
    words[i] = kBf16 ? (bits & 0x807f807fU) | 0x3f003f00U : bits;
  }
}

/// A device array of arbitrary values. Its size is a multiple of 4 bytes; bits of T other than bf16
/// are arbitrary.
template <class T>
DeviceArray<T> arbitrary(std::int64_t count) {
  DeviceArray<T> array(static_cast<std::size_t>(count));
  launch({.grid = {1024, 1, 1}, .block = {256, 1, 1}}, nullptr,
         scramble<std::is_same_v<T, bfloat16_t>>, reinterpret_cast<std::uint32_t*>(array.data()),
         count * static_cast<std::int64_t>(sizeof(T)) / 4);
  return array;
}

}  // namespace orrery::kernels
