#pragma once

// C = A B^T on tensor cores by tiles: the grid may be limited to k SMs (a block takes tile after
// tile), and each finished tile is signalled, so that a consumer can start on it while the others
// are made (the producer of T3, Pati et al., ASPLOS 2024, section 4.1, and of fused GEMM and
// reduce-scatter).
//
// mma.sync and cp.async run on sm_80 and everything after, and in the emulation. wgmma_gemm.cuh
// does the same by sm_90a's own instructions; tcgen05 of sm_100a is left to cuBLASLt, timed beside
// this.

#include "kernels/common/async_copy.cuh"
#include "kernels/common/shared_tile.cuh"
#include "kernels/common/tensor_core.cuh"

namespace orrery::kernels {

/// Shapes of a tile and how it is cut among warps.
template <class T, int kM_, int kN_, int kK_, int kWarpsM_, int kWarpsN_, int kStages_>
struct GemmTile {
  using Element = T;
  static constexpr int kM = kM_, kN = kN_, kK = kK_;
  static constexpr int kWarpsM = kWarpsM_, kWarpsN = kWarpsN_, kStages = kStages_;
  static constexpr int kThreads = 32 * kWarpsM * kWarpsN;
  static constexpr int kWarpRows = kM / kWarpsM, kWarpColumns = kN / kWarpsN;
  static constexpr int kFragmentsM = kWarpRows / 16, kFragmentsN = kWarpColumns / 8;
  static_assert(kM % (16 * kWarpsM) == 0, "a warp's rows are whole fragments of 16");
  static_assert(kN % (16 * kWarpsN) == 0, "a warp's columns are whole pairs of fragments of 8");
  static_assert(kK % 16 == 0, "a step is whole fragments of 16");
  static_assert(kStages >= 2, "one stage is loaded while another is used");

  struct Shared {
    SharedTile<T, kM, kK> a[kStages];  // (M, K) of each stage
    SharedTile<T, kN, kK> b[kStages];  // (N, K) of each stage
  };
};

/// 128 x 128 x 32 by eight warps, four stages: 64 KiB of shared memory.
template <class T>
using LargeGemmTile = GemmTile<T, 128, 128, 32, 2, 4, 4>;

/// m, n >= 1; k >= 8 and a multiple of 8, n even: rows are read by 16 bytes and written by 4.
struct GemmShape {
  int m, n, k;
};

template <class Tile>
__host__ __device__ int gemm_tiles(const GemmShape& shape) {
  return ceil_div(shape.m, Tile::kM) * ceil_div(shape.n, Tile::kN);
}

/// On at most `sms` SMs (a block each).
template <class Tile>
Launch gemm_launch(const GemmShape& shape, int sms) {
  const int tiles = gemm_tiles<Tile>(shape);
  return {.grid = {static_cast<unsigned>(tiles < sms ? tiles : sms), 1, 1},
          .block = {Tile::kThreads, 1, 1},
          .shared_bytes = sizeof(typename Tile::Shared)};
}

/// Row and column of a tile's first element. Tiles are numbered down eight rows of tiles before the
/// next column, so that those in work at a time share their operands in L2.
template <class Tile>
__host__ __device__ inline void gemm_tile_origin(const GemmShape& shape, int tile, int& row,
                                                 int& column) {
  constexpr int kGroup = 8;
  const int rows = ceil_div(shape.m, Tile::kM);
  const int columns = ceil_div(shape.n, Tile::kN);
  const int first = tile / (kGroup * columns) * kGroup;
  const int height = rows - first < kGroup ? rows - first : kGroup;
  const int inside = tile % (kGroup * columns);
  row = (first + inside % height) * Tile::kM;
  column = inside / height * Tile::kN;
}

/// One step of kK: each warp multiplies its part of the stage's tiles.
template <class Tile>
__device__ __forceinline__ void gemm_step(SharedTile<typename Tile::Element, Tile::kM, Tile::kK>& a,
                                          SharedTile<typename Tile::Element, Tile::kN, Tile::kK>& b,
                                          float (&sums)[Tile::kFragmentsM][Tile::kFragmentsN][4]) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int first_row = warp / Tile::kWarpsN * Tile::kWarpRows;
  const int first_column = warp % Tile::kWarpsN * Tile::kWarpColumns;
#pragma unroll
  for (int k = 0; k < Tile::kK / 16; ++k) {
    std::uint32_t left[Tile::kFragmentsM][4];  // (16, 16) each
#pragma unroll
    for (int m = 0; m < Tile::kFragmentsM; ++m) {
      const int row = first_row + 16 * m + lane % 16;
      load_matrices<false>(left[m], a.chunk(row, 2 * k + lane / 16));
    }
#pragma unroll
    for (int n = 0; n < Tile::kFragmentsN; n += 2) {
      std::uint32_t right[4];  // (16, 8) twice
      const int row = first_column + 8 * n + lane / 16 * 8 + lane % 8;
      load_matrices<false>(right, b.chunk(row, 2 * k + lane / 8 % 2));
#pragma unroll
      for (int m = 0; m < Tile::kFragmentsM; ++m) {
        mma_16x8x16<typename Tile::Element>(sums[m][n], left[m], {right[0], right[1]});
        mma_16x8x16<typename Tile::Element>(sums[m][n + 1], left[m], {right[2], right[3]});
      }
    }
  }
}

