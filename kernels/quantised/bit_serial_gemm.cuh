#pragma once

// Matrix product of integers of any number of bits as a sum over pairs of bit planes. Numbers are
// bipolar: bit b stands for 2 b - 1, a number of p bits for the sum of 2^i (2 b_i - 1), so that
// there is neither a zero point nor a sign bit, and a pair of planes multiplies by counting the
// positions that differ:
//   sum over k of (2 a_k - 1)(2 b_k - 1) = k - 2 popcount(a xor b)
//   C = (2^p - 1)(2^q - 1) k - 2 sum over i, j of 2^(i + j) popcount(a_i xor b_j)
// Source: Ma et al. 2024, "Efficient Arbitrary Precision Acceleration for Large Language Models on
// GPU Tensor Cores" (arXiv 2409.17870), bipolar-INT and recovery by shift and add.
//
// Operations 2 m n k p q of one bit, bytes (p m + q n) k / 8 + 4 m n. Two ways: tensor cores' b1
// product (Ampere; ptxas expands it on later ones) and the popcount of the ordinary cores.

#include <cstdint>

#include "kernels/product/block_gemm.cuh"

namespace orrery::kernels {

struct BitSerialGemm {
  int m;
  int n;
  int k;                   // a multiple of 512
  const std::uint32_t* a;  // (p, m, k / 32)
  const std::uint32_t* b;  // (q, n, k / 32)
  std::int32_t* c;         // (m, n)
};

/// By b1 products. A block computes a tile of kM x kN.
template <int kP, int kQ, int kM, int kN>
__global__ void bit_serial_mma(BitSerialGemm args) {
  static_assert(kP >= 1 && kQ >= 1 && kP + kQ <= 14, "sums of k <= 2^15 stay below 2^31");
  auto& tile = shared_memory<BlockTile<kM, kN>>();
  const int row0 = static_cast<int>(blockIdx.y) * kM;
  const int column0 = static_cast<int>(blockIdx.x) * kN;
  const int words = args.k / 32;
  BlockSum<MmaBit, kM, kN> total;  // (kM, kN)
  for (int pair = 0; pair < kP * kQ; ++pair) {
    const std::uint32_t* a = args.a + std::int64_t{pair / kQ} * args.m * words;  // (m, k / 32)
    const std::uint32_t* b = args.b + std::int64_t{pair % kQ} * args.n * words;  // (n, k / 32)
    BlockSum<MmaBit, kM, kN> differ;                                             // (kM, kN)
    multiply_block(
        tile, words / kStageWords,
        [&](int row, int stage, int chunk) -> const std::uint32_t* {
          return row0 + row < args.m
                     ? a + std::int64_t{row0 + row} * words + kStageWords * stage + 4 * chunk
                     : nullptr;
        },
        [&](int row, int stage, int chunk) -> const std::uint32_t* {
          return column0 + row < args.n
                     ? b + std::int64_t{column0 + row} * words + kStageWords * stage + 4 * chunk
                     : nullptr;
        },
        PlainFragment{}, differ);
#pragma unroll
    for (int i = 0; i < kM / 32; ++i) {
#pragma unroll
      for (int j = 0; j < kN / 16; ++j) {
#pragma unroll
        for (int r = 0; r < 4; ++r) {
          total.value[i][j][r] += differ.value[i][j][r] << (pair / kQ + pair % kQ);
        }
      }
    }
  }
  visit_sum(total, [&](int row, int column, std::int32_t element) {
    if (row0 + row < args.m && column0 + column < args.n) {
      args.c[std::int64_t{row0 + row} * args.n + column0 + column] =
          ((1 << kP) - 1) * ((1 << kQ) - 1) * args.k - 2 * element;
    }
  });
}

/// Shared memory of `bit_serial_popc`: 16 words of each row of each plane, and one of padding.
template <int kP, int kQ>
struct BitPlanes {
  std::uint32_t a[kP][64][17];
  std::uint32_t b[kQ][64][17];
};

/// By popcounts: a block of 64 x 64, a thread of 4 x 4.
template <int kP, int kQ>
__global__ void bit_serial_popc(BitSerialGemm args) {
  static_assert(sizeof(BitPlanes<kP, kQ>) <= 48 * 1024,
                "both operands' planes fit the shared memory that any device gives a block");
  auto& planes = shared_memory<BitPlanes<kP, kQ>>();
  const auto thread = static_cast<int>(threadIdx.x);
  const int row0 = static_cast<int>(blockIdx.y) * 64;
  const int column0 = static_cast<int>(blockIdx.x) * 64;
  const int words = args.k / 32;
  std::int32_t total[4][4] = {};
  for (int word0 = 0; word0 < words; word0 += 16) {
    for (int i = thread; i < 64 * 16; i += 256) {
      const int row = i / 16;
      const int word = i % 16;
      for (int p = 0; p < kP; ++p) {
        const std::int64_t at = (std::int64_t{p} * args.m + row0 + row) * words + word0 + word;
        planes.a[p][row][word] = row0 + row < args.m ? args.a[at] : 0;
      }
      for (int q = 0; q < kQ; ++q) {
        const std::int64_t at = (std::int64_t{q} * args.n + column0 + row) * words + word0 + word;
        planes.b[q][row][word] = column0 + row < args.n ? args.b[at] : 0;
      }
    }
    __syncthreads();
    for (int word = 0; word < 16; ++word) {
      for (int pair = 0; pair < kP * kQ; ++pair) {
        const int p = pair / kQ;
        const int q = pair % kQ;
#pragma unroll
        for (int e = 0; e < 16; ++e) {
          const std::uint32_t a = planes.a[p][thread / 16 + 16 * (e / 4)][word];
          const std::uint32_t b = planes.b[q][thread % 16 + 16 * (e % 4)][word];
          total[e / 4][e % 4] += __popc(a ^ b) << (p + q);
        }
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int e = 0; e < 16; ++e) {
    const int row = row0 + thread / 16 + 16 * (e / 4);
    const int column = column0 + thread % 16 + 16 * (e % 4);
    if (row < args.m && column < args.n) {
      args.c[std::int64_t{row} * args.n + column] =
          ((1 << kP) - 1) * ((1 << kQ) - 1) * args.k - 2 * total[e / 4][e % 4];
    }
  }
}

template <int kM, int kN>
Launch bit_serial_mma_launch(const BitSerialGemm& args) {
  return {.grid = {static_cast<unsigned>(ceil_div(args.n, kN)),
                   static_cast<unsigned>(ceil_div(args.m, kM)), 1},
          .block = {kBlockThreads, 1, 1},
          .shared_bytes = sizeof(BlockTile<kM, kN>)};
}

template <int kP, int kQ>
Launch bit_serial_popc_launch(const BitSerialGemm& args) {
  return {.grid = {static_cast<unsigned>(ceil_div(args.n, 64)),
                   static_cast<unsigned>(ceil_div(args.m, 64)), 1},
          .block = {256, 1, 1},
          .shared_bytes = sizeof(BitPlanes<kP, kQ>)};
}

}  // namespace orrery::kernels
