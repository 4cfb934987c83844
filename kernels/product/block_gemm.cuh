#pragma once

// What every matrix product of this room shares: a block of 128 threads multiplies a tile of kM x
// kN, k in stages of 64 bytes, the next stage on its way into shared memory while this one is
// multiplied.
//
//   four warps, 2 x 2 over the tile         a stage in shared memory
//   +--------+--------+                     row r: 16 words + 4 of padding, so that the eight rows
//   and | warp 0 | warp 1 |  kM / 2             four words a warp reads at once lie in 32 different
//   banks
//   +--------+--------+
//   | warp 2 | warp 3 |
//   +--------+--------+
//    kN / 2
//
// Where the 16 bytes of a row come from is a function the kernel hands in: a row of a matrix, a
// pixel under a filter's tap, a token routed to an expert. So is how a word of B becomes a
// fragment, which is where weights of 4 bits are widened in registers.

#include <cstddef>
#include <cstdint>

#include "kernels/product/mma.cuh"

namespace orrery::kernels {

inline constexpr int kBlockThreads = 128;
inline constexpr int kStageWords = 16;   // of 32 bits: 32 bf16, 64 int8, 128 int4 or 512 bits
inline constexpr int kStageChunks = 4;   // of 16 bytes
inline constexpr int kStageStride = 20;  // words from row to row in shared memory

/// Shared memory of one block: two stages of both operands.
template <int kM, int kN>
struct BlockTile {
  static_assert(kM % 32 == 0, "each of the two rows of warps holds whole 16-row fragments");
  static_assert(kN % 16 == 0, "each of the two columns of warps holds whole 8-column fragments");
  alignas(16) std::uint32_t a[2][kM * kStageStride];
  alignas(16) std::uint32_t b[2][kN * kStageStride];
};

/// A thread's part of the product: (rows of fragments, columns of fragments, 4).
template <class Mma, int kM, int kN>
struct BlockSum {
  typename Mma::Sum value[kM / 32][kN / 16][4];

  __device__ void clear() {
    for (auto& row : value) {
      for (auto& fragment : row) {
        for (auto& element : fragment) {
          element = 0;
        }
      }
    }
  }
};

/// Begins to copy 16 bytes to shared memory, or stores zeros if `source` is null. Both are aligned
/// to 16.
inline __device__ void copy_16_bytes(std::uint32_t* shared, const void* source) {
  if (source == nullptr) {
    *reinterpret_cast<uint4*>(shared) = make_uint4(0, 0, 0, 0);
    return;
  }
#if defined(__CUDACC__)
  const auto address = static_cast<unsigned>(__cvta_generic_to_shared(shared));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(address), "l"(source) : "memory");
#else
  emulation::begin_async([shared, source] { std::memcpy(shared, source, 16); });
#endif
}

/// Ends a group of copies: `wait_for_copies` counts in groups.
inline __device__ void commit_copies() {
#if defined(__CUDACC__)
  asm volatile("cp.async.commit_group;" ::: "memory");
#else
  emulation::commit_async();
#endif
}

/// Waits until at most `kPending` of this thread's groups are still on their way.
template <int kPending>
__device__ void wait_for_copies() {
#if defined(__CUDACC__)
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
#else
  emulation::wait_async(kPending);
#endif
}

/// A fragment of B that is stored as it is multiplied.
struct PlainFragment {
  static constexpr int kChunks = kStageChunks;
  __device__ void operator()(const std::uint32_t* row, int /*column*/, int /*stage*/, int half,
                             int t, std::uint32_t (&b)[2]) const {
    b[0] = row[8 * half + t];
    b[1] = row[8 * half + t + 4];
  }
};

/// sum += A B^T over `halves` runs of eight words that lie in shared memory.
///   a (kM, stride words)   b (kN, stride words)   fragment(row of b, column, stage, half, t, out)
template <class Mma, int kM, int kN, class Fragment>
__device__ void multiply_stage(const std::uint32_t* a, const std::uint32_t* b, int stride,
                               int halves, int stage, const Fragment& fragment,
                               BlockSum<Mma, kM, kN>& sum) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  const int warp = static_cast<int>(threadIdx.x / 32);
  const int g = lane / 4;
  const int t = lane % 4;
  const int first_row = warp / 2 * (kM / 2);
  const int first_column = warp % 2 * (kN / 2);
  for (int half = 0; half < halves; ++half) {
    std::uint32_t a_fragment[kM / 32][4];
#pragma unroll
    for (int i = 0; i < kM / 32; ++i) {
#pragma unroll
      for (int r = 0; r < 4; ++r) {
        const int row = first_row + 16 * i + g + 8 * (r % 2);
        a_fragment[i][r] = a[row * stride + 8 * half + t + 4 * (r / 2)];
      }
    }
#pragma unroll
    for (int j = 0; j < kN / 16; ++j) {
      const int column = first_column + 8 * j + g;
      std::uint32_t b_fragment[2];
      fragment(b + column * stride, column, stage, half, t, b_fragment);
#pragma unroll
      for (int i = 0; i < kM / 32; ++i) {
        mma<Mma>(sum.value[i][j], a_fragment[i], b_fragment);
      }
    }
  }
}

/// sum += A B^T, k in `stages` stages. All threads of the block call it together; none may still
/// read `tile` when it begins, and none does when it ends.
///   source_a(row, stage, chunk)   address of 16 bytes, or null for zeros; row in [0, kM), chunk in
///   [0, 4) source_b(row, stage, chunk)   the same, row in [0, kN), chunk in [0, Fragment::kChunks)
template <class Mma, int kM, int kN, class SourceA, class SourceB, class Fragment>
__device__ void multiply_block(BlockTile<kM, kN>& tile, int stages, const SourceA& source_a,
                               const SourceB& source_b, const Fragment& fragment,
                               BlockSum<Mma, kM, kN>& sum) {
  const int thread = static_cast<int>(threadIdx.x);
  const auto fetch = [&](int stage) {
    std::uint32_t* a = tile.a[stage % 2];
    std::uint32_t* b = tile.b[stage % 2];
    for (int i = thread; i < kM * kStageChunks; i += kBlockThreads) {
      const int row = i / kStageChunks;
      const int chunk = i % kStageChunks;
      copy_16_bytes(a + row * kStageStride + 4 * chunk, source_a(row, stage, chunk));
    }
    for (int i = thread; i < kN * Fragment::kChunks; i += kBlockThreads) {
      const int row = i / Fragment::kChunks;
      const int chunk = i % Fragment::kChunks;
      copy_16_bytes(b + row * kStageStride + 4 * chunk, source_b(row, stage, chunk));
    }
    commit_copies();
  };

  if (stages > 0) {
    fetch(0);
  }
  for (int stage = 0; stage < stages; ++stage) {
    if (stage + 1 < stages) {
      fetch(stage + 1);
      wait_for_copies<1>();
    } else {
      wait_for_copies<0>();
    }
    __syncthreads();  // every thread's copies of this stage have landed
    multiply_stage<Mma, kM, kN>(tile.a[stage % 2], tile.b[stage % 2], kStageStride, 2, stage,
                                fragment, sum);
    __syncthreads();  // before the stage after the next overwrites it
  }
}

/// Calls visit(row, column, value) for each element that this thread holds.
template <class Mma, int kM, int kN, class Visit>
__device__ void visit_sum(const BlockSum<Mma, kM, kN>& sum, const Visit& visit) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  const int warp = static_cast<int>(threadIdx.x / 32);
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
