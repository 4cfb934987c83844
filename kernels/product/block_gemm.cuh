#pragma once

// A matrix product whose rows may come from anywhere: a block of 128 threads multiplies a tile of
// kM x kN, k in stages of 64 bytes, the next ones on their way into shared memory while one is
// multiplied. The tiled GEMM of gemm/ is for rows of a matrix of 16-bit elements; here a function
// says where the 16 bytes of a row come from (a pixel under a filter's tap, a token routed to an
// expert), and a fragment how the words of B are had (weights of 4 bits are widened in registers),
// for each type of mma.cuh.
//
//   four warps, 2 x 2 over the tile      a stage in shared memory
//   +--------+--------+                  row r: 16 words + 4 of padding, so that the eight rows of
//   16 bytes | warp 0 | warp 1 |  kM / 2          that ldmatrix reads at once lie in 32 different
//   banks
//   +--------+--------+
//   | warp 2 | warp 3 |
//   +--------+--------+
//    kN / 2

#include <cstddef>
#include <cstdint>

#include "kernels/common/async_copy.cuh"
#include "kernels/product/mma.cuh"

namespace orrery::kernels {

inline constexpr int kBlockThreads = 128;
inline constexpr int kStages = 4;        // of which three are on their way
inline constexpr int kStageWords = 16;   // of 32 bits: 32 bf16, 64 int8, 128 int4 or 512 bits
inline constexpr int kStageChunks = 4;   // of 16 bytes
inline constexpr int kStageStride = 20;  // words from row to row in shared memory

/// Shared memory of one block: all stages of both operands.
template <int kM, int kN>
struct BlockTile {
  static_assert(kM % 32 == 0, "each of the two rows of warps holds whole 16-row fragments");
  static_assert(kN % 16 == 0, "each of the two columns of warps holds whole 8-column fragments");
  alignas(16) std::uint32_t a[kStages][kM * kStageStride];  // (kM, stride) each
  alignas(16) std::uint32_t b[kStages][kN * kStageStride];  // (kN, stride) each
};

/// A thread's part of the product: (rows of fragments, columns of fragments, 4).
template <class Mma, int kM, int kN>
struct BlockSum {
  typename Mma::Sum value[kM / 32][kN / 16][4] = {};
};

/// Fragments of eight rows of B, stored as they are multiplied: both halves of a stage.
struct PlainFragment {
  static constexpr int kChunks = kStageChunks;
  __device__ __forceinline__ void operator()(const std::uint32_t* rows, int stride, int /*column*/,
                                             int /*stage*/, std::uint32_t (&b)[2][2]) const {
    const auto lane = static_cast<int>(threadIdx.x % 32);
    std::uint32_t words[4];
    load_matrices<false>(words, rows + lane % 8 * stride + 4 * (lane / 8));
    b[0][0] = words[0];
    b[0][1] = words[1];
    b[1][0] = words[2];
    b[1][1] = words[3];
  }
};

/// sum += A B^T over 16 words of k that lie in shared memory, aligned to 16 bytes.
///   a (kM, stride words)   b (kN, stride words)
///   fragment(eight rows of b, stride, their first column, stage, out)
template <class Mma, int kM, int kN, class Fragment>
__device__ __forceinline__ void multiply_stage(const std::uint32_t* a, const std::uint32_t* b,
                                               int stride, int stage, const Fragment& fragment,
                                               BlockSum<Mma, kM, kN>& sum) {
  const auto lane = static_cast<int>(threadIdx.x % 32);
  const auto warp = static_cast<int>(threadIdx.x / 32);
  const int first_row = warp / 2 * (kM / 2);
  const int first_column = warp % 2 * (kN / 2);
  std::uint32_t a_words[2][kM / 32][4];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
#pragma unroll
    for (int i = 0; i < kM / 32; ++i) {
      const int row = first_row + 16 * i + lane % 16;
      load_matrices<false>(a_words[half][i], a + row * stride + 8 * half + 4 * (lane / 16));
    }
  }
#pragma unroll
  for (int j = 0; j < kN / 16; ++j) {
    const int column = first_column + 8 * j;
    std::uint32_t b_words[2][2];
    fragment(b + column * stride, stride, column, stage, b_words);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
#pragma unroll
      for (int i = 0; i < kM / 32; ++i) {
        Mma::multiply(sum.value[i][j], a_words[half][i], b_words[half]);
      }
    }
  }
}

/// sum += A B^T, k in `stages` stages. All threads of the block call it together; none may still
/// use `tile` when it begins, and none does when it ends.
///   source_a(row, stage, chunk)   address of 16 bytes, or null for zeros; row in [0, kM), chunk in
///   [0, 4) source_b(row, stage, chunk)   the same, row in [0, kN), chunk in [0, Fragment::kChunks)
template <class Mma, int kM, int kN, class SourceA, class SourceB, class Fragment>
__device__ __forceinline__ void multiply_block(BlockTile<kM, kN>& tile, int stages,
                                               const SourceA& source_a, const SourceB& source_b,
                                               const Fragment& fragment,
                                               BlockSum<Mma, kM, kN>& sum) {
  const auto thread = static_cast<int>(threadIdx.x);
  const auto copy = [](std::uint32_t* to, const void* from) {
    if (from == nullptr) {
      for (int i = 0; i < 4; ++i) to[i] = 0;
    } else {
      copy_async_16(to, from, true);
    }
  };
  const auto fetch = [&](int stage) {
    if (stage < stages) {
      std::uint32_t* a = tile.a[stage % kStages];
      std::uint32_t* b = tile.b[stage % kStages];
      for (int i = thread; i < kM * kStageChunks; i += kBlockThreads) {
        const int row = i / kStageChunks;
        const int chunk = i % kStageChunks;
        copy(a + row * kStageStride + 4 * chunk, source_a(row, stage, chunk));
      }
      for (int i = thread; i < kN * Fragment::kChunks; i += kBlockThreads) {
        const int row = i / Fragment::kChunks;
        const int chunk = i % Fragment::kChunks;
        copy(b + row * kStageStride + 4 * chunk, source_b(row, stage, chunk));
      }
    }
    commit_copies();  // of nothing, too: groups count stages
  };

  for (int stage = 0; stage < kStages - 1; ++stage) fetch(stage);
  for (int stage = 0; stage < stages; ++stage) {
    wait_copies<kStages - 2>();
    __syncthreads();  // this stage is there, and all are done with the one that is fetched over
    fetch(stage + kStages - 1);
    multiply_stage(tile.a[stage % kStages], tile.b[stage % kStages], kStageStride, stage, fragment,
                   sum);
  }
  wait_copies<0>();
  __syncthreads();  // the tile is free again
}

/// Calls visit(row, column, value) for each element that this thread holds.
template <class Mma, int kM, int kN, class Visit>
__device__ __forceinline__ void visit_sum(const BlockSum<Mma, kM, kN>& sum, const Visit& visit) {
  const auto lane = static_cast<int>(threadIdx.x % 32);
  const auto warp = static_cast<int>(threadIdx.x / 32);
#pragma unroll
  for (int i = 0; i < kM / 32; ++i) {
#pragma unroll
    for (int j = 0; j < kN / 16; ++j) {
#pragma unroll
      for (int r = 0; r < 4; ++r) {
        const int row = warp / 2 * (kM / 2) + 16 * i + lane / 4 + 8 * (r / 2);
        const int column = warp % 2 * (kN / 2) + 8 * j + 2 * (lane % 4) + r % 2;
        visit(row, column, sum.value[i][j][r]);
      }
    }
  }
}

}  // namespace orrery::kernels
