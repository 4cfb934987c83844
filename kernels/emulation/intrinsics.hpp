#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <source_location>
#include <type_traits>
#include <utility>

#include "kernels/emulation/arithmetic.hpp"
#include "kernels/emulation/grid.hpp"
#include "kernels/emulation/small_floats.hpp"
#include "kernels/emulation/warp.hpp"

// The words of CUDA C++ that the kernels use, for a host compiler. Source of each meaning: CUDA C++
// Programming Guide, "C++ Language Extensions". A word that is missing is added here when a kernel
// needs it.

#define __global__ inline
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)

// In the kernels' namespace: its code finds them as it finds CUDA's own in the global one.
namespace orrery::kernels {

using dim3 = emulation::Dim3;
using emulation::blockDim;
using emulation::blockIdx;
using emulation::gridDim;
using emulation::threadIdx;

struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(16) int4 {
  int x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) {
  return {x, y, z, w};
}
inline float2 make_float2(float x, float y) {
  return {x, y};
}
inline float4 make_float4(float x, float y, float z, float w) {
  return {x, y, z, w};
}

inline void __syncthreads(std::source_location place = std::source_location::current()) {
  emulation::block_barrier(place.file_name(), place.line());
}
inline void __threadfence() {}
inline void __threadfence_block() {}
inline void __threadfence_system() {}
inline void __nanosleep(unsigned) {
  emulation::yield();
}

using std::max;
using std::min;

}  // namespace orrery::kernels
