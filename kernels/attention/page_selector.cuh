#pragma once

// Which pages of a cache a query needs: each logical page keeps the least and the largest key of
// every channel, which bound its scores (Quest, Tang et al. 2024, arXiv:2406.10774, section 3.3),
// and a physical page counts as its best logical one (LServe, Yang et al. 2025, arXiv:2502.14866,
// hierarchical paging):
//   score(page) = max over its logical pages, and over the queries of the group, of
//                 sum_d max(q_d min_d, q_d max_d)

#include "kernels/attention/paged_cache.cuh"
#include "kernels/common/warp.cuh"

namespace orrery::kernels {

inline constexpr int kSelectorThreads = 128;

/// Least and largest key of each logical page, of 16-bit keys. A block for each (page, kv_head).
///   k      (pages, kv_heads, kPage, D)
///   least, largest  (pages, kv_heads, kPage / kLogical, D)
///   tokens (pages): how many of the page's tokens are there, >= 1
template <int kD, int kPage, int kLogical>
__global__ void __launch_bounds__(kSelectorThreads)
    page_bounds_kernel(const half_t* k, const int* tokens, int kv_heads, half_t* least,
                       half_t* largest) {
  static_assert(kPage % kLogical == 0, "a page is made of whole logical pages");
  const std::int64_t block = std::int64_t{blockIdx.x} * kv_heads + blockIdx.y;
  const int there = tokens[blockIdx.x];
  for (int i = static_cast<int>(threadIdx.x); i < kPage / kLogical * kD; i += kSelectorThreads) {
    const int logical = i / kD, d = i % kD;
    // A logical page without tokens gets bounds that no query prefers: least above largest.
    float low = INFINITY, high = -INFINITY;
    for (int token = logical * kLogical; token < min(there, (logical + 1) * kLogical); ++token) {
      const float key = to_float(k[(block * kPage + token) * kD + d]);
      low = fminf(low, key);
      high = fmaxf(high, key);
    }
    const std::int64_t place = (block * (kPage / kLogical) + logical) * kD + d;
    least[place] = from_float<half_t>(low);
    largest[place] = from_float<half_t>(high);
  }
}

/// Scores of a sequence's pages: a warp for each page, a block for four pages of one (sequence,
/// kv_head).
///   q        (sequences, kv_heads, kGroup, D)
///   scores   (sequences, kv_heads, most_pages)
/// Grid (ceil(most_pages / 4), kv_heads, sequences). Reads D x 4 bytes for each logical page: of
/// LServe's 16 tokens, n / 16 x 4 D bytes for n tokens.
template <int kD, int kGroup, int kPage, int kLogical>
__global__ void __launch_bounds__(kSelectorThreads)
    page_scores_kernel(PagedCache cache, const half_t* q, const half_t* least,
                       const half_t* largest, float* scores) {
  static_assert(kD % 32 == 0, "each lane has as many channels");
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int page = static_cast<int>(blockIdx.x * (kSelectorThreads / 32) + threadIdx.x / 32);
  const int kv_head = static_cast<int>(blockIdx.y), sequence = static_cast<int>(blockIdx.z);
  const std::int64_t pair = std::int64_t{sequence} * cache.kv_heads + kv_head;
  const int length = cache.lengths[sequence];
  if (page >= ceil_div(length, kPage)) return;
  const std::int64_t place = cache.page_table[std::int64_t{sequence} * cache.most_pages + page];
  const int logical_pages = ceil_div(min(kPage, length - page * kPage), kLogical);
  float best = -INFINITY;
  for (int logical = 0; logical < logical_pages; ++logical) {
    const std::int64_t bounds =
        ((place * cache.kv_heads + kv_head) * (kPage / kLogical) + logical) * kD;
    for (int g = 0; g < kGroup; ++g) {
      float score = 0;
      for (int d = lane; d < kD; d += 32) {
        const float query = to_float(q[(pair * kGroup + g) * kD + d]);
        score += fmaxf(query * to_float(least[bounds + d]), query * to_float(largest[bounds + d]));
      }
      best = fmaxf(best, warp_sum(score));
    }
  }
  if (lane == 0) scores[pair * cache.most_pages + page] = best;
}

/// The `budget` pages with the highest scores, earlier pages first among equals, best first. A
/// page's rank is how many are before it: quadratic in pages, which are few. A block for each
/// (kv_head, sequence).
///   chosen  (sequences, kv_heads, budget)      counts  (sequences, kv_heads)
template <int kPage>
__global__ void __launch_bounds__(kSelectorThreads)
    choose_pages_kernel(PagedCache cache, const float* scores, int budget, int* chosen,
                        int* counts) {
  const int kv_head = static_cast<int>(blockIdx.x), sequence = static_cast<int>(blockIdx.y);
  const std::int64_t pair = std::int64_t{sequence} * cache.kv_heads + kv_head;
  const int pages = ceil_div(cache.lengths[sequence], kPage);
  const float* own = scores + pair * cache.most_pages;
  for (int page = static_cast<int>(threadIdx.x); page < pages; page += kSelectorThreads) {
    int rank = 0;
    for (int other = 0; other < pages; ++other) {
      rank += own[other] > own[page] || (own[other] == own[page] && other < page) ? 1 : 0;
    }
    if (rank < budget) chosen[pair * budget + rank] = page;
  }
  if (threadIdx.x == 0) counts[pair] = min(pages, budget);
}

}  // namespace orrery::kernels
