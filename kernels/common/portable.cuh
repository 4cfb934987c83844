#pragma once

// What every kernel includes: CUDA C++ under nvcc, the emulation under any other compiler, and the
// few things that the two spell differently. Kernels are written in CUDA's own words.

#include <cstddef>
#include <cstdint>

#if defined(__CUDACC__)
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>
#else
#include "kernels/emulation/intrinsics.hpp"
#endif

namespace orrery::kernels {

/// Shape of a launch. `shared_bytes` is dynamic shared memory; all of a kernel's is.
struct Launch {
  dim3 grid;
  dim3 block;
  std::size_t shared_bytes = 0;
};

#if defined(__CUDACC__)

using half_t = __half;
using bfloat16_t = __nv_bfloat16;
using fp8_e4m3_t = __nv_fp8_e4m3;
inline constexpr unsigned kFullWarp = 0xffffffffu;

__host__ __device__ inline float to_float(float value) {
  return value;
}
__host__ __device__ inline float to_float(half_t value) {
  return __half2float(value);
}
__host__ __device__ inline float to_float(bfloat16_t value) {
  return __bfloat162float(value);
}
__host__ __device__ inline float to_float(fp8_e4m3_t value) {
  return static_cast<float>(value);
}

/// The block's shared memory, seen as a T. Nothing is constructed in it.
template <class T>
__device__ T& shared_memory() {
  extern __shared__ __align__(128) std::byte orrery_shared[];
  return *reinterpret_cast<T*>(orrery_shared);
}

/// Stores and loads with which thread blocks signal one another.
/// Source: PTX ISA, "Memory Consistency Model", release and acquire patterns.
__device__ inline void store_release(unsigned* place, unsigned value) {
  asm volatile("st.release.gpu.u32 [%0], %1;" ::"l"(place), "r"(value) : "memory");
}
__device__ inline unsigned load_acquire(const unsigned* place) {
  unsigned value;
  asm volatile("ld.acquire.gpu.u32 %0, [%1];" : "=r"(value) : "l"(place) : "memory");
  return value;
}

#else

using half_t = emulation::Half;
using bfloat16_t = emulation::Bfloat16;
using fp8_e4m3_t = emulation::Fp8E4m3;

inline float to_float(float value) {
  return value;
}
inline float to_float(half_t value) {
  return value.widen();
}
inline float to_float(bfloat16_t value) {
  return value.widen();
}
inline float to_float(fp8_e4m3_t value) {
  return value.widen();
}

template <class T>
T& shared_memory() {
  return *static_cast<T*>(emulation::shared_memory(sizeof(T)));
}

inline void store_release(unsigned* place, unsigned value) {
  *place = value;
  emulation::yield();
}
inline unsigned load_acquire(const unsigned* place) {
  emulation::yield();
  return *place;
}

namespace emulation {

/// Runs a kernel as kernel<<<...>>> would.
template <class... Parameters, class... Arguments>
void launch(const Launch& shape, const Order& order, void (*kernel)(Parameters...),
            Arguments... arguments) {
  run_grid(shape.grid, shape.block, shape.shared_bytes, order, [&] { kernel(arguments...); });
}

}  // namespace emulation

#endif

/// Nearest value of a narrower format, ties to even.
template <class T>
__host__ __device__ inline T from_float(float value) {
#if defined(__CUDACC__)
  return T(value);
#else
  if constexpr (std::is_same_v<T, float>) {
    return value;
  } else {
    return T::round(value);
  }
#endif
}

__host__ __device__ constexpr int ceil_div(int dividend, int divisor) {
  return (dividend + divisor - 1) / divisor;
}
__host__ __device__ constexpr std::int64_t ceil_div(std::int64_t dividend, std::int64_t divisor) {
  return (dividend + divisor - 1) / divisor;
}

}  // namespace orrery::kernels
