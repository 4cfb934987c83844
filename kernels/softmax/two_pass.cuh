#pragma once

// Softmaxes that read twice and write once, 3 moves of each element. They differ in how a sum of
// exponentials is kept from overflowing before the maximum is known:
//   pairs   every exponential is a pair m 2^n with an exponent of its own (the Two-Pass softmax of
//   Dukhan
//           and Ablavatski 2020, arXiv:2001.04438)
//   online  the sum is relative to the largest element so far and shrinks when that grows (Milakov
//   and
//           Gimelshein 2018, arXiv:1805.02867, algorithm 3)

#include "kernels/softmax/segments.cuh"

namespace orrery::kernels {

/// m 2^n, n a whole number kept as a float: ranges far beyond that of a float.
struct ScaledFloat {
  static __device__ __forceinline__ float2 zero() { return make_float2(0, -1e30f); }

  /// e^x = m 2^n with m in [sqrt(1/2), sqrt(2)]; x is reduced by n ln 2 in two parts, the first of
  /// which has so few digits that the product is exact (Cody and Waite 1980, Software Manual for
  /// the Elementary Functions, chapter 6; the constants are those of fdlibm's single precision
  /// expf).
  static __device__ __forceinline__ float2 exponential(float x) {
    constexpr float kLog2e = 1.44269504088896f, kLn2High = 6.9314575195e-01f,
                    kLn2Low = 1.4286067653e-06f;
    const float n = rintf(x * kLog2e);
    const float reduced = fmaf(-n, kLn2Low, fmaf(-n, kLn2High, x));
    return make_float2(expf(reduced), n);
  }

  __device__ float2 operator()(float2 a, float2 b) const {
    const float n = fmaxf(a.y, b.y);
    return make_float2(a.x * exp2f(a.y - n) + b.x * exp2f(b.y - n), n);
  }
};

/// (largest, sum of exp(x - largest)).
struct OnlineSum {
  static __device__ __forceinline__ float2 zero() { return make_float2(-INFINITY, 0); }
  static __device__ __forceinline__ float2 exponential(float x) { return make_float2(x, 1); }

  __device__ float2 operator()(float2 a, float2 b) const {
    const float most = fmaxf(a.x, b.x);
    const float base = most == -INFINITY ? 0.0f : most;
    return make_float2(most, a.y * expf(a.x - base) + b.y * expf(b.x - base));
  }
};

/// Pass 1: the sum of exponentials of each segment; Sum is ScaledFloat or OnlineSum.
template <class T, class Sum>
__global__ void __launch_bounds__(kSoftmaxThreads)
    softmax_accumulate_kernel(SoftmaxShape shape, const T* x, float2* partial) {
  float2 sum = Sum::zero();
  for_segment(shape, [&](std::int64_t i) { sum = Sum{}(sum, Sum::exponential(to_float(x[i]))); });
  leave_partial(shape, combine_block(sum, Sum::zero(), Sum{}), partial);
}

/// Pass 2 with pairs: y = m_x / m 2^(n_x - n).
template <class T>
__global__ void __launch_bounds__(kSoftmaxThreads)
    softmax_pairs_kernel(SoftmaxShape shape, const T* x, const float2* partial, T* y) {
  const float2 total = combine_partials(shape, partial, ScaledFloat::zero(), ScaledFloat{});
  const float share = 1 / total.x;
  for_segment(shape, [&](std::int64_t i) {
    const float2 value = ScaledFloat::exponential(to_float(x[i]));
    y[i] = from_float<T>(value.x * share * exp2f(value.y - total.y));
  });
}

/// Pass 2 online: y = exp(x - max) / sum.
template <class T>
__global__ void __launch_bounds__(kSoftmaxThreads)
    softmax_online_kernel(SoftmaxShape shape, const T* x, const float2* partial, T* y) {
  const float2 total = combine_partials(shape, partial, OnlineSum::zero(), OnlineSum{});
  const float share = 1 / total.y;
  for_segment(
      shape, [&](std::int64_t i) { y[i] = from_float<T>(expf(to_float(x[i]) - total.x) * share); });
}

}  // namespace orrery::kernels
