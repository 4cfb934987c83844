#pragma once

// The two classical softmaxes of Dukhan and Ablavatski 2020, arXiv:2001.04438: three passes that
// recompute the exponentials (read, read, read and write: 4 moves of each element) or that store
// and reload them (read, read and write, read and write: 5).

#include "kernels/softmax/segments.cuh"

namespace orrery::kernels {

struct LargerFirst {
  __device__ float2 operator()(float2 a, float2 b) const { return make_float2(fmaxf(a.x, b.x), 0); }
};
struct SumSecond {
  __device__ float2 operator()(float2 a, float2 b) const {
    return make_float2(fmaxf(a.x, b.x), a.y + b.y);
  }
};

/// Pass 1 of both: the largest element of each segment.
template <class T>
__global__ void __launch_bounds__(kSoftmaxThreads)
    softmax_max_kernel(SoftmaxShape shape, const T* x, float2* partial) {
  float most = -INFINITY;
  for_segment(shape, [&](std::int64_t i) { most = fmaxf(most, to_float(x[i])); });
  const float2 none = make_float2(-INFINITY, 0);
  leave_partial(shape, combine_block(make_float2(most, 0), none, LargerFirst{}), partial);
}

/// Pass 2: the sum of exp(x - max) of each segment; kStore: which are written to y as well.
///   before  (rows, segments) of pass 1      after  (rows, segments): row's maximum, segment's sum
template <class T, bool kStore>
__global__ void __launch_bounds__(kSoftmaxThreads)
    softmax_sum_kernel(SoftmaxShape shape, const T* x, const float2* before, T* y, float2* after) {
  const float2 none = make_float2(-INFINITY, 0);
  const float most = combine_partials(shape, before, none, LargerFirst{}).x;
  float sum = 0;
  for_segment(shape, [&](std::int64_t i) {
    const float value = expf(to_float(x[i]) - most);
    sum += value;
    if constexpr (kStore) y[i] = from_float<T>(value);
  });
  leave_partial(shape, combine_block(make_float2(most, sum), none, SumSecond{}), after);
}

/// Pass 3, recomputing: y = exp(x - max) / sum.
template <class T>
__global__ void __launch_bounds__(kSoftmaxThreads)
    softmax_recompute_kernel(SoftmaxShape shape, const T* x, const float2* partial, T* y) {
  const float2 total = combine_partials(shape, partial, make_float2(-INFINITY, 0), SumSecond{});
  const float share = 1 / total.y;
  for_segment(
      shape, [&](std::int64_t i) { y[i] = from_float<T>(expf(to_float(x[i]) - total.x) * share); });
}

/// Pass 3, reloading: y = y / sum.
template <class T>
__global__ void __launch_bounds__(kSoftmaxThreads)
    softmax_reload_kernel(SoftmaxShape shape, const float2* partial, T* y) {
  const float2 total = combine_partials(shape, partial, make_float2(-INFINITY, 0), SumSecond{});
  const float share = 1 / total.y;
  for_segment(shape, [&](std::int64_t i) { y[i] = from_float<T>(to_float(y[i]) * share); });
}

}  // namespace orrery::kernels
