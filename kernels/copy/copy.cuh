#pragma once

// Copy, reduce and op-and-store: how fast memory goes, by bytes and by SMs in use. A grid-stride
// loop over 16-byte words, so that any number of blocks does the whole; one block of kCopyThreads
// for each SM that may be used.

#include "kernels/common/portable.cuh"

namespace orrery::kernels {

inline constexpr int kCopyThreads = 512;

/// `sms` blocks of which each fills an SM's share of the memory pipeline.
inline Launch copy_launch(int sms) {
  return {.grid = {static_cast<unsigned>(sms), 1, 1}, .block = {kCopyThreads, 1, 1}};
}

/// Reads and writes, together 2 x 16 x words bytes.
///   kUnroll  independent loads in flight in each thread
template <int kUnroll>
__global__ void __launch_bounds__(kCopyThreads)
    copy_kernel(const uint4* from, uint4* to, std::int64_t words) {
  const std::int64_t stride = std::int64_t{gridDim.x} * kCopyThreads;
  std::int64_t word = std::int64_t{blockIdx.x} * kCopyThreads + threadIdx.x;
  for (; word + (kUnroll - 1) * stride < words; word += kUnroll * stride) {
    uint4 held[kUnroll];
    for (int i = 0; i < kUnroll; ++i) held[i] = from[word + i * stride];
    for (int i = 0; i < kUnroll; ++i) to[word + i * stride] = held[i];
  }
  for (; word < words; word += stride) to[word] = from[word];
}

__device__ inline float4 add(const float4& x, const float4& y) {
  return make_float4(x.x + y.x, x.y + y.y, x.z + y.z, x.w + y.w);
}

/// to[i] = a[i] + b[i]: the step of a ring reduce-scatter. Moves 3 x 16 x vectors bytes.
template <int kUnroll>
__global__ void __launch_bounds__(kCopyThreads)
    reduce_kernel(const float4* a, const float4* b, float4* to, std::int64_t vectors) {
  const std::int64_t stride = std::int64_t{gridDim.x} * kCopyThreads;
  std::int64_t i = std::int64_t{blockIdx.x} * kCopyThreads + threadIdx.x;
  for (; i + (kUnroll - 1) * stride < vectors; i += kUnroll * stride) {
    float4 held[kUnroll];
    for (int u = 0; u < kUnroll; ++u) held[u] = add(a[i + u * stride], b[i + u * stride]);
    for (int u = 0; u < kUnroll; ++u) to[i + u * stride] = held[u];
  }
  for (; i < vectors; i += stride) to[i] = add(a[i], b[i]);
}

/// to[i] += from[i] by atomic addition where the data lies: the stand-in for reduction near memory
/// (T3, Pati et al., ASPLOS 2024, section 4.3, op-and-store). The SM reads sizeof(T) x count bytes
/// and sends as many; reads and writes of `to` happen in L2 or beyond.
template <class T>
__global__ void __launch_bounds__(kCopyThreads)
    op_and_store_kernel(const T* from, T* to, std::int64_t count) {
  const std::int64_t stride = std::int64_t{gridDim.x} * kCopyThreads;
  std::int64_t i = std::int64_t{blockIdx.x} * kCopyThreads + threadIdx.x;
  for (; i < count; i += stride) atomicAdd(&to[i], from[i]);
}

}  // namespace orrery::kernels
