#pragma once

// Attention of a block of queries over a block of keys, with the log-sum-exp by which blocks are
// merged (Ring Attention, Liu et al. 2023, arXiv:2310.01889; TokenRing). Online softmax over tiles
// of keys (FlashAttention-2, Dao 2023, arXiv:2307.08691, algorithm 1), products on tensor cores.

#include "kernels/common/async_copy.cuh"
#include "kernels/common/shared_tile.cuh"
#include "kernels/common/tensor_core.cuh"

namespace orrery::kernels {

/// All >= 1; kv_heads divides heads. Query i sees key j when `causal` is not set or j <= i +
/// offset: the offset is the first query's position less the first key's.
struct AttentionShape {
  int batch, heads, kv_heads, queries, keys;
  bool causal;
  int offset;
};

template <class T, int kD>
struct AttentionTile {
  static_assert(kD == 64 || kD == 128,
                "a head has 64 or 128 elements: two tiles of keys fit beside one of queries");
  static constexpr int kQueries = 64, kKeys = 64, kThreads = 128;  // a warp has 16 queries
  struct Shared {
    SharedTile<T, kQueries, kD> q;  // (queries, D)
    SharedTile<T, kKeys, kD> k;     // (keys, D)
    SharedTile<T, kKeys, kD> v;     // (keys, D)
  };
};

template <class T, int kD>
Launch attention_launch(const AttentionShape& shape) {
  using Tile = AttentionTile<T, kD>;
  return {.grid = {static_cast<unsigned>(ceil_div(shape.queries, Tile::kQueries)),
                   static_cast<unsigned>(shape.heads), static_cast<unsigned>(shape.batch)},
          .block = {Tile::kThreads, 1, 1},
          .shared_bytes = sizeof(typename Tile::Shared)};
}

/// Pairs of a query and a key that it sees, of one head: a multiply-add each for 2 D elements.
inline std::int64_t attention_pairs(const AttentionShape& shape) {
  if (!shape.causal) return std::int64_t{shape.queries} * shape.keys;
  std::int64_t pairs = 0;
  for (int query = 0; query < shape.queries; ++query) {
    const int seen = query + shape.offset + 1;
    pairs += seen < 0 ? 0 : (seen < shape.keys ? seen : shape.keys);
  }
  return pairs;
}

/// A warp's 16 queries against 64 keys: scores (16, 64), a thread holding rows lane / 4 and 8 more.
template <class T, int kD>
__device__ __forceinline__ void attention_scores(typename AttentionTile<T, kD>::Shared& shared,
                                                 float (&scores)[8][4]) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
#pragma unroll
  for (int d = 0; d < kD / 16; ++d) {
    std::uint32_t q[4];  // (16, 16)
    load_matrices<false>(q, shared.q.chunk(16 * warp + lane % 16, 2 * d + lane / 16));
#pragma unroll
    for (int n = 0; n < 8; n += 2) {
      std::uint32_t k[4];  // (16, 8) twice
      load_matrices<false>(k,
                           shared.k.chunk(8 * n + lane / 16 * 8 + lane % 8, 2 * d + lane / 8 % 2));
      mma_16x8x16<T>(scores[n], q, {k[0], k[1]});
      mma_16x8x16<T>(scores[n + 1], q, {k[2], k[3]});
    }
  }
}

/// out (16, D) += probabilities (16, 64) v (64, D).
template <class T, int kD>
__device__ __forceinline__ void attention_apply(typename AttentionTile<T, kD>::Shared& shared,
                                                const float (&probabilities)[8][4],
                                                float (&out)[kD / 8][4]) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    const auto& low = probabilities[2 * k];
    const auto& high = probabilities[2 * k + 1];
    // The sums of one product lie where the next one wants its left side.
    const std::uint32_t p[4] = {pack<T>(low[0], low[1]), pack<T>(low[2], low[3]),
                                pack<T>(high[0], high[1]), pack<T>(high[2], high[3])};  // (16, 16)
#pragma unroll
    for (int n = 0; n < kD / 8; n += 2) {
      std::uint32_t v[4];  // (16, 8) twice
      load_matrices<true>(v, shared.v.chunk(16 * k + lane / 8 % 2 * 8 + lane % 8, n + lane / 16));
      mma_16x8x16<T>(out[n], p, {v[0], v[1]});
      mma_16x8x16<T>(out[n + 1], p, {v[2], v[3]});
    }
  }
}

/// Running softmax of the two rows that a thread has a part of. In powers of two.
struct OnlineRows {
  float most[2] = {-INFINITY, -INFINITY};
  float sum[2] = {0, 0};  // of this thread's columns alone

  /// Turns scores into probabilities up to the running maximum; returns by what earlier sums
  /// shrink.
  __device__ __forceinline__ float2 update(float (&scores)[8][4]) {
    float shrink[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float largest = most[half];
#pragma unroll
      for (int n = 0; n < 8; ++n) {
        largest = fmaxf(largest, fmaxf(scores[n][2 * half], scores[n][2 * half + 1]));
      }
      largest = fmaxf(largest, __shfl_xor_sync(kFullWarp, largest, 1));
      largest = fmaxf(largest, __shfl_xor_sync(kFullWarp, largest, 2));
      const float base = largest == -INFINITY ? 0.0f : largest;  // nothing seen yet
      shrink[half] = exp2f(most[half] - base);
      sum[half] *= shrink[half];
#pragma unroll
      for (int n = 0; n < 8; ++n) {
#pragma unroll
        for (int i = 2 * half; i < 2 * half + 2; ++i) {
          scores[n][i] = exp2f(scores[n][i] - base);
          sum[half] += scores[n][i];
        }
      }
      most[half] = largest;
    }
    return make_float2(shrink[0], shrink[1]);
  }
};

