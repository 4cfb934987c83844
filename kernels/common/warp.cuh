#pragma once

#include "kernels/common/portable.cuh"

namespace orrery::kernels {

/// Sum over the lanes of a full warp, in every lane.
template <class T>
__device__ inline T warp_sum(T value) {
  for (int step = 16; step > 0; step /= 2) {
    value += __shfl_xor_sync(kFullWarp, value, step);
  }
  return value;
}

/// Largest value of a full warp, in every lane.
__device__ inline float warp_max(float value) {
  for (int step = 16; step > 0; step /= 2) {
    value = fmaxf(value, __shfl_xor_sync(kFullWarp, value, step));
  }
  return value;
}

/// Combines a value of each thread of a block; the result in every thread. All threads of the block
/// call it, `scratch` holds one value for each warp and is free again when it returns.
///   combine  associative; also `identity` combined with x is x
template <int kThreads, class T, class Combine>
__device__ inline T block_combine(T value, T identity, T (&scratch)[kThreads / 32],
                                  const Combine& combine) {
  static_assert(kThreads % 32 == 0 && kThreads <= 1024, "a block is made of full warps");
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  for (int step = 16; step > 0; step /= 2) {
    value = combine(value, __shfl_xor_sync(kFullWarp, value, step));
  }
  if (lane == 0) {
    scratch[warp] = value;
  }
  __syncthreads();
  value = lane < kThreads / 32 ? scratch[lane] : identity;
  for (int step = 16; step > 0; step /= 2) {
    value = combine(value, __shfl_xor_sync(kFullWarp, value, step));
  }
  __syncthreads();
  return value;
}

}  // namespace orrery::kernels
