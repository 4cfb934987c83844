#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernels/attention/block_attention.cuh"
#include "kernels/attention/merge.cuh"
#include "kernels/common/convert.hpp"
#include "kernels/reference/attention.hpp"
#include "kernels/reference/values.hpp"

namespace orrery::kernels {
namespace {

using emulation::Order;

std::size_t size(int a, int b, int c = 1) {
  return static_cast<std::size_t>(a) * static_cast<std::size_t>(b) * static_cast<std::size_t>(c);
}

template <class T>
struct Operands {
  std::vector<T> q, k, v;
};

template <class T>
Operands<T> operands(const AttentionShape& s, int d, const std::string& name) {
  return {narrow<T>(reference::uniform(size(s.batch * s.heads, s.queries, d), name + " q", -2, 2)),
          narrow<T>(reference::uniform(size(s.batch * s.kv_heads, s.keys, d), name + " k", -2, 2)),
          narrow<T>(reference::uniform(size(s.batch * s.kv_heads, s.keys, d), name + " v"))};
}

struct Result {
  std::vector<double> o, lse;
};

template <class T, class Out, int kD>
Result run(const AttentionShape& s, const Operands<T>& in, const std::string& name) {
  std::vector<Out> o(in.q.size());
  std::vector<float> lse(size(s.batch * s.heads, s.queries));
  emulation::launch(attention_launch<T, kD>(s), Order::named(name),
                    block_attention_kernel<T, Out, kD>, s, in.q.data(), in.k.data(), in.v.data(),
                    o.data(), lse.data());
  return {widen(o), widen(lse)};
}

template <class T>
Result expected(const AttentionShape& s, const Operands<T>& in, int d) {
  const auto q = widen(in.q), k = widen(in.k), v = widen(in.v);
  Result all;
  for (int head = 0; head < s.batch * s.heads; ++head) {
    const int kv_head = head / s.heads * s.kv_heads + head % s.heads / (s.heads / s.kv_heads);
    const auto one = reference::attention(
        size(s.queries, 1), size(s.keys, 1), size(d, 1), q.data() + size(head, s.queries, d),
        k.data() + size(kv_head, s.keys, d), v.data() + size(kv_head, s.keys, d),
        [&](std::size_t i, std::size_t j) {
          return !s.causal || static_cast<int>(j) <= static_cast<int>(i) + s.offset;
        });
    all.o.insert(all.o.end(), one.o.begin(), one.o.end());
    all.lse.insert(all.lse.end(), one.lse.begin(), one.lse.end());
  }
  return all;
}

/// Equal log-sum-exps; of a query that sees nothing it is minus infinity in both.
void expect_lse(const std::vector<double>& lse, const std::vector<double>& right,
                const std::string& name) {
  for (std::size_t i = 0; i < lse.size(); ++i) {
    if (std::isinf(right[i])) {
      EXPECT_EQ(lse[i], right[i]) << name << " row " << i;
    } else {
      EXPECT_NEAR(lse[i], right[i], 1e-5) << name << " row " << i;  // sums in single precision
    }
  }
}

/// Probabilities are rounded to T before they weigh the values: half a unit in the last place, with
/// as much again for an output in T.
template <class T, class Out, int kD>
void expect_right(const AttentionShape& s, const std::string& name) {
  const auto in = operands<T>(s, kD, name);
  const Result result = run<T, Out, kD>(s, in, name);
  const Result right = expected(s, in, kD);
  const double tolerance = std::is_same_v<T, half_t> ? 0x1p-10 : 0x1p-7;
  EXPECT_LE(reference::largest_error(result.o, right.o), tolerance) << name;
  expect_lse(result.lse, right.lse, name);
}

TEST(BlockAttention, AgreesWithTheReferenceOverTilesHeadsAndMasks) {
  expect_right<half_t, float, 64>({1, 1, 1, 64, 64, false, 0}, "a tile");
  expect_right<half_t, float, 64>({1, 2, 1, 70, 130, true, 60}, "causal and rectangular");
  expect_right<half_t, float, 64>({2, 4, 2, 33, 1, false, 0}, "one key, grouped queries");
  expect_right<bfloat16_t, bfloat16_t, 128>({1, 2, 2, 65, 65, true, 0}, "square and causal");
}

TEST(BlockAttention, AQueryThatSeesNothingGetsZerosAndAnEmptySum) {
  const AttentionShape shape{1, 1, 1, 80, 20, true, -70};
  expect_right<half_t, float, 64>(shape, "late");
  const auto in = operands<half_t>(shape, 64, "late");
  const Result result = run<half_t, float, 64>(shape, in, "late");
  EXPECT_EQ(result.o[69 * 64], 0.0);
  EXPECT_NE(result.o[70 * 64], 0.0);
}

TEST(BlockAttention, PairsAreThoseThatAreSeen) {
  for (const AttentionShape& s : {AttentionShape{1, 1, 1, 5, 9, true, 4},
                                  {1, 1, 1, 9, 5, true, -3},
                                  {1, 1, 1, 3, 4, false, 0}}) {
    std::int64_t pairs = 0;
    for (int i = 0; i < s.queries; ++i) {
      for (int j = 0; j < s.keys; ++j) pairs += !s.causal || j <= i + s.offset ? 1 : 0;
    }
    EXPECT_EQ(attention_pairs(s), pairs);
  }
}

// What Ring Attention does: the keys in two blocks of which the second lies 50 positions later.
TEST(MergeAttention, BlocksOfKeysMergeToTheWhole) {
  constexpr int kD = 64, kFirst = 50, kSecond = 30;
  const AttentionShape whole{1, 2, 2, 70, kFirst + kSecond, true, 0};
  const auto in = operands<half_t>(whole, kD, "ring");
  std::vector<float> o_parts, lse_parts;
  for (const int part : {0, 1}) {
    AttentionShape shape = whole;
    shape.keys = part == 0 ? kFirst : kSecond;
    shape.offset = part == 0 ? 0 : -kFirst;  // the first 50 queries see nothing of the second block
    Operands<half_t> block{in.q, {}, {}};
    for (int head = 0; head < whole.kv_heads; ++head) {
      const auto first = static_cast<std::ptrdiff_t>(size(head * whole.keys + part * kFirst, kD));
      const auto last = first + static_cast<std::ptrdiff_t>(size(shape.keys, kD));
      block.k.insert(block.k.end(), in.k.begin() + first, in.k.begin() + last);
      block.v.insert(block.v.end(), in.v.begin() + first, in.v.begin() + last);
    }
    const Result result = run<half_t, float, kD>(shape, block, "ring");
    for (const double value : result.o) o_parts.push_back(static_cast<float>(value));
    for (const double value : result.lse) lse_parts.push_back(static_cast<float>(value));
  }
  const std::int64_t rows = whole.heads * whole.queries;
  std::vector<float4> parts(o_parts.size() / 4), o(parts.size() / 2);
  std::memcpy(parts.data(), o_parts.data(), o_parts.size() * sizeof(float));
  std::vector<float> lse(static_cast<std::size_t>(rows));
  emulation::launch(merge_launch(rows, kD), Order::named("merge"), merge_attention_kernel<kD>, 2,
                    rows, &parts[0].x, lse_parts.data(), &o[0].x, lse.data());
  std::vector<double> merged;
  for (const float4& v : o) merged.insert(merged.end(), {v.x, v.y, v.z, v.w});
  const Result right = expected(whole, in, kD);
  EXPECT_LE(reference::largest_error(merged, right.o), 0x1p-10);
  expect_lse(widen(lse), right.lse, "merged");
}

TEST(MergeAttention, PartsThatSawNothingCountForNothing) {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> lse_parts{-infinity, -infinity, 2.0f, -infinity};  // (2 parts, 2 rows)
  std::vector<float4> parts(2 * 2 * 16, float4{9, 9, 9, 9}), o(2 * 16);
  std::vector<float> lse(2);
  emulation::launch(merge_launch(2, 64), Order::named("nothing"), merge_attention_kernel<64>, 2,
                    std::int64_t{2}, &parts[0].x, lse_parts.data(), &o[0].x, lse.data());
  EXPECT_EQ(lse, (std::vector<float>{2.0f, -infinity}));
  EXPECT_EQ(o[0].x, 9.0f);
  EXPECT_EQ(o[16].x, 0.0f);
}

}  // namespace
}  // namespace orrery::kernels
