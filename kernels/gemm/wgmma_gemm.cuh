#pragma once

// C = A B^T as Hopper (sm_90a) likes it: one thread has the TMA bring tiles of A and B to shared
// memory, two groups of four warps multiply them by wgmma, which reads both operands there. A block
// takes tile after tile and signals each, as tiled_gemm_kernel does; the products are the same.
//
// wgmma and the TMA cannot be emulated: the path that runs without a GPU, and on other GPUs, is
// tiled_gemm.cuh. What can be wrong without an instruction being wrong, the places of the sums, the
// swizzle's atoms and the descriptors, are plain functions here, which the tests look at.
// Sources: PTX ISA, "Asynchronous Warpgroup Level Matrix Instructions: wgmma" (matrix descriptor,
// register fragments), "cp.async.bulk.tensor", "mbarrier"; the roles of the warps are those of
// CUTLASS's warp-specialised persistent kernels.

#include "kernels/gemm/tiled_gemm.cuh"

#if defined(__CUDACC__)
#include <cuda.h>
#endif

namespace orrery::kernels {

/// 256 x 128 by two groups of warps, 128 rows each, four stages of 64: 192 KiB of shared memory.
template <class T>
struct WgmmaTile {
  using Element = T;
  static constexpr int kM = 256, kN = 128, kK = 64, kStages = 4;
  static constexpr int kGroups = 2;                       // that multiply
  static constexpr int kFragments = kM / (64 * kGroups);  // of 64 rows, of a group
  static constexpr int kThreads = 128 * (kGroups + 1);    // the first group loads
  static constexpr int kStageBytes = (kM + kN) * kK * 2;  // that land in a stage
  static_assert(sizeof(T) == 2, "wgmma of 16 columns of k takes elements of 2 bytes");
  static_assert(kK * 2 == 128, "a row of a stage is one row of the 128-byte swizzle");

  struct Shared {
    T a[kStages][kM * kK];         // (M, K) of each stage, swizzled
    T b[kStages][kN * kK];         // (N, K) of each stage, swizzled
    std::uint64_t full[kStages];   // barriers: the stage has landed
    std::uint64_t empty[kStages];  // and: all warps have read it
  };
};

constexpr int kSwizzleAtom = 1024;  // bytes: 8 rows of 128, to which operands are aligned

/// Row and column, within 64 x 128, of sum `i` of 64 that thread `thread` of a group holds.
/// Source: PTX ISA, "Register Fragments for wgmma.mma_async.m64nNk16", matrix D.
__host__ __device__ constexpr int wgmma_row(int thread, int i) {
  return thread / 32 * 16 + thread % 32 / 4 + i / 2 % 2 * 8;
}
__host__ __device__ constexpr int wgmma_column(int thread, int i) {
  return i / 4 * 8 + thread % 4 * 2 + i % 2;
}

/// What tells wgmma where an operand lies: rows of 128 bytes, swizzled, 8 of them an atom.
///   address  in shared memory, of the first row, plus 32 for each 16 columns of k
/// Source: PTX ISA, "Matrix Descriptor Format": address, distance of atoms, swizzling mode; the
/// leading distance does not matter where k fits in an atom.
__host__ __device__ constexpr std::uint64_t wgmma_descriptor(std::uint32_t address) {
  constexpr std::uint64_t kSwizzle128 = 1;
  return std::uint64_t{(address & 0x3ffff) >> 4} | std::uint64_t{1} << 16 |
         std::uint64_t{kSwizzleAtom >> 4} << 32 | kSwizzle128 << 62;
}

/// Requires k a multiple of 8 and n even, and operands at multiples of 16 bytes.
template <class Tile>
Launch wgmma_launch(const GemmShape& shape, int sms) {
  const int tiles = gemm_tiles<Tile>(shape);
  return {.grid = {static_cast<unsigned>(tiles < sms ? tiles : sms), 1, 1},
          .block = {Tile::kThreads, 1, 1},
          .shared_bytes = sizeof(typename Tile::Shared) + kSwizzleAtom};  // room to align
}

#if defined(__CUDACC__)

__device__ __forceinline__ std::uint32_t shared_address(const void* place) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(place));
}