/// Scales the scores to powers of two and hides the keys that a query does not see.
__device__ __forceinline__ void attention_mask(const AttentionShape& shape, int first_query,
                                               int first_key, float scale, float (&scores)[8][4]) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
  for (int n = 0; n < 8; ++n) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int query = first_query + lane / 4 + i / 2 * 8;
      const int key = first_key + 8 * n + lane % 4 * 2 + i % 2;
      const bool seen = key < shape.keys && (!shape.causal || key <= query + shape.offset);
      scores[n][i] = seen ? scores[n][i] * scale : -INFINITY;
    }
  }
}

/// Writes a warp's rows, divided by their sums, and their log-sum-exp.
template <class Out, int kD>
__device__ __forceinline__ void attention_store(const AttentionShape& shape, int first_query,
                                                const OnlineRows& rows,
                                                const float (&out)[kD / 8][4], Out* o, float* lse) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float sum = rows.sum[half];
    sum += __shfl_xor_sync(kFullWarp, sum, 1);
    sum += __shfl_xor_sync(kFullWarp, sum, 2);
    const int query = first_query + lane / 4 + 8 * half;
    if (query >= shape.queries) continue;
    const float share = sum > 0 ? 1 / sum : 0.0f;  // a query that sees nothing gets zeros
    for (int n = 0; n < kD / 8; ++n) {
      Out* place = o + std::int64_t{query} * kD + 8 * n + lane % 4 * 2;
      place[0] = from_float<Out>(out[n][2 * half] * share);
      place[1] = from_float<Out>(out[n][2 * half + 1] * share);
    }
    constexpr float kLn2 = 0.693147180559945f;
    if (lane % 4 == 0) lse[query] = sum > 0 ? (rows.most[half] + log2f(sum)) * kLn2 : -INFINITY;
  }
}

/// o = softmax(q k^T / sqrt(D)) v of each head; a group of heads shares the keys of one.
///   q    (batch, heads, queries, D)      k, v  (batch, kv_heads, keys, D)
///   o    (batch, heads, queries, D)      lse   (batch, heads, queries), natural logarithm
template <class T, class Out, int kD>
__global__ void __launch_bounds__(AttentionTile<T, kD>::kThreads)
    block_attention_kernel(AttentionShape shape, const T* q, const T* k, const T* v, Out* o,
                           float* lse) {
  using Tile = AttentionTile<T, kD>;
  auto& shared = shared_memory<typename Tile::Shared>();
  const int head = static_cast<int>(blockIdx.y), batch = static_cast<int>(blockIdx.z);
  const int first_query =
      static_cast<int>(gridDim.x - 1 - blockIdx.x) * Tile::kQueries;  // longest first
  const int row = first_query + static_cast<int>(threadIdx.x) / 32 * 16;
  const std::int64_t query_row = std::int64_t{batch * shape.heads + head} * shape.queries;
  const int kv_head = batch * shape.kv_heads + head / (shape.heads / shape.kv_heads);
  k += std::int64_t{kv_head} * shape.keys * kD;
  v += std::int64_t{kv_head} * shape.keys * kD;

  int seen = shape.keys;  // keys that the tile's last query sees
  if (shape.causal) seen = min(seen, first_query + Tile::kQueries + shape.offset);
  const int tiles = seen > 0 ? ceil_div(seen, Tile::kKeys) : 0;
  const auto load = [&](auto& tile, const T* from, int number) {
    const int key = number * Tile::kKeys;
    if (number < tiles) {
      tile.template load<Tile::kThreads>(from + std::int64_t{key} * kD, kD, shape.keys - key, kD);
    }
    commit_copies();
  };
  shared.q.template load<Tile::kThreads>(q + (query_row + first_query) * kD, kD,
                                         shape.queries - first_query, kD);
  load(shared.k, k, 0);  // together with q
  OnlineRows rows;
  float out[kD / 8][4] = {};
  const float scale = 1.44269504088896f * rsqrtf(static_cast<float>(kD));  // log2 e / sqrt(D)
  for (int tile = 0; tile < tiles; ++tile) {
    load(shared.v, v, tile);
    wait_copies<1>();
    __syncthreads();  // q and k are there
    float scores[8][4] = {};
    attention_scores<T, kD>(shared, scores);
    __syncthreads();  // k is read
    load(shared.k, k, tile + 1);
    attention_mask(shape, row, tile * Tile::kKeys, scale, scores);
    const float2 shrink = rows.update(scores);
#pragma unroll
    for (int n = 0; n < kD / 8; ++n) {
      for (int i = 0; i < 4; ++i) out[n][i] *= i < 2 ? shrink.x : shrink.y;
    }
    wait_copies<1>();
    __syncthreads();  // v is there
    attention_apply<T, kD>(shared, scores, out);
    __syncthreads();  // v is read
  }
  wait_copies<0>();
  attention_store<Out, kD>(shape, row, rows, out, o + query_row * kD, lse + query_row);
}

}  // namespace orrery::kernels
