#pragma once

// Causal linear attention without decay, in chunks: with K_t, V_t the keys and values of chunk t,
//   state   M_t = V_t^T K_t                                    (the transpose of the paper's K_t^T
//   V_t) prefix  P_t = P_0 + M_0 + ... + M_(t-1)                    (P_0: the chunks of ranks
//   before this one) output  O_t = ((Q_t K_t^T) * lower triangle) V_t + Q_t P_t^T (intra-chunk, and
//   apply)
// so that a rank sends one (D, D) state per head however long its part of the sequence is.
// Source: LASP-2 (Sun et al. 2025, arXiv 2502.07563) section 3, Algorithm 2.
//
// Work per head and chunk of C tokens, as it is executed: state 2 C D^2, output 2 C D^2 + 4 C^2 D
// FLOPs (the masked half of the scores is computed and thrown away).

#include <cstdint>

#include "kernels/product/block_gemm.cuh"
#include "kernels/product/words.cuh"

namespace orrery::kernels {

inline constexpr int kAttentionChunk = 64;

/// Tensors of `heads` independent heads (batch x heads) of `tokens` tokens.
struct LinearAttention {
  int heads;
  int tokens;               // a multiple of kAttentionChunk
  const bfloat16_t* query;  // (heads, tokens, D)
  const bfloat16_t* key;    // (heads, tokens, D)
  const bfloat16_t* value;  // (heads, tokens, D)
  float* state;             // (heads, chunks, D of value, D of key)
  const float* initial;     // (heads, D of value, D of key), or null for zeros
  bfloat16_t* prefix;       // (heads, chunks, D of value, D of key)
  float* final;             // (heads, D of value, D of key): initial and all states added up
  bfloat16_t* output;       // (heads, tokens, D)
};

/// Turns 8 columns of two adjacent tokens into 8 rows of one word: (token, column) -> (column,
/// token).
inline __device__ void stage_transposed(const bfloat16_t* first, const bfloat16_t* second,
                                        std::uint32_t* words, int stride) {
  std::uint32_t low[4];
  std::uint32_t high[4];
  load_16_bytes(first, low);
  load_16_bytes(second, high);
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    words[(2 * i) * stride] = (low[i] & 0xffffU) | (high[i] << 16);
    words[(2 * i + 1) * stride] = (low[i] >> 16) | (high[i] & 0xffff0000U);
  }
}

/// state of one chunk; a block for each 64 x 64 part of it.
template <int kD>
__global__ void chunk_state(LinearAttention args) {
  static_assert(kD % 64 == 0, "a head is cut into columns of 64");
  constexpr int kParts = kD / 64;
  constexpr int kPairs = kStageWords;  // of tokens, in a stage of 32
  static_assert(8 * kPairs == kBlockThreads, "each thread turns 8 columns of one pair of tokens");
  auto& tile = shared_memory<BlockTile<64, 64>>();

  const auto chunk = static_cast<int>(blockIdx.x);
  const auto head = static_cast<int>(blockIdx.y);
  const int row0 = static_cast<int>(blockIdx.z) / kParts * 64;     // of value
  const int column0 = static_cast<int>(blockIdx.z) % kParts * 64;  // of key
  const int thread = static_cast<int>(threadIdx.x);
  const int pair = thread % kPairs;
  const int part = thread / kPairs * 8;
  const std::int64_t first = (std::int64_t{head} * args.tokens + chunk * kAttentionChunk) * kD;
  const bfloat16_t* key = args.key + first;      // (C, D)
  const bfloat16_t* value = args.value + first;  // (C, D)

  BlockSum<MmaBf16, 64, 64> sum;
  for (int token = 0; token < kAttentionChunk; token += 2 * kPairs) {
    const int row = (token + 2 * pair) * kD;
    stage_transposed(value + row + row0 + part, value + row + kD + row0 + part,
                     tile.a[0] + part * kStageStride + pair, kStageStride);  // (64 of value, 32)
    stage_transposed(key + row + column0 + part, key + row + kD + column0 + part,
                     tile.b[0] + part * kStageStride + pair, kStageStride);  // (64 of key, 32)
    __syncthreads();
    multiply_stage(tile.a[0], tile.b[0], kStageStride, 0, PlainFragment{}, sum);
    __syncthreads();
  }
  const int chunks = args.tokens / kAttentionChunk;
  float* state = args.state + (std::int64_t{head} * chunks + chunk) * kD * kD;  // (D, D)
  visit_sum(sum, [&](int row, int column, float element) {
    state[(row0 + row) * kD + column0 + column] = element;
  });
}

template <int kD>
Launch chunk_state_launch(const LinearAttention& args) {
  return {.grid = {static_cast<unsigned>(args.tokens / kAttentionChunk),
                   static_cast<unsigned>(args.heads), kD / 64 * (kD / 64)},
          .block = {kBlockThreads, 1, 1},
          .shared_bytes = sizeof(BlockTile<64, 64>)};
}