__device__ __forceinline__ void init_barrier(std::uint64_t* barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)),
               "r"(arrivals)
               : "memory");
}
__device__ __forceinline__ void arrive(std::uint64_t* barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier))
               : "memory");
}
/// Arrives, and has the phase wait for so many bytes besides.
__device__ __forceinline__ void arrive_expecting(std::uint64_t* barrier, int bytes) {
  asm volatile(
      "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)),
      "r"(bytes)
      : "memory");
}
/// Until the phase of that parity is complete.
__device__ __forceinline__ void wait(std::uint64_t* barrier, unsigned parity) {
  asm volatile(
      "{.reg .pred done;\n"
      "again: mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
      "@!done bra again;}\n" ::"r"(shared_address(barrier)),
      "r"(parity)
      : "memory");
}

/// Brings the box at (row, k) of a matrix; what lies outside arrives as zeros, and counts as bytes.
__device__ __forceinline__ void load_box(void* to, const CUtensorMap* map, std::uint64_t* barrier,
                                         int k, int row) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, "
      "{%2, %3}], [%4];" ::"r"(shared_address(to)),
      "l"(map), "r"(k), "r"(row), "r"(shared_address(barrier))
      : "memory");
}

__device__ __forceinline__ void begin_products() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
__device__ __forceinline__ void commit_products() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
/// For all committed groups but the last `kPending`.
template <int kPending>
__device__ __forceinline__ void wait_products() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
}

/// c (64, 128) = a (64, 16) b (128, 16)^T, or += where `adds`, by a group of four warps.
template <class T>
__device__ __forceinline__ void wgmma_64x128x16(float (&c)[64], std::uint64_t a, std::uint64_t b,
                                                bool adds) {
  if constexpr (std::is_same_v<T, half_t>) {
    asm volatile(
        "{.reg .pred add; setp.ne.b32 add, %66, 0;\n"
        "wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 {"
        "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,"
        "%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,"
        "%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,"
        "%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63}, %64, %65, add, 1, 1, 0, "
        "0;}\n"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]), "+f"(c[4]), "+f"(c[5]), "+f"(c[6]),
          "+f"(c[7]), "+f"(c[8]), "+f"(c[9]), "+f"(c[10]), "+f"(c[11]), "+f"(c[12]), "+f"(c[13]),
          "+f"(c[14]), "+f"(c[15]), "+f"(c[16]), "+f"(c[17]), "+f"(c[18]), "+f"(c[19]), "+f"(c[20]),
          "+f"(c[21]), "+f"(c[22]), "+f"(c[23]), "+f"(c[24]), "+f"(c[25]), "+f"(c[26]), "+f"(c[27]),
          "+f"(c[28]), "+f"(c[29]), "+f"(c[30]), "+f"(c[31]), "+f"(c[32]), "+f"(c[33]), "+f"(c[34]),
          "+f"(c[35]), "+f"(c[36]), "+f"(c[37]), "+f"(c[38]), "+f"(c[39]), "+f"(c[40]), "+f"(c[41]),
          "+f"(c[42]), "+f"(c[43]), "+f"(c[44]), "+f"(c[45]), "+f"(c[46]), "+f"(c[47]), "+f"(c[48]),
          "+f"(c[49]), "+f"(c[50]), "+f"(c[51]), "+f"(c[52]), "+f"(c[53]), "+f"(c[54]), "+f"(c[55]),
          "+f"(c[56]), "+f"(c[57]), "+f"(c[58]), "+f"(c[59]), "+f"(c[60]), "+f"(c[61]), "+f"(c[62]),
          "+f"(c[63])
        : "l"(a), "l"(b), "r"(static_cast<int>(adds)));
  } else {
    static_assert(std::is_same_v<T, bfloat16_t>, "elements are fp16 or bf16");
    asm volatile(
        "{.reg .pred add; setp.ne.b32 add, %66, 0;\n"
        "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {"
        "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,"
        "%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,"
        "%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,"
        "%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63}, %64, %65, add, 1, 1, 0, "
        "0;}\n"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]), "+f"(c[4]), "+f"(c[5]), "+f"(c[6]),
          "+f"(c[7]), "+f"(c[8]), "+f"(c[9]), "+f"(c[10]), "+f"(c[11]), "+f"(c[12]), "+f"(c[13]),
          "+f"(c[14]), "+f"(c[15]), "+f"(c[16]), "+f"(c[17]), "+f"(c[18]), "+f"(c[19]), "+f"(c[20]),
          "+f"(c[21]), "+f"(c[22]), "+f"(c[23]), "+f"(c[24]), "+f"(c[25]), "+f"(c[26]), "+f"(c[27]),
          "+f"(c[28]), "+f"(c[29]), "+f"(c[30]), "+f"(c[31]), "+f"(c[32]), "+f"(c[33]), "+f"(c[34]),
          "+f"(c[35]), "+f"(c[36]), "+f"(c[37]), "+f"(c[38]), "+f"(c[39]), "+f"(c[40]), "+f"(c[41]),
          "+f"(c[42]), "+f"(c[43]), "+f"(c[44]), "+f"(c[45]), "+f"(c[46]), "+f"(c[47]), "+f"(c[48]),
          "+f"(c[49]), "+f"(c[50]), "+f"(c[51]), "+f"(c[52]), "+f"(c[53]), "+f"(c[54]), "+f"(c[55]),
          "+f"(c[56]), "+f"(c[57]), "+f"(c[58]), "+f"(c[59]), "+f"(c[60]), "+f"(c[61]), "+f"(c[62]),
          "+f"(c[63])
        : "l"(a), "l"(b), "r"(static_cast<int>(adds)));
  }
}

