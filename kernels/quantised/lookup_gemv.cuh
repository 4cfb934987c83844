#pragma once

// y = W x for weights that are stored as indices into a codebook of vectors: what decoding with
// vector-quantised weights of two to four bits does. Bound by the indices' bytes while the codebook
// stays close: in shared memory up to kStagedBytes, else in L1 and L2. Source: VPTQ (Liu et al.,
// EMNLP 2024, arXiv 2409.17066), section 2: one index of log2(entries) bits for a vector of v
// weights; its residual codebook and its outliers are left out.
//
// FLOPs 2 n k, bytes n k / v * sizeof(Index) + entries * v * 2 + 2 k + 4 n.

#include <cstdint>

#include "kernels/common/warp.cuh"
#include "kernels/product/words.cuh"

namespace orrery::kernels {

inline constexpr int kStagedBytes = 48 * 1024;  // what any device gives a block without being asked
inline constexpr int kLookupThreads = 256;

template <class Index>
struct LookupGemv {
  int n;
  int k;                       // a multiple of the vectors' length
  const Index* index;          // (n, k / v)
  const bfloat16_t* codebook;  // (entries, v)
  const bfloat16_t* x;         // (k)
  float* y;                    // (n)
};

/// The shared memory that `lookup_gemv` asks for, in bytes.
template <int kEntries, int kV>
inline constexpr int kStagedCodebookBytes = kEntries* kV * 2 <= kStagedBytes ? kEntries* kV * 2 : 0;

/// A warp computes one row.
template <class Index, int kEntries, int kV>
__global__ void lookup_gemv(LookupGemv<Index> args) {
  static_assert(kV % 8 == 0, "a vector is whole loads of 16 bytes");
  static_assert((std::uint64_t{1} << (8 * sizeof(Index))) >= kEntries,
                "an index can name every entry");
  const bfloat16_t* codebook = args.codebook;  // (entries, v)
  if constexpr (kStagedCodebookBytes < kEntries, kV >> 0) {
    auto& staged = shared_memory<uint4[kEntries * kV / 8]>();
    for (int i = static_cast<int>(threadIdx.x); i < kEntries * kV / 8; i += kLookupThreads) {
      staged[i] = reinterpret_cast<const uint4*>(args.codebook)[i];
    }
    __syncthreads();
    codebook = reinterpret_cast<const bfloat16_t*>(staged);
  }
  const auto lane = static_cast<int>(threadIdx.x % 32);
  const auto row = static_cast<int>(blockIdx.x * (kLookupThreads / 32) + threadIdx.x / 32);
  if (row >= args.n) {
    return;  // the whole warp
  }
  const int vectors = args.k / kV;
  const Index* index = args.index + std::int64_t{row} * vectors;  // (k / v)
  float sum = 0;
  for (int vector = lane; vector < vectors; vector += 32) {
    const bfloat16_t* entry = codebook + static_cast<std::int64_t>(index[vector]) * kV;  // (v)
    const bfloat16_t* x = args.x + vector * kV;                                          // (v)
#pragma unroll
    for (int part = 0; part < kV; part += 8) {
      std::uint32_t weights[4];
      std::uint32_t inputs[4];
      load_16_bytes(entry + part, weights);
      load_16_bytes(x + part, inputs);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        sum += low_bf16(weights[i]) * low_bf16(inputs[i]);
        sum += high_bf16(weights[i]) * high_bf16(inputs[i]);
      }
    }
  }
  sum = warp_sum(sum);
  if (lane == 0) {
    args.y[row] = sum;
  }
}

template <class Index, int kEntries, int kV>
Launch lookup_gemv_launch(const LookupGemv<Index>& args) {
  return {.grid = {static_cast<unsigned>(ceil_div(args.n, kLookupThreads / 32)), 1, 1},
          .block = {kLookupThreads, 1, 1},
          .shared_bytes = kStagedCodebookBytes<kEntries, kV>};
}

}  // namespace orrery::kernels