/// Writes a warp's sums to C, in the element's format.
template <class Tile>
__device__ __forceinline__ void gemm_store(
    const GemmShape& shape, int tile_row, int tile_column,
    const float (&sums)[Tile::kFragmentsM][Tile::kFragmentsN][4], typename Tile::Element* c) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int first_row = tile_row + warp / Tile::kWarpsN * Tile::kWarpRows + lane / 4;
  const int first_column = tile_column + warp % Tile::kWarpsN * Tile::kWarpColumns + lane % 4 * 2;
#pragma unroll
  for (int m = 0; m < Tile::kFragmentsM; ++m) {
#pragma unroll
    for (int n = 0; n < Tile::kFragmentsN; ++n) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int row = first_row + 16 * m + 8 * half;
        const int column = first_column + 8 * n;
        if (row < shape.m && column < shape.n) {
          store_pair(c + std::int64_t{row} * shape.n + column,
                     pack<typename Tile::Element>(sums[m][n][2 * half], sums[m][n][2 * half + 1]));
        }
      }
    }
  }
}

/// C = A B^T.
///   a     (m, k) row-major
///   b     (n, k) row-major
///   c     (m, n) row-major
///   done  null, or a word for each tile: becomes `signal` when the tile's part of C can be read
template <class Tile>
__global__ void __launch_bounds__(Tile::kThreads)
    tiled_gemm_kernel(GemmShape shape, const typename Tile::Element* a,
                      const typename Tile::Element* b, typename Tile::Element* c, unsigned* done,
                      unsigned signal) {
  auto& shared = shared_memory<typename Tile::Shared>();
  const int tiles = gemm_tiles<Tile>(shape);
  const int steps = ceil_div(shape.k, Tile::kK);
  for (int tile = static_cast<int>(blockIdx.x); tile < tiles; tile += static_cast<int>(gridDim.x)) {
    int row, column;
    gemm_tile_origin<Tile>(shape, tile, row, column);
    const auto load = [&](int step) {
      const int k = step * Tile::kK;
      if (step < steps) {
        const int stage = step % Tile::kStages;
        shared.a[stage].template load<Tile::kThreads>(a + std::int64_t{row} * shape.k + k, shape.k,
                                                      shape.m - row, shape.k - k);
        shared.b[stage].template load<Tile::kThreads>(b + std::int64_t{column} * shape.k + k,
                                                      shape.k, shape.n - column, shape.k - k);
      }
      commit_copies();  // also of nothing: groups count steps
    };
    float sums[Tile::kFragmentsM][Tile::kFragmentsN][4] = {};
    for (int step = 0; step < Tile::kStages - 1; ++step) load(step);
    for (int step = 0; step < steps; ++step) {
      wait_copies<Tile::kStages - 2>();
      __syncthreads();  // the step's tiles are there, and the stage loaded next is free
      load(step + Tile::kStages - 1);
      gemm_step<Tile>(shared.a[step % Tile::kStages], shared.b[step % Tile::kStages], sums);
    }
    gemm_store<Tile>(shape, row, column, sums, c);
    wait_copies<0>();
    __threadfence();  // C's tile before its signal
    __syncthreads();  // and the stages are free for the next tile
    if (done != nullptr && threadIdx.x == 0) store_release(&done[tile], signal);
  }
}

/// Adds each finished tile of C to `to` as soon as it is signalled: the consumer, which runs beside
/// the GEMM on SMs of its own.
///   to  (m, n) row-major, single precision
template <class Tile>
__global__ void __launch_bounds__(Tile::kThreads)
    add_finished_tiles_kernel(GemmShape shape, const typename Tile::Element* c,
                              const unsigned* done, unsigned signal, float* to) {
  const int tiles = gemm_tiles<Tile>(shape);
  for (int tile = static_cast<int>(blockIdx.x); tile < tiles; tile += static_cast<int>(gridDim.x)) {
    if (threadIdx.x == 0) {
      while (load_acquire(&done[tile]) != signal) __nanosleep(100);
    }
    __syncthreads();
    int row, column;
    gemm_tile_origin<Tile>(shape, tile, row, column);
    for (int i = static_cast<int>(threadIdx.x); i < Tile::kM * Tile::kN; i += Tile::kThreads) {
      const int r = row + i / Tile::kN;
      const int n = column + i % Tile::kN;
      if (r < shape.m && n < shape.n) {
        const std::int64_t place = std::int64_t{r} * shape.n + n;
        atomicAdd(&to[place], to_float(c[place]));
      }
    }
  }
}

}  // namespace orrery::kernels