/// The group that loads: one thread, so far ahead as there are stages.
template <class Tile>
__device__ __forceinline__ void wgmma_load(const GemmShape& shape, const CUtensorMap* a,
                                           const CUtensorMap* b, typename Tile::Shared& shared) {
  const int tiles = gemm_tiles<Tile>(shape);
  const int steps = ceil_div(shape.k, Tile::kK);
  int turn = 0;  // stages filled so far
  for (int tile = static_cast<int>(blockIdx.x); tile < tiles; tile += static_cast<int>(gridDim.x)) {
    int row, column;
    gemm_tile_origin<Tile>(shape, tile, row, column);
    for (int step = 0; step < steps; ++step, ++turn) {
      const int stage = turn % Tile::kStages;
      // The first time round nobody has to have read it: the phase before the first counts as done.
      wait(&shared.empty[stage], static_cast<unsigned>(turn / Tile::kStages + 1) % 2);
      arrive_expecting(&shared.full[stage], Tile::kStageBytes);
      load_box(shared.a[stage], a, &shared.full[stage], step * Tile::kK, row);
      load_box(shared.b[stage], b, &shared.full[stage], step * Tile::kK, column);
    }
  }
}

/// One step of kK: a group multiplies its rows of the stage.
template <class Tile>
__device__ __forceinline__ void wgmma_step(const typename Tile::Shared& shared, int stage,
                                           int group, bool first,
                                           float (&sums)[Tile::kFragments][64]) {
  constexpr int kRowBytes = Tile::kK * 2;
  const std::uint32_t a = shared_address(shared.a[stage]) +
                          static_cast<std::uint32_t>(group * Tile::kFragments * 64 * kRowBytes);
  const std::uint32_t b = shared_address(shared.b[stage]);
  begin_products();
#pragma unroll
  for (int k = 0; k < Tile::kK / 16; ++k) {
#pragma unroll
    for (int fragment = 0; fragment < Tile::kFragments; ++fragment) {
      const auto rows = static_cast<std::uint32_t>(fragment * 64 * kRowBytes);
      const auto columns = static_cast<std::uint32_t>(32 * k);
      wgmma_64x128x16<typename Tile::Element>(sums[fragment], wgmma_descriptor(a + rows + columns),
                                              wgmma_descriptor(b + columns), !first || k > 0);
    }
  }
  commit_products();
}

