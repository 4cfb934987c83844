#pragma once

// Attention of one new token of each sequence over its paged cache, all of it or the pages that
// were chosen (LServe, Yang et al. 2025, arXiv:2502.14866: a budget of pages). Splits of the pages
// go to blocks of their own (Flash-Decoding) and are merged by log-sum-exp (merge.cuh). Bound by
// memory: no tensor cores.

#include "kernels/attention/paged_cache.cuh"

namespace orrery::kernels {

/// All >= 1. `group` query heads share a key-value head and are done by one block: kv_heads x group
/// heads.
struct DecodeShape {
  int sequences, kv_heads, group, splits;
};

/// Which pages of a sequence count, in which order does not matter. All when `pages` is null.
struct ChosenPages {
  const int* pages;   // (sequences, kv_heads, budget): numbers within the sequence
  const int* counts;  // (sequences, kv_heads), <= budget
  int budget;
};

template <int kD, int kGroup>
struct DecodeBlock {
  static constexpr int kThreads = 128;
  static constexpr int kLanes = kD / 8;  // that have one token's row, eight elements each
  static constexpr int kTokens = kThreads / kLanes;  // at a time
  static_assert(kLanes == 8 || kLanes == 16 || kLanes == 32, "a warp has whole rows");
  struct Shared {
    float most[kTokens][kGroup];
    float sum[kTokens][kGroup];
    float out[kTokens][kGroup][kD];
  };
};

template <int kD, int kGroup>
Launch decode_launch(const DecodeShape& shape) {
  return {.grid = {static_cast<unsigned>(shape.splits), static_cast<unsigned>(shape.kv_heads),
                   static_cast<unsigned>(shape.sequences)},
          .block = {DecodeBlock<kD, kGroup>::kThreads, 1, 1},
          .shared_bytes = sizeof(typename DecodeBlock<kD, kGroup>::Shared)};
}

/// Running softmax of the tokens that a row of lanes has seen, and eight elements of their sum.
template <int kGroup>
struct DecodeState {
  float most[kGroup];
  float sum[kGroup];
  float out[kGroup][8];

