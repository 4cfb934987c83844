#pragma once

// A mixture of experts' routing: which row of the experts' input each token's choice becomes, the
// gather into that order and the weighted sum back. Rows of one expert lie together, in the order
// of the tokens, whatever order the threads run in.
//
//   expert_of (tokens, k)   2 0 | 2 1 | 0 2          offset   0 2 3 6   (experts + 1)
//   position  (tokens, k)   3 0 | 4 2 | 1 5          source   1 4 3 0 2 5   token x k + choice of
//   each row
//
// Bytes for rows of w bytes: permute and unpermute each 2 tokens k w, less what is read once for k
// choices: permute reads tokens w when the rows stay in L2, unpermute writes tokens w.

#include <cstdint>

#include "kernels/common/tensor_core.cuh"
#include "kernels/common/warp.cuh"
#include "kernels/product/words.cuh"

namespace orrery::kernels {

inline constexpr int kRouteThreads = 512;

struct Routing {
  int tokens;
  int choices;  // k experts of each token
  int experts;
  const int* expert_of;  // (tokens, k), in [0, experts)
  int* offset;           // (experts + 1): first row of each expert, and their number
  int* position;         // (tokens, k): row of each choice
  int* source;           // (tokens * k): token * k + choice of each row
};

/// offset, position and source: a counting sort in which each expert's block reads the whole table,
/// which stays in L2.
__global__ void route(Routing args) {
  constexpr int kWarps = kRouteThreads / 32;
  auto& warp_count = shared_memory<int[2][kWarps]>();  // (smaller experts or this one, warps)
  const auto expert = static_cast<int>(blockIdx.x);
  const auto lane = threadIdx.x % 32;
  const auto warp = threadIdx.x / 32;
  const int count = args.tokens * args.choices;

  int before = 0;  // entries of smaller experts
  for (int i = static_cast<int>(threadIdx.x); i < count; i += kRouteThreads) {
    before += args.expert_of[i] < expert ? 1 : 0;
  }
  before = warp_sum(before);
  if (lane == 0) {
    warp_count[0][warp] = before;
  }
  __syncthreads();
  int row = 0;  // of the next entry of this expert
  for (int w = 0; w < kWarps; ++w) {
    row += warp_count[0][w];
  }
  if (threadIdx.x == 0) {
    args.offset[expert] = row;
    if (expert + 1 == args.experts) {
      args.offset[args.experts] = count;
    }
  }
  for (int first = 0; first < count; first += kRouteThreads) {
    const int i = first + static_cast<int>(threadIdx.x);
    const bool here = i < count && args.expert_of[i] == expert;
    const unsigned lanes = __ballot_sync(kFullWarp, here);
    if (lane == 0) {
      warp_count[1][warp] = __popc(lanes);
    }
    __syncthreads();
    int mine = row + __popc(lanes & ((1U << lane) - 1));
    for (int w = 0; w < kWarps; ++w) {
      mine += w < static_cast<int>(warp) ? warp_count[1][w] : 0;
      row += warp_count[1][w];
    }
    if (here) {
      args.position[i] = mine;
      args.source[mine] = i;
    }
    __syncthreads();
  }
}

/// rows[r] = token_of(r)'s row.
///   from (tokens, width)   rows (tokens * k, width), width a multiple of 8
__global__ void permute(Routing args, const bfloat16_t* from, bfloat16_t* rows, int width) {
  const auto row = static_cast<std::int64_t>(blockIdx.x);
  const std::int64_t token = args.source[row] / args.choices;
  for (int i = static_cast<int>(threadIdx.x); i < width / 8; i += static_cast<int>(blockDim.x)) {
    std::uint32_t words[4];
    load_16_bytes(from + token * width + 8 * i, words);
    store_16_bytes(rows + row * width + 8 * i, words);
  }
}

/// to[t] = the sum over its choices of weight x row.
///   rows (tokens * k, width)   weight (tokens, k)   to (tokens, width)
__global__ void unpermute(Routing args, const bfloat16_t* rows, const float* weight, bfloat16_t* to,
                          int width) {
  const auto token = static_cast<std::int64_t>(blockIdx.x);
  const std::int64_t first = token * args.choices;
  for (int i = static_cast<int>(threadIdx.x); i < width / 8; i += static_cast<int>(blockDim.x)) {
    float sum[8] = {};
    for (int choice = 0; choice < args.choices; ++choice) {
      const std::int64_t row = args.position[first + choice];
      const float factor = weight[first + choice];
      std::uint32_t words[4];
      load_16_bytes(rows + row * width + 8 * i, words);
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        sum[2 * j] += factor * low_bf16(words[j]);
        sum[2 * j + 1] += factor * high_bf16(words[j]);
      }
    }
    std::uint32_t words[4];
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      words[j] = pack<bfloat16_t>(sum[2 * j], sum[2 * j + 1]);
    }
    store_16_bytes(to + token * width + 8 * i, words);
  }
}

inline Launch route_launch(const Routing& args) {
  return {.grid = {static_cast<unsigned>(args.experts), 1, 1},
          .block = {kRouteThreads, 1, 1},
          .shared_bytes = sizeof(int[2][kRouteThreads / 32])};
}
inline Launch permute_launch(const Routing& args) {
  return {.grid = {static_cast<unsigned>(args.tokens * args.choices), 1, 1}, .block = {128, 1, 1}};
}
inline Launch unpermute_launch(const Routing& args) {
  return {.grid = {static_cast<unsigned>(args.tokens), 1, 1}, .block = {128, 1, 1}};
}

}  // namespace orrery::kernels
