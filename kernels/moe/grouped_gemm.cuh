#pragma once

// One launch for the matrix products of all experts, each with as many rows as tokens were routed
// to it. An expert without tokens costs nothing; one with a few costs a whole tile: time is that of
// the busiest SM.
//   FLOPs 2 rows n k, bytes 2 (rows (k + n) + experts with tokens * n k)

#include <cstdint>

#include "kernels/product/block_gemm.cuh"

namespace orrery::kernels {

struct GroupedGemm {
  int experts;
  int n;
  int k;                     // a multiple of 32
  const int* offset;         // (experts + 1): rows [offset[e], offset[e + 1]) are expert e's
  const bfloat16_t* input;   // (rows, k)
  const bfloat16_t* weight;  // (experts, n, k)
  bfloat16_t* output;        // (rows, n)
};

/// The most tiles of kM rows that `rows` rows of `experts` experts can fall into.
inline int most_row_tiles(int rows, int experts, int tile_rows) {
  return rows / tile_rows + (experts < rows ? experts : rows);
}

/// A block finds its expert by walking the offsets; those beyond the last tile have nothing to do.
template <int kM, int kN>
__global__ void grouped_gemm(GroupedGemm args) {
  static_assert(kM >= 32 && kN >= 16, "a tile has at least one fragment for each warp");
  auto& tile = shared_memory<BlockTile<kM, kN>>();
  int expert = 0;
  int tile_of_expert = static_cast<int>(blockIdx.y);
  for (; expert < args.experts; ++expert) {
    const int tiles = (args.offset[expert + 1] - args.offset[expert] + kM - 1) / kM;
    if (tile_of_expert < tiles) {
      break;
    }
    tile_of_expert -= tiles;
  }
  if (expert == args.experts) {
    return;  // the whole block: fewer tiles than there could have been
  }
  const int row0 = args.offset[expert] + tile_of_expert * kM;
  const int end = args.offset[expert + 1];
  const int column0 = static_cast<int>(blockIdx.x) * kN;
  const bfloat16_t* weight = args.weight + std::int64_t{expert} * args.n * args.k;  // (n, k)

  BlockSum<MmaBf16, kM, kN> sum;  // (kM rows, kN)
  multiply_block(
      tile, args.k / 32,
      [&](int row, int stage, int chunk) -> const bfloat16_t* {
        return row0 + row < end
                   ? args.input + std::int64_t{row0 + row} * args.k + 32 * stage + 8 * chunk
                   : nullptr;
      },
      [&](int row, int stage, int chunk) -> const bfloat16_t* {
        return column0 + row < args.n
                   ? weight + std::int64_t{column0 + row} * args.k + 32 * stage + 8 * chunk
                   : nullptr;
      },
      PlainFragment{}, sum);
  visit_sum(sum, [&](int row, int column, float element) {
    if (row0 + row < end && column0 + column < args.n) {
      args.output[std::int64_t{row0 + row} * args.n + column0 + column] =
          from_float<bfloat16_t>(element);
    }
  });
}

/// `rows` of all experts together.
template <int kM, int kN>
Launch grouped_gemm_launch(const GroupedGemm& args, int rows) {
  return {.grid = {static_cast<unsigned>(ceil_div(args.n, kN)),
                   static_cast<unsigned>(most_row_tiles(rows, args.experts, kM)), 1},
          .block = {kBlockThreads, 1, 1},
          .shared_bytes = sizeof(BlockTile<kM, kN>)};
}

}  // namespace orrery::kernels
