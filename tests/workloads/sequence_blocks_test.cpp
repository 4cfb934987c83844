// Which pairs of queries and keys the blocks of sequence parallelism have, and how they merge.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "sim/base/random.hpp"
#include "tests/workloads/sequence_fixture.hpp"

namespace orrery {
namespace {

/// The tokens that a position has, from the definitions of the layouts, in order.
std::vector<std::int64_t> tokens_at(TokenLayout layout, std::int64_t length, std::int64_t degree,
                                    std::int64_t position) {
  std::vector<std::int64_t> tokens;
  for (std::int64_t token = 0; token < length; ++token) {
    std::int64_t owner = token / (length / degree);
    if (layout == TokenLayout::striped) owner = token % degree;
    if (layout == TokenLayout::zigzag) {
      const std::int64_t chunk = token / (length / (2 * degree));
      owner = std::min(chunk, 2 * degree - 1 - chunk);
    }
    if (owner == position) tokens.push_back(token);
  }
  return tokens;
}

// Every pair that the mask leaves is in exactly one block; a block has the rows and columns that
// have pairs at all, and no others.
TEST(SequenceBlocks, HoldEveryPairOnceAndNoEmptyRowOrColumn) {
  const std::int64_t degree = 4;
  const std::int64_t length = 24;
  for (const TokenLayout layout :
       {TokenLayout::contiguous, TokenLayout::zigzag, TokenLayout::striped}) {
    for (const AttentionMask mask : {AttentionMask::causal, AttentionMask::full}) {
      const SequenceLayer layer = layer_of(length, 2, 2, mask, layout);
      std::int64_t twice_all = 0;
      for (std::int64_t q = 0; q < degree; ++q) {
        for (std::int64_t k = 0; k < degree; ++k) {
          SCOPED_TRACE(std::string(to_string(layout)) + " " + std::string(to_string(mask)) + " " +
                       std::to_string(q) + " " + std::to_string(k));
          std::int64_t twice = 0;
          std::set<std::int64_t> rows, columns;
          for (const std::int64_t query : tokens_at(layout, length, degree, q)) {
            for (const std::int64_t key : tokens_at(layout, length, degree, k)) {
              if (mask == AttentionMask::causal && key > query) continue;
              twice += mask == AttentionMask::causal && key == query ? 1 : 2;
              rows.insert(query);
              columns.insert(key);
            }
          }
          const AttentionBlock block = block_between(layer, degree, q, k);
          EXPECT_EQ(block.twice_pairs, twice);
          if (layout == TokenLayout::striped && mask == AttentionMask::causal && k > q) {
            // One row and one column are empty, and computed all the same.
            EXPECT_EQ(block.queries, static_cast<std::int64_t>(rows.size()) + 1);
          } else {
            EXPECT_EQ(block.queries, static_cast<std::int64_t>(rows.size()));
            EXPECT_EQ(block.keys, static_cast<std::int64_t>(columns.size()));
          }
          twice_all += block.twice_pairs;
        }
      }
      EXPECT_EQ(twice_all, length * length * (mask == AttentionMask::full ? 2 : 1));
    }
  }
}

// Blocks are attended to by themselves and merged by their log-sum-exps: in the order of a ring, of
// a token ring, or in any other the output is that of softmax over everything.
TEST(SequenceBlocks, MergeToTheWholeSoftmaxInAnyOrder) {
  RandomStream random(8, "merge");
  const std::int64_t degree = 4;
  const std::int64_t length = 16;
  std::vector<double> score(static_cast<std::size_t>(length * length));
  std::vector<double> value(static_cast<std::size_t>(length));
  for (double& each : score) each = static_cast<double>(random.integer(-4000, 4000)) / 500;
  for (double& each : value) each = static_cast<double>(random.integer(-1000, 1000)) / 1000;
  struct Partial {
    double output = 0;
    double log_sum_exp = -INFINITY;
  };
  const auto attend = [&](std::int64_t query, const std::vector<std::int64_t>& keys) {
    double sum = 0, weighted = 0;
    for (const std::int64_t key : keys) {
      if (key > query) continue;
      const double weight = std::exp(score[static_cast<std::size_t>(query * length + key)]);
      sum += weight;
      weighted += weight * value[static_cast<std::size_t>(key)];
    }
    return sum == 0 ? Partial{} : Partial{weighted / sum, std::log(sum)};
  };
  const auto merge = [](const Partial& a, const Partial& b) {
    const double most = std::max(a.log_sum_exp, b.log_sum_exp);
    if (most == -INFINITY) return a;
    const double of_a = std::exp(a.log_sum_exp - most), of_b = std::exp(b.log_sum_exp - most);
    return Partial{(a.output * of_a + b.output * of_b) / (of_a + of_b),
                   most + std::log(of_a + of_b)};
  };
  std::vector<std::int64_t> all(static_cast<std::size_t>(length));
  std::iota(all.begin(), all.end(), 0);
  for (const TokenLayout layout :
       {TokenLayout::contiguous, TokenLayout::zigzag, TokenLayout::striped}) {
    for (std::int64_t owner = 0; owner < degree; ++owner) {
      std::vector<std::int64_t> order(static_cast<std::size_t>(degree));
      std::iota(order.begin(), order.end(), 0);
      do {
        for (const std::int64_t query : tokens_at(layout, length, degree, owner)) {
          Partial sum;
          for (const std::int64_t k : order) {
            sum = merge(sum, attend(query, tokens_at(layout, length, degree, k)));
          }
          const Partial whole = attend(query, all);
          EXPECT_NEAR(sum.output, whole.output, 1e-12);
          EXPECT_NEAR(sum.log_sum_exp, whole.log_sum_exp, 1e-12);
        }
      } while (std::next_permutation(order.begin(), order.end()));
    }
  }
}

}  // namespace
}  // namespace orrery
