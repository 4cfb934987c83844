#pragma once

// Matrix product of 8-bit activations with 4-bit weights that are widened in registers, by
// progressive quantisation: a weight is
//   w = channel_scale (q group_scale - group_offset),  q in [0, 15], group_offset = zero
//   group_scale,
// whose bracket is an 8-bit integer, so that the product itself is int8. Multiplying before
// subtracting lets one 32-bit multiplication serve four weights: no byte of q group_scale exceeds
// 255. Source: QServe (Lin et al. 2024, arXiv 2405.04532), section 4.1 (progressive group
// quantisation and its protective range) and section 5.2 (subtraction after multiplication).
//
// FLOPs 2 m n k as int8 operations, bytes n k / 2 + m k + 2 m n + 2 n k / 128.

#include <cstdint>

#include "kernels/product/block_gemm.cuh"
#include "kernels/quantised/int4.cuh"

namespace orrery::kernels {

inline constexpr int kWeightGroup = 128;  // values of k that share a group_scale

struct W4A8Gemm {
  int m;
  int n;
  int k;                             // a multiple of kWeightGroup
  const std::int8_t* activation;     // (m, k)
  const float* activation_scale;     // (m)
  const std::uint32_t* weight;       // (n, k / 8), as pack_int4_to_widen lays it
  const std::uint8_t* group_scale;   // (n, k / kWeightGroup), at most 17
  const std::uint8_t* group_offset;  // (n, k / kWeightGroup)
  const float* channel_scale;        // (n)
  bfloat16_t* output;                // (m, n)
};

/// Eight weights of a staged row become a fragment of int8.
struct ProgressiveFragment {
  static constexpr int kChunks = 2;  // 64 weights
  const std::uint8_t* scale;
  const std::uint8_t* offset;
  int groups;  // of a row
  int column0;
  int last_column;

  __device__ __forceinline__ void operator()(const std::uint32_t* rows, int stride, int column,
                                             int stage, std::uint32_t (&b)[2][2]) const {
    const auto lane = static_cast<int>(threadIdx.x % 32);
    // Columns beyond the matrix are not stored, but their scales must not be read either.
    const int own = min(column0 + column + lane / 4, last_column);
    const int group = own * groups + stage / 2;
    const std::uint32_t factor = scale[group];
    const std::uint32_t minus = offset[group] * 0x01010101U;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const std::uint32_t packed = rows[lane / 4 * stride + 4 * half + lane % 4];
      b[half][0] = subtract_bytes((packed & 0x0f0f0f0fU) * factor, minus);
      b[half][1] = subtract_bytes(((packed >> 4) & 0x0f0f0f0fU) * factor, minus);
    }
  }
};

/// A block computes a tile of kM x kN.
template <int kM, int kN>
__global__ void w4a8_gemm(W4A8Gemm args) {
  static_assert(kWeightGroup == 2 * 64, "two stages of 64 values share a group's scale");
  auto& tile = shared_memory<BlockTile<kM, kN>>();
  const int row0 = static_cast<int>(blockIdx.y) * kM;
  const int column0 = static_cast<int>(blockIdx.x) * kN;
  const ProgressiveFragment fragment{args.group_scale, args.group_offset, args.k / kWeightGroup,
                                     column0, args.n - 1};
  BlockSum<MmaInt8, kM, kN> sum;  // (kM, kN)
  multiply_block(
      tile, args.k / 64,
      [&](int row, int stage, int chunk) -> const std::int8_t* {
        return row0 + row < args.m
                   ? args.activation + std::int64_t{row0 + row} * args.k + 64 * stage + 16 * chunk
                   : nullptr;
      },
      [&](int row, int stage, int chunk) -> const std::uint32_t* {
        return column0 + row < args.n ? args.weight + std::int64_t{column0 + row} * (args.k / 8) +
                                            8 * stage + 4 * chunk
                                      : nullptr;
      },
      fragment, sum);
  visit_sum(sum, [&](int row, int column, std::int32_t element) {
    if (row0 + row < args.m && column0 + column < args.n) {
      const float scale = args.activation_scale[row0 + row] * args.channel_scale[column0 + column];
      args.output[std::int64_t{row0 + row} * args.n + column0 + column] =
          from_float<bfloat16_t>(static_cast<float>(element) * scale);
    }
  });
}

template <int kM, int kN>
Launch w4a8_gemm_launch(const W4A8Gemm& args) {
  return {.grid = {static_cast<unsigned>(ceil_div(args.n, kN)),
                   static_cast<unsigned>(ceil_div(args.m, kM)), 1},
          .block = {kBlockThreads, 1, 1},
          .shared_bytes = sizeof(BlockTile<kM, kN>)};
}

}  // namespace orrery::kernels
