#pragma once

// Merges attention over parts of the keys by their log-sum-exps: two partial results of Ring
// Attention or TokenRing, or the splits of decode attention.
//   lse = log sum_p exp(lse_p),   o = sum_p exp(lse_p - lse) o_p
// Source: FlashAttention (Dao et al. 2022, arXiv:2205.14135), appendix B.1, with parts as blocks.

#include "kernels/common/portable.cuh"

namespace orrery::kernels {

inline constexpr int kMergeThreads = 256;

/// `rows` rows of `d` elements; a thread has four of them. Moves (parts + 1) x rows x (4 d + 4)
/// bytes.
inline Launch merge_launch(std::int64_t rows, int d) {
  return {
      .grid = {static_cast<unsigned>(ceil_div(rows * (d / 4), std::int64_t{kMergeThreads})), 1, 1},
      .block = {kMergeThreads, 1, 1}};
}

/// Parts that saw no key have an lse of minus infinity and count for nothing; when all are such, o
/// is zero.
///   o_parts  (parts, rows, D), 16-byte aligned      lse_parts  (parts, rows)
///   o        (rows, D)                              lse        (rows)
template <int kD>
__global__ void __launch_bounds__(kMergeThreads)
    merge_attention_kernel(int parts, std::int64_t rows, const float* o_parts,
                           const float* lse_parts, float* o, float* lse) {
  static_assert(kD % 4 == 0, "a thread has four elements");
  const std::int64_t thread = std::int64_t{blockIdx.x} * kMergeThreads + threadIdx.x;
  const std::int64_t row = thread / (kD / 4);
  if (row >= rows) return;
  float most = -INFINITY;
  for (int part = 0; part < parts; ++part) most = fmaxf(most, lse_parts[part * rows + row]);
  const float base = most == -INFINITY ? 0.0f : most;
  float sum = 0;
  float4 merged = make_float4(0, 0, 0, 0);
  for (int part = 0; part < parts; ++part) {
    const float weight = expf(lse_parts[part * rows + row] - base);
    const float4 value = reinterpret_cast<const float4*>(o_parts)[part * rows * (kD / 4) + thread];
    sum += weight;
    merged.x += weight * value.x;
    merged.y += weight * value.y;
    merged.z += weight * value.z;
    merged.w += weight * value.w;
  }
  const float share = sum > 0 ? 1 / sum : 0.0f;
  reinterpret_cast<float4*>(o)[thread] =
      make_float4(merged.x * share, merged.y * share, merged.z * share, merged.w * share);
  if (thread % (kD / 4) == 0) lse[row] = sum > 0 ? base + logf(sum) : -INFINITY;
}

}  // namespace orrery::kernels