/// prefix and final from the states: a thread for each element of a state.
/// Reads 4 and writes 2 bytes per element of the states.
template <int kD>
__global__ void state_prefix(LinearAttention args) {
  static_assert(kD % 16 == 0, "blocks of 256 threads divide a state");
  const int element = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const auto head = static_cast<int>(blockIdx.y);
  const int chunks = args.tokens / kAttentionChunk;
  float sum = args.initial == nullptr ? 0.0F : args.initial[head * kD * kD + element];
  for (int chunk = 0; chunk < chunks; ++chunk) {
    const std::int64_t at = (std::int64_t{head} * chunks + chunk) * kD * kD + element;
    args.prefix[at] = from_float<bfloat16_t>(sum);
    sum += args.state[at];
  }
  args.final[head * kD * kD + element] = sum;
}

template <int kD>
Launch state_prefix_launch(const LinearAttention& args) {
  return {.grid = {kD * kD / 256, static_cast<unsigned>(args.heads), 1}, .block = {256, 1, 1}};
}

/// Shared memory of `chunk_output`.
struct ChunkOutputTile {
  static constexpr int kStride = kAttentionChunk / 2 + 4;  // words; see kStageStride
  BlockTile<64, 64> operands;
  alignas(16) std::uint32_t scores[kAttentionChunk * kStride];  // (C, C) of bf16
  alignas(16) std::uint32_t value[64 * kStride];                // (64 of value, C) of bf16
};

/// output of one chunk.
template <int kD>
__global__ void chunk_output(LinearAttention args) {
  static_assert(kD % 64 == 0, "a head is cut into columns of 64");
  static_assert(kAttentionChunk == 64, "a chunk is one tile of scores");
  constexpr int kStride = ChunkOutputTile::kStride;
  auto& tile = shared_memory<ChunkOutputTile>();

  const auto chunk = static_cast<int>(blockIdx.x);
  const auto head = static_cast<int>(blockIdx.y);
  const int chunks = args.tokens / kAttentionChunk;
  const std::int64_t first = (std::int64_t{head} * args.tokens + chunk * kAttentionChunk) * kD;
  const bfloat16_t* query = args.query + first;  // (C, D)
  const bfloat16_t* key = args.key + first;      // (C, D)
  const bfloat16_t* value = args.value + first;  // (C, D)
  const bfloat16_t* prefix =
      args.prefix + (std::int64_t{head} * chunks + chunk) * kD * kD;  // (D, D)
  const auto row_of = [](const bfloat16_t* matrix, int row, int stage, int part) {
    return matrix + row * kD + stage * 2 * kStageWords + part * 8;
  };
  const auto query_row = [&](int row, int stage, int part) {
    return row_of(query, row, stage, part);
  };

  BlockSum<MmaBf16, 64, 64> scores;
  multiply_block(
      tile.operands, kD / 32, query_row,
      [&](int row, int stage, int part) { return row_of(key, row, stage, part); }, PlainFragment{},
      scores);
  auto* score = reinterpret_cast<bfloat16_t*>(tile.scores);  // (C, C)
  visit_sum(scores, [&](int row, int column, float element) {
    score[row * 2 * kStride + column] = from_float<bfloat16_t>(column <= row ? element : 0.0F);
  });

  for (int column0 = 0; column0 < kD; column0 += 64) {
    for (int i = static_cast<int>(threadIdx.x); i < 8 * kAttentionChunk / 2; i += kBlockThreads) {
      const int pair = i % (kAttentionChunk / 2);
      const int part = i / (kAttentionChunk / 2) * 8;
      const bfloat16_t* source = value + 2 * pair * kD + column0 + part;
      stage_transposed(source, source + kD, tile.value + part * kStride + pair, kStride);
    }
    __syncthreads();
    BlockSum<MmaBf16, 64, 64> sum;
    for (int stage = 0; stage < kAttentionChunk / 2 / kStageWords; ++stage) {
      multiply_stage(tile.scores + stage * kStageWords, tile.value + stage * kStageWords, kStride,
                     stage, PlainFragment{}, sum);
    }
    multiply_block(
        tile.operands, kD / 32, query_row,
        [&](int row, int stage, int part) { return row_of(prefix, column0 + row, stage, part); },
        PlainFragment{}, sum);
    bfloat16_t* output = args.output + first;  // (C, D)
    visit_sum(sum, [&](int row, int column, float element) {
      output[row * kD + column0 + column] = from_float<bfloat16_t>(element);
    });
  }
}

inline Launch chunk_output_launch(const LinearAttention& args) {
  return {.grid = {static_cast<unsigned>(args.tokens / kAttentionChunk),
                   static_cast<unsigned>(args.heads), 1},
          .block = {kBlockThreads, 1, 1},
          .shared_bytes = sizeof(ChunkOutputTile)};
}

}  // namespace orrery::kernels
