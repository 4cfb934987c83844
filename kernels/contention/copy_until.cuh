#pragma once

// A copy that goes on until it is told to stop: company of known strength for a GEMM, however long
// that takes.

#include "kernels/common/portable.cuh"

namespace orrery::kernels {

inline constexpr int kCompanyThreads = 512;

/// Copies `words` words of 16 bytes again and again, each block its own part, until `*stop` is not
/// zero or `most_rounds` are done, which bounds the wait of whoever sets `stop` on SMs that this
/// kernel fills.
/// `*copied` grows by the words that were copied.
///   kUnroll  independent loads in flight in each thread
template <int kUnroll>
__global__ void __launch_bounds__(kCompanyThreads)
    copy_until_kernel(const uint4* from, uint4* to, std::int64_t words, const unsigned* stop,
                      int most_rounds, unsigned long long* copied) {
  const std::int64_t each = ceil_div(words, std::int64_t{gridDim.x});
  const std::int64_t first = blockIdx.x * each;
  const std::int64_t last = first + each < words ? first + each : words;
  std::int64_t done = 0;
  for (int round = 0; round < most_rounds; ++round) {
    int chunk = 0;
    for (std::int64_t start = first; start < last; start += kUnroll * kCompanyThreads) {
      // Looked at once in a while, since nothing is loaded meanwhile, and by each thread for
      // itself: one that sees it early copies less.
      if (chunk++ % 16 == 0 && load_acquire(stop) != 0) {
        round = most_rounds;
        break;
      }
      uint4 held[kUnroll];
#pragma unroll
      for (int u = 0; u < kUnroll; ++u) {
        const std::int64_t word = start + u * kCompanyThreads + threadIdx.x;
        if (word < last) held[u] = from[word];
      }
#pragma unroll
      for (int u = 0; u < kUnroll; ++u) {
        const std::int64_t word = start + u * kCompanyThreads + threadIdx.x;
        if (word < last) {
          to[word] = held[u];
          ++done;
        }
      }
    }
  }
  atomicAdd(copied, static_cast<unsigned long long>(done));
}

}  // namespace orrery::kernels