/// Writes a group's sums to C, in the element's format.
template <class Tile>
__device__ __forceinline__ void wgmma_store(const GemmShape& shape, int first_row, int first_column,
                                            const float (&sums)[Tile::kFragments][64],
                                            typename Tile::Element* c) {
  const int thread = static_cast<int>(threadIdx.x) % 128;
#pragma unroll
  for (int fragment = 0; fragment < Tile::kFragments; ++fragment) {
#pragma unroll
    for (int i = 0; i < 64; i += 2) {
      const int row = first_row + 64 * fragment + wgmma_row(thread, i);
      const int column = first_column + wgmma_column(thread, i);
      if (row < shape.m && column < shape.n) {
        store_pair(c + std::int64_t{row} * shape.n + column,
                   pack<typename Tile::Element>(sums[fragment][i], sums[fragment][i + 1]));
      }
    }
  }
}

/// The groups that multiply.
template <class Tile>
__device__ __forceinline__ void wgmma_multiply(const GemmShape& shape, int group,
                                               typename Tile::Element* c, unsigned* done,
                                               unsigned signal, typename Tile::Shared& shared) {
  const int tiles = gemm_tiles<Tile>(shape);
  const int steps = ceil_div(shape.k, Tile::kK);
  const bool speaks = threadIdx.x % 32 == 0;  // for its warp
  int turn = 0;
  for (int tile = static_cast<int>(blockIdx.x); tile < tiles; tile += static_cast<int>(gridDim.x)) {
    int row, column;
    gemm_tile_origin<Tile>(shape, tile, row, column);
    float sums[Tile::kFragments][64];
    for (int step = 0; step < steps; ++step, ++turn) {
      const int stage = turn % Tile::kStages;
      wait(&shared.full[stage], static_cast<unsigned>(turn / Tile::kStages) % 2);
      wgmma_step<Tile>(shared, stage, group, step == 0, sums);
      wait_products<1>();  // the step before is done: its stage may be filled again
      if (step > 0 && speaks) arrive(&shared.empty[(turn - 1) % Tile::kStages]);
    }
    wait_products<0>();
    if (speaks) arrive(&shared.empty[(turn - 1) % Tile::kStages]);
    wgmma_store<Tile>(shape, row + group * 64 * Tile::kFragments, column, sums, c);
    __threadfence();  // C's tile before its signal
    asm volatile("bar.sync 1, %0;" ::"n"(128 * Tile::kGroups) : "memory");
    if (done != nullptr && threadIdx.x == 128) store_release(&done[tile], signal);
  }
}

/// C = A B^T.
///   a     map of (m, k) row-major by boxes of (kM, kK), swizzled by 128 bytes
///   b     map of (n, k) row-major by boxes of (kN, kK), swizzled by 128 bytes
///   c     (m, n) row-major
///   done  null, or a word for each tile: becomes `signal` when the tile's part of C can be read
template <class Tile>
__global__ void __launch_bounds__(Tile::kThreads, 1)
    wgmma_gemm_kernel(GemmShape shape, const __grid_constant__ CUtensorMap a,
                      const __grid_constant__ CUtensorMap b, typename Tile::Element* c,
                      unsigned* done, unsigned signal) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  std::byte* raw = &shared_memory<std::byte>();
  raw += (kSwizzleAtom - shared_address(raw) % kSwizzleAtom) % kSwizzleAtom;
  auto& shared = *reinterpret_cast<typename Tile::Shared*>(raw);
  if (threadIdx.x == 0) {
    for (int stage = 0; stage < Tile::kStages; ++stage) {
      init_barrier(&shared.full[stage], 1);
      init_barrier(&shared.empty[stage], 4 * Tile::kGroups);  // a thread of each warp
    }
    // The TMA sees the barriers through another proxy.
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
  }
  __syncthreads();
  const int group = static_cast<int>(threadIdx.x) / 128 - 1;
  if (group >= 0) {
    wgmma_multiply<Tile>(shape, group, c, done, signal, shared);
  } else if (threadIdx.x == 0) {
    wgmma_load<Tile>(shape, &a, &b, shared);
  }
#endif  // elsewhere there is no such kernel
}

#endif

}  // namespace orrery::kernels
