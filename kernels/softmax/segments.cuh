#pragma once

// Rows of a softmax are cut into segments of kSegment elements, a block each, and every pass over
// the data is a launch of its own: between passes everything has left the chip (once the data
// exceeds L2), so that bytes per element are those of the algorithm. A pass leaves one partial
// result for each segment; the next pass combines those of its row before it starts, which costs 8
// bytes for each segment and block.

#include "kernels/common/warp.cuh"

namespace orrery::kernels {

inline constexpr int kSoftmaxThreads = 256;

/// rows, columns >= 1, and elements of a segment.
struct SoftmaxShape {
  int rows;
  std::int64_t columns;
  int segment;

  __host__ __device__ int segments() const {
    return static_cast<int>(ceil_div(columns, std::int64_t{segment}));
  }
};

/// 32 Ki elements, so that a row's partial results are a thousandth of it, and more when a row is
/// so long that a block would combine more than 1024.
inline SoftmaxShape softmax_shape(int rows, std::int64_t columns) {
  std::int64_t segment = std::int64_t{32} << 10;
  while (ceil_div(columns, segment) > 1024) segment *= 2;
  return {rows, columns, static_cast<int>(segment)};
}

/// Values that threads of a block pass to one another: one float2 for each warp.
struct SoftmaxShared {
  float2 scratch[kSoftmaxThreads / 32];
};

inline Launch softmax_launch(const SoftmaxShape& shape) {
  // Rows along x: only that may have more than 65535 blocks.
  return {.grid = {static_cast<unsigned>(shape.rows), static_cast<unsigned>(shape.segments()), 1},
          .block = {kSoftmaxThreads, 1, 1},
          .shared_bytes = sizeof(SoftmaxShared)};
}

/// Calls use(index) for each element of the block's segment, the index being that in (rows,
/// columns).
template <class Use>
__device__ __forceinline__ void for_segment(const SoftmaxShape& shape, const Use& use) {
  const std::int64_t row = std::int64_t{blockIdx.x} * shape.columns;
  const std::int64_t first = std::int64_t{blockIdx.y} * shape.segment;
  const std::int64_t rest = shape.columns - first;
  const int count = rest < shape.segment ? static_cast<int>(rest) : shape.segment;
#pragma unroll 8
  for (int i = static_cast<int>(threadIdx.x); i < count; i += kSoftmaxThreads) use(row + first + i);
}

/// Pairs over lanes and warps, by `combine`; in every thread.
template <class Combine>
__device__ inline float2 combine_block(float2 value, float2 identity, const Combine& combine) {
  auto& shared = shared_memory<SoftmaxShared>();
  const auto reduce_warp = [&combine](float2 own) {
    for (int step = 16; step > 0; step /= 2) {
      const float x = __shfl_xor_sync(kFullWarp, own.x, step);
      const float y = __shfl_xor_sync(kFullWarp, own.y, step);
      own = combine(own, make_float2(x, y));
    }
    return own;
  };
  value = reduce_warp(value);
  if (threadIdx.x % 32 == 0) shared.scratch[threadIdx.x / 32] = value;
  __syncthreads();
  value = threadIdx.x % 32 < kSoftmaxThreads / 32 ? shared.scratch[threadIdx.x % 32] : identity;
  value = reduce_warp(value);
  __syncthreads();
  return value;
}

/// The partial results of this block's row, combined.
///   partial  (rows, segments)
template <class Combine>
__device__ inline float2 combine_partials(const SoftmaxShape& shape, const float2* partial,
                                          float2 identity, const Combine& combine) {
  const int segments = shape.segments();
  const float2* row = partial + std::int64_t{blockIdx.x} * segments;
  float2 value = identity;
  for (int i = static_cast<int>(threadIdx.x); i < segments; i += kSoftmaxThreads) {
    value = combine(value, row[i]);
  }
  return combine_block(value, identity, combine);
}

/// Leaves this block's partial result.
__device__ inline void leave_partial(const SoftmaxShape& shape, float2 value, float2* partial) {
  if (threadIdx.x == 0) {
    partial[std::int64_t{blockIdx.x} * shape.segments() + blockIdx.y] = value;
  }
}

}  // namespace orrery::kernels
