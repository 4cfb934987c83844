#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "kernels/attention/decode_attention.cuh"
#include "kernels/attention/merge.cuh"
#include "kernels/attention/page_selector.cuh"
#include "kernels/common/convert.hpp"
#include "kernels/reference/attention.hpp"
#include "kernels/reference/cache.hpp"
#include "kernels/reference/values.hpp"

namespace orrery::kernels {
namespace {

using emulation::Order;
using reference::CacheImage;

constexpr int kD = 64, kGroup = 2, kPage = 16, kKvHeads = 2;

/// Decodes with the kernels and returns o (sequences, kv_heads, group, D), merged over splits.
template <int kBits>
std::vector<double> decode(const CacheImage& image, const std::vector<half_t>& q, int splits,
                           const ChosenPages& chosen, const std::string& name) {
  const DecodeShape shape{image.sequences(), kKvHeads, kGroup, splits};
  const std::int64_t rows = std::int64_t{shape.sequences} * kKvHeads * kGroup;
  const auto count = static_cast<std::size_t>(rows * splits);
  std::vector<float> parts(count * kD), lse_parts(count),
      lse(count / static_cast<std::size_t>(splits));
  const auto k_parameters = narrow<half_t>(image.k.parameters);
  const auto v_parameters = narrow<half_t>(image.v.parameters);
  const PagedCache cache{
      image.k.bytes.data(),    image.v.bytes.data(), k_parameters.data(), v_parameters.data(),
      image.page_table.data(), image.lengths.data(), image.most_pages,    kKvHeads};
  emulation::launch(decode_launch<kD, kGroup>(shape), Order::named(name),
                    decode_attention_kernel<kBits, kD, kGroup, kPage>, cache, chosen, q.data(),
                    parts.data(), lse_parts.data());
  std::vector<float4> aligned(parts.size() / 4),
      o(aligned.size() / static_cast<std::size_t>(splits));
  std::memcpy(aligned.data(), parts.data(), parts.size() * sizeof(float));
  emulation::launch(merge_launch(rows, kD), Order::named(name), merge_attention_kernel<kD>, splits,
                    rows, &aligned[0].x, lse_parts.data(), &o[0].x, lse.data());
  std::vector<double> values;
  for (const float4& v : o) values.insert(values.end(), {v.x, v.y, v.z, v.w});
  return values;
}

/// The same from the image's values; `counts(pair, page)` says which pages are looked at.
template <class Counts>
std::vector<double> expected(const CacheImage& image, const std::vector<half_t>& q,
                             const Counts& counts) {
  const auto queries = widen(q);
  std::vector<double> all;
  for (int sequence = 0; sequence < image.sequences(); ++sequence) {
    for (int head = 0; head < kKvHeads; ++head) {
      const auto k = image.k.of(image, sequence, head), v = image.v.of(image, sequence, head);
      const auto pair = static_cast<std::size_t>(sequence * kKvHeads + head);
      const auto one = reference::attention(
          kGroup, k.size() / kD, kD, queries.data() + pair * kGroup * kD, k.data(), v.data(),
          [&](std::size_t, std::size_t j) { return counts(pair, static_cast<int>(j) / kPage); });
      all.insert(all.end(), one.o.begin(), one.o.end());
    }
  }
  return all;
}

template <int kBits>
void expect_right(const std::vector<int>& lengths, int splits) {
  const std::string name = std::to_string(kBits) + " bits, splits " + std::to_string(splits);
  const CacheImage image = CacheImage::random(kBits, kD, kPage, kKvHeads, lengths, name);
  const auto q = narrow<half_t>(
      reference::uniform(lengths.size() * kKvHeads * kGroup * kD, name + " q", -2, 2));
  const auto result = decode<kBits>(image, q, splits, {nullptr, nullptr, 0}, name);
  const auto right = expected(image, q, [](std::size_t, int) { return true; });
  EXPECT_LE(reference::largest_error(result, right), 1e-5) << name;  // all sums in single precision
}

TEST(DecodeAttention, AgreesWithTheReferenceInEveryFormatOfTheCache) {
  expect_right<16>({1, 16, 75}, 1);
  expect_right<16>({33, 200}, 3);  // more splits than pages in the first
  expect_right<8>({40, 17}, 2);
  expect_right<4>({40, 17}, 2);
}

TEST(DecodeAttention, LooksAtTheChosenPagesOnly) {
  const CacheImage image = CacheImage::random(16, kD, kPage, kKvHeads, {75, 20}, "chosen");
  const auto q = narrow<half_t>(reference::uniform(2 * kKvHeads * kGroup * kD, "chosen q", -2, 2));
  // (sequences, kv_heads, budget 3); the last page of each sequence is not full
  const std::vector<int> pages{4, 0, 2, 1, 3, 0, 1, 0, 0, 1, 0, 0};
  const std::vector<int> counts{3, 2, 2, 1};
  const auto result = decode<16>(image, q, 2, {pages.data(), counts.data(), 3}, "chosen");
  const auto right = expected(image, q, [&](std::size_t pair, int page) {
    const auto first = pages.begin() + static_cast<std::ptrdiff_t>(3 * pair);
    return std::find(first, first + counts[pair], page) != first + counts[pair];
  });
  EXPECT_LE(reference::largest_error(result, right), 1e-5);
}

TEST(PageSelector, ChoosesThePagesWithTheHighestBounds) {
  constexpr int kPhysical = 16, kLogical = 4, kBudget = 2;
  const std::vector<int> lengths{75, 20};
  const CacheImage image = CacheImage::random(16, kD, kPhysical, kKvHeads, lengths, "selector");
  const auto q =
      narrow<half_t>(reference::uniform(2 * kKvHeads * kGroup * kD, "selector q", -2, 2));
  const auto pages = static_cast<std::size_t>(image.pages());
  std::vector<half_t> keys(image.k.bytes.size() / 2);
  std::memcpy(static_cast<void*>(keys.data()), image.k.bytes.data(), image.k.bytes.size());
  std::vector<half_t> least(pages * kKvHeads * kPhysical / kLogical * kD), largest(least.size());
  const auto tokens = image.tokens_of_pages();
  emulation::launch(
      {.grid = {static_cast<unsigned>(pages), kKvHeads, 1}, .block = {kSelectorThreads, 1, 1}},
      Order::named("bounds"), page_bounds_kernel<kD, kPhysical, kLogical>, keys.data(),
      tokens.data(), kKvHeads, least.data(), largest.data());
  const PagedCache cache{
      nullptr,          nullptr, nullptr, nullptr, image.page_table.data(), image.lengths.data(),
      image.most_pages, kKvHeads};
  const std::size_t pairs = lengths.size() * kKvHeads;
  std::vector<float> scores(pairs * static_cast<std::size_t>(image.most_pages));
  emulation::launch({.grid = {static_cast<unsigned>(ceil_div(image.most_pages, 4)), kKvHeads, 2},
                     .block = {kSelectorThreads, 1, 1}},
                    Order::named("scores"), page_scores_kernel<kD, kGroup, kPhysical, kLogical>,
                    cache, q.data(), least.data(), largest.data(), scores.data());
  std::vector<int> chosen(pairs * kBudget, -1), counts(pairs);
  emulation::launch({.grid = {kKvHeads, 2, 1}, .block = {kSelectorThreads, 1, 1}},
                    Order::named("choose"), choose_pages_kernel<kPhysical>, cache, scores.data(),
                    kBudget, chosen.data(), counts.data());

  const auto queries = widen(q);
  for (std::size_t pair = 0; pair < pairs; ++pair) {
    const auto sequence = static_cast<int>(pair) / kKvHeads,
               head = static_cast<int>(pair) % kKvHeads;
    const auto right =
        image.page_bounds(sequence, head, kLogical, kGroup, queries.data() + pair * kGroup * kD);
    std::vector<int> order(right.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
      return right[static_cast<std::size_t>(a)] > right[static_cast<std::size_t>(b)];
    });
    for (std::size_t page = 0; page < right.size(); ++page) {
      EXPECT_NEAR(scores[pair * static_cast<std::size_t>(image.most_pages) + page], right[page],
                  1e-4);
    }
    EXPECT_EQ(counts[pair], 2);
    EXPECT_EQ((std::vector<int>(chosen.begin() + static_cast<std::ptrdiff_t>(pair * 2),
                                chosen.begin() + static_cast<std::ptrdiff_t>(pair * 2 + 2))),
              (std::vector<int>{order[0], order[1]}));
  }
}

}  // namespace
}  // namespace orrery::kernels