  __device__ DecodeState() {
    for (int g = 0; g < kGroup; ++g) {
      most[g] = -INFINITY;
      sum[g] = 0;
      for (int i = 0; i < 8; ++i) out[g][i] = 0;
    }
  }
  /// Adds a token with its scores; one that does not count has scores of minus infinity.
  __device__ __forceinline__ void add(const float (&scores)[kGroup], const float (&value)[8]) {
    for (int g = 0; g < kGroup; ++g) {
      const float largest = fmaxf(most[g], scores[g]);
      const float base = largest == -INFINITY ? 0.0f : largest;
      const float shrink = exp2f(most[g] - base);
      const float weight = exp2f(scores[g] - base);
      sum[g] = sum[g] * shrink + weight;
      for (int i = 0; i < 8; ++i) out[g][i] = out[g][i] * shrink + weight * value[i];
      most[g] = largest;
    }
  }
};

/// Merges the rows of lanes of a block and writes its part.
template <int kD, int kGroup>
__device__ __forceinline__ void decode_store(const DecodeState<kGroup>& state, std::int64_t head,
                                             float* o, float* lse) {
  using Block = DecodeBlock<kD, kGroup>;
  auto& shared = shared_memory<typename Block::Shared>();
  const int thread = static_cast<int>(threadIdx.x);
  const int token = thread / Block::kLanes, lane = thread % Block::kLanes;
  for (int g = 0; g < kGroup; ++g) {
    if (lane == 0) {
      shared.most[token][g] = state.most[g];
      shared.sum[token][g] = state.sum[g];
    }
    for (int i = 0; i < 8; ++i) shared.out[token][g][8 * lane + i] = state.out[g][i];
  }
  __syncthreads();
  for (int element = thread; element < kGroup * kD; element += Block::kThreads) {
    const int g = element / kD, d = element % kD;
    float most = -INFINITY, sum = 0, out = 0;
    for (int t = 0; t < Block::kTokens; ++t) most = fmaxf(most, shared.most[t][g]);
    const float base = most == -INFINITY ? 0.0f : most;
    for (int t = 0; t < Block::kTokens; ++t) {
      const float weight = exp2f(shared.most[t][g] - base);
      sum += weight * shared.sum[t][g];
      out += weight * shared.out[t][g][d];
    }
    o[(head + g) * kD + d] = sum > 0 ? out / sum : 0.0f;
    if (d == 0) lse[head + g] = sum > 0 ? (base + log2f(sum)) * 0.693147180559945f : -INFINITY;
  }
}

/// Splits divide a sequence's pages evenly.
///   q    (sequences, kv_heads, kGroup, D)
///   o    (splits, sequences, kv_heads, kGroup, D)      lse  (splits, sequences, kv_heads, kGroup)
template <int kBits, int kD, int kGroup, int kPage>
__global__ void __launch_bounds__(DecodeBlock<kD, kGroup>::kThreads)
    decode_attention_kernel(PagedCache cache, ChosenPages chosen, const half_t* q, float* o,
                            float* lse) {
  using Block = DecodeBlock<kD, kGroup>;
  constexpr int kUnroll = 4;  // tokens in flight for each row of lanes
  constexpr int kRowBytes = kD * kBits / 8;
  const int split = static_cast<int>(blockIdx.x), kv_head = static_cast<int>(blockIdx.y);
  const int sequence = static_cast<int>(blockIdx.z);
  const int token = static_cast<int>(threadIdx.x) / Block::kLanes;
  const int lane = static_cast<int>(threadIdx.x) % Block::kLanes;
  const int pair = sequence * cache.kv_heads + kv_head;
  const int length = cache.lengths[sequence];
  const int pages = chosen.pages == nullptr ? ceil_div(length, kPage) : chosen.counts[pair];
  const int each = ceil_div(pages, static_cast<int>(gridDim.x));
  const int last = min(pages, (split + 1) * each) * kPage;

  float query[kGroup][8];  // (kGroup, D)
  for (int g = 0; g < kGroup; ++g) {
    for (int i = 0; i < 8; ++i) {
      const float scale = 1.44269504088896f * rsqrtf(static_cast<float>(kD));  // log2 e / sqrt(D)
      query[g][i] = scale * to_float(q[(std::int64_t{pair} * kGroup + g) * kD + 8 * lane + i]);
    }
  }
  DecodeState<kGroup> state;
  for (int first = split * each * kPage; first < last; first += Block::kTokens * kUnroll) {
    float keys[kUnroll][8] = {}, values[kUnroll][8] = {};
    bool counts[kUnroll];
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) {
      const int slot = first + u * Block::kTokens + token;
      const int number = slot / kPage;  // within the pages that count, then within the sequence
      const int page = slot >= last ? 0
                       : chosen.pages == nullptr
                           ? number
                           : chosen.pages[std::int64_t{pair} * chosen.budget + number];
      counts[u] = slot < last && page * kPage + slot % kPage < length;
      if (!counts[u]) continue;
      const std::int64_t place = cache.page_table[std::int64_t{sequence} * cache.most_pages + page];
      const std::int64_t row = (place * cache.kv_heads + kv_head) * kPage + slot % kPage;
      const std::int64_t byte = row * kRowBytes + lane * kBits;
      const bool coded = kBits < 16;
      load_eight<kBits>(cache.k + byte, coded ? to_float(cache.k_parameters[2 * row]) : 1.0f,
                        coded ? to_float(cache.k_parameters[2 * row + 1]) : 0.0f, keys[u]);
      load_eight<kBits>(cache.v + byte, coded ? to_float(cache.v_parameters[2 * row]) : 1.0f,
                        coded ? to_float(cache.v_parameters[2 * row + 1]) : 0.0f, values[u]);
    }
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) {
      float scores[kGroup];
      for (int g = 0; g < kGroup; ++g) {
        float score = 0;
        for (int i = 0; i < 8; ++i) score = fmaf(query[g][i], keys[u][i], score);
        for (int step = Block::kLanes / 2; step > 0; step /= 2) {
          score += __shfl_xor_sync(kFullWarp, score, step);
        }
        scores[g] = counts[u] ? score : -INFINITY;
      }
      state.add(scores, values[u]);
    }
  }
  const std::int64_t heads = std::int64_t{gridDim.z} * cache.kv_heads * kGroup;
  decode_store<kD, kGroup>(state, split * heads + std::int64_t{pair} * kGroup, o, lse);
}

}  // namespace orrery::kernels
