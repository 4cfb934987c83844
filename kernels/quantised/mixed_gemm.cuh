#pragma once

// Matrix product of 4-bit weights with activations of which some channels have 8 bits and the rest
// 4: the few channels with outliers are moved to the front (k8 of them), and only they pay for
// int8. Tiles of the two kinds take different times, so persistent blocks draw them from a queue,
// the dear ones first. Source: COMET (Liu et al. 2024, arXiv 2410.12168), W4Ax: fine-grained mixed
// precision, fast conversion of int4 to int8 and its scheduling of tiles. COMET scales each block
// of 128 channels; here a row has one scale for each kind of channel, so that a tile runs through
// without a pause.
//
// FLOPs 2 m n (k8 at the int8 rate + k4 at the int4 rate), bytes n (k8 + k4) / 2 + m (k8 + k4 / 2)
// + 8 m n. Only Ampere has an int4 rate; later tensor cores do int4 by other instructions (see
// MmaInt4).

#include <cstdint>

#include "kernels/product/block_gemm.cuh"
#include "kernels/quantised/int4.cuh"

namespace orrery::kernels {

struct MixedGemm {
  int m;
  int n;
  int k8;                            // channels of 8 bits; a multiple of 64
  int k4;                            // channels of 4 bits; a multiple of 128
  const std::int8_t* activation8;    // (m, k8)
  const std::uint32_t* activation4;  // (m, k4 / 8), as pack_int4 lays it
  const float* scale8;               // (m)
  const float* scale4;               // (m)
  const std::uint32_t* weight8;      // (n, k8 / 8), as pack_int4_to_widen lays it
  const std::uint32_t* weight4;      // (n, k4 / 8), as pack_int4 lays it
  const float* weight_scale;         // (n)
  unsigned* next_tile;               // zero before the launch
  float* output;                     // (m, n), zeros before the launch
};

/// Eight signed weights become int8, sixteen times too large: a nibble at the top of its byte needs
/// no extension of its sign.
struct SixteenfoldFragment {
  static constexpr int kChunks = 2;  // 64 weights
  __device__ __forceinline__ void operator()(const std::uint32_t* rows, int stride, int /*column*/,
                                             int /*stage*/, std::uint32_t (&b)[2][2]) const {
    const auto lane = static_cast<int>(threadIdx.x % 32);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const std::uint32_t packed = rows[lane / 4 * stride + 4 * half + lane % 4];
      b[half][0] = (packed << 4) & 0xf0f0f0f0U;
      b[half][1] = packed & 0xf0f0f0f0U;
    }
  }
};

/// Shared memory of `mixed_gemm`.
template <int kM, int kN>
struct MixedTile {
  BlockTile<kM, kN> operands;
  unsigned drawn;
};

/// Adds one kind's product, A (m, k) and B (n, k) in rows of bytes, to a tile of the output. Each
/// element is added to twice, by two additions to zero that commute, so the order of the tiles does
/// not show.
template <class Mma, int kM, int kN, class Fragment>
__device__ void add_product(const MixedGemm& args, BlockTile<kM, kN>& tile, int row0, int column0,
                            const void* a, const void* b, int k, const float* row_scale,
                            float weight_factor, const Fragment& fragment) {
  const int per_stage = kStageWords * Mma::kPerWord;
  const std::int64_t a_bytes = std::int64_t{k} * 4 / Mma::kPerWord;  // of a row
  const std::int64_t b_bytes = a_bytes * Fragment::kChunks / kStageChunks;
  BlockSum<Mma, kM, kN> sum;  // (kM, kN)
  multiply_block(
      tile, k / per_stage,
      [&](int row, int stage, int chunk) -> const std::uint8_t* {
        return row0 + row < args.m ? static_cast<const std::uint8_t*>(a) + (row0 + row) * a_bytes +
                                         16 * (kStageChunks * stage + chunk)
                                   : nullptr;
      },
      [&](int row, int stage, int chunk) -> const std::uint8_t* {
        return column0 + row < args.n
                   ? static_cast<const std::uint8_t*>(b) + (column0 + row) * b_bytes +
                         16 * (Fragment::kChunks * stage + chunk)
                   : nullptr;
      },
      fragment, sum);
  visit_sum(sum, [&](int row, int column, std::int32_t element) {
    if (row0 + row < args.m && column0 + column < args.n) {
      const float scale =
          row_scale[row0 + row] * args.weight_scale[column0 + column] * weight_factor;
      atomicAdd(&args.output[std::int64_t{row0 + row} * args.n + column0 + column],
                static_cast<float>(element) * scale);
    }
  });
}

/// Each block draws tiles until none is left.
template <int kM, int kN>
__global__ void mixed_gemm(MixedGemm args) {
  static_assert(kM >= 32 && kN >= 16, "a tile has at least one fragment for each warp");
  auto& shared = shared_memory<MixedTile<kM, kN>>();
  const int tiles_across = (args.n + kN - 1) / kN;
  const int tiles = tiles_across * ((args.m + kM - 1) / kM);
  while (true) {
    if (threadIdx.x == 0) {
      shared.drawn = atomicAdd(args.next_tile, 1U);
    }
    __syncthreads();
    // The product ends with a barrier: all have read this before it is drawn again.
    const auto drawn = static_cast<int>(shared.drawn);
    if (drawn >= 2 * tiles) {
      return;
    }
    const int at = drawn % tiles;
    const int row0 = at / tiles_across * kM;
    const int column0 = at % tiles_across * kN;
    if (drawn < tiles) {
      add_product<MmaInt8>(args, shared.operands, row0, column0, args.activation8, args.weight8,
                           args.k8, args.scale8, 1.0F / 16, SixteenfoldFragment{});
    } else {
      add_product<MmaInt4>(args, shared.operands, row0, column0, args.activation4, args.weight4,
                           args.k4, args.scale4, 1.0F, PlainFragment{});
    }
  }
}

/// `blocks` take part; as many as the device holds at once is best.
template <int kM, int kN>
Launch mixed_gemm_launch(int blocks) {
  return {.grid = {static_cast<unsigned>(blocks), 1, 1},
          .block = {kBlockThreads, 1, 1},
          .shared_bytes = sizeof(MixedTile<kM, kN>)};
}

}  // namespace orrery::kernels
