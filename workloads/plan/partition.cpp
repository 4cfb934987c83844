#include "workloads/plan/partition.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>

namespace orrery {
namespace {

constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::max();

/// best[q][k]: the least cost of k items in q parts, by a rule that joins the cost of the first
/// parts with that of the last one; from[q][k]: where the last one begins.
template <class Join, class Cost>
std::vector<std::size_t> cut(std::size_t items, std::size_t parts, Join join, Cost cost) {
  std::vector<std::vector<std::int64_t>> best(parts + 1,
                                              std::vector<std::int64_t>(items + 1, kNone));
  std::vector<std::vector<std::size_t>> from(parts + 1, std::vector<std::size_t>(items + 1, 0));
  best[0][0] = 0;
  for (std::size_t q = 1; q <= parts; ++q) {
    for (std::size_t k = q; k <= items; ++k) {
      for (std::size_t j = k; j-- > q - 1;) {  // of equal ones the shortest last part
        if (best[q - 1][j] == kNone) continue;
        const std::int64_t value = join(best[q - 1][j], cost(j, k));
        if (value < best[q][k]) {
          best[q][k] = value;
          from[q][k] = j;
        }
      }
    }
  }
  std::vector<std::size_t> ends(parts);
  for (std::size_t q = parts, k = items; q > 0; k = from[q][k], --q) ends[q - 1] = k;
  return ends;
}

}  // namespace

std::vector<Bucket> bucketed(std::span<const std::int64_t> ascending, std::int64_t count) {
  std::vector<Bucket> equal;  // sequences of one length
  for (const std::int64_t length : ascending) {
    if (equal.empty() || equal.back().tokens != length) equal.push_back({length, 0});
    ++equal.back().sequences;
  }
  if (static_cast<std::int64_t>(equal.size()) <= count) return equal;
  std::vector<std::int64_t> sequences(equal.size() + 1);  // before the k-th length
  std::vector<std::int64_t> tokens(equal.size() + 1);
  for (std::size_t k = 0; k < equal.size(); ++k) {
    sequences[k + 1] = sequences[k] + equal[k].sequences;
    tokens[k + 1] = tokens[k] + equal[k].sequences * equal[k].tokens;
  }
  const std::vector<std::size_t> ends = cut(
      equal.size(), static_cast<std::size_t>(count),
      [](std::int64_t before, std::int64_t last) { return before + last; },
      [&](std::size_t j, std::size_t k) {
        return equal[k - 1].tokens * (sequences[k] - sequences[j]) - (tokens[k] - tokens[j]);
      });
  std::vector<Bucket> buckets;
  std::size_t begin = 0;
  for (const std::size_t end : ends) {
    buckets.push_back({equal[end - 1].tokens, sequences[end] - sequences[begin]});
    begin = end;
  }
  return buckets;
}

double bucketing_error(std::span<const std::int64_t> lengths, std::span<const Bucket> buckets) {
  const double tokens =
      static_cast<double>(std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0}));
  double said = 0;
  for (const Bucket& each : buckets) said += static_cast<double>(each.tokens * each.sequences);
  return tokens > 0 ? said / tokens - 1 : 0;
}

std::vector<std::size_t> balanced_cuts(std::span<const std::int64_t> lengths, std::int64_t parts) {
  std::vector<std::int64_t> before(lengths.size() + 1);
  std::partial_sum(lengths.begin(), lengths.end(), before.begin() + 1);
  const auto count = std::min(static_cast<std::size_t>(parts), lengths.size());
  return cut(
      lengths.size(), count,
      [](std::int64_t first, std::int64_t last) { return std::max(first, last); },
      [&](std::size_t j, std::size_t k) { return before[k] - before[j]; });
}

}  // namespace orrery
