#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace orrery {

/// Sequences of up to `tokens` tokens, of which a planner takes each for as long as the longest.
struct Bucket {
  std::int64_t tokens = 0;
  std::int64_t sequences = 0;
};

/// Puts lengths, in ascending order, into at most `count` buckets of neighbours so that what the
/// longest of each bucket exceeds the others by, summed over all, is least. Ascending buckets;
/// among equal sums the one with the longest first bucket, then the longest second, …
/// O(n^2 count) by dynamic programming over the different lengths. Source: FlexSP (Wang et al.
/// 2025), §4.2, err[k][q] = min_j err[j][q-1] + sum_{i=j+1..k} (s_k - s_i).
std::vector<Bucket> bucketed(std::span<const std::int64_t> ascending, std::int64_t count);

/// What buckets say in excess of the lengths, over the sum of these.
double bucketing_error(std::span<const std::int64_t> lengths, std::span<const Bucket> buckets);

/// Cuts lengths, in the order given, into `parts` contiguous parts so that the largest sum of a
/// part is least; ends of the parts, the last of which is the number of lengths. No part is empty
/// when there are lengths enough. O(n^2 parts) by dynamic programming. Source: ibid., appendix A,
/// the blaster of micro-batches.
std::vector<std::size_t> balanced_cuts(std::span<const std::int64_t> lengths, std::int64_t parts);

}  // namespace orrery
