// The scan of page bounds by which LServe and Quest choose pages, and the choice.
#include "kernels/attention/page_selector.cuh"
#include "kernels/calibrate/family.hpp"
#include "kernels/calibrate/fill.cuh"
#include "kernels/common/convert.hpp"
#include "kernels/reference/cache.hpp"
#include "kernels/reference/values.hpp"

namespace orrery::kernels {

namespace {

constexpr int kD = 128, kGroup = 4, kPage = 64, kLogical = 16, kKvHeads = 8;

Launch scores_launch(int most_pages, int sequences) {
  return {.grid = {static_cast<unsigned>(ceil_div(most_pages, kSelectorThreads / 32)), kKvHeads,
                   static_cast<unsigned>(sequences)},
          .block = {kSelectorThreads, 1, 1}};
}

void check(Session& session) {
  const auto image = reference::CacheImage::random(16, kD, kPage, kKvHeads, {300, 70}, "selector");
  const std::size_t pairs = 2 * kKvHeads;
  const auto q = narrow<half_t>(reference::uniform(pairs * kGroup * kD, "selector q", -2, 2));
  const DeviceArray<half_t> dq(q);
  const DeviceArray<unsigned char> k(image.k.bytes);
  const DeviceArray<int> table(image.page_table), lengths(image.lengths),
      tokens(image.tokens_of_pages());
  const auto bounds = static_cast<std::size_t>(image.pages()) * kKvHeads * (kPage / kLogical) * kD;
  const DeviceArray<half_t> least(bounds), largest(bounds);
  const DeviceArray<float> scores(pairs * static_cast<std::size_t>(image.most_pages));
  const PagedCache cache{nullptr,      nullptr,        nullptr,          nullptr,
                         table.data(), lengths.data(), image.most_pages, kKvHeads};
  launch({.grid = {static_cast<unsigned>(image.pages()), kKvHeads, 1},
          .block = {kSelectorThreads, 1, 1}},
         nullptr, page_bounds_kernel<kD, kPage, kLogical>,
         reinterpret_cast<const half_t*>(k.data()), static_cast<const int*>(tokens.data()),
         kKvHeads, least.data(), largest.data());
  launch(scores_launch(image.most_pages, 2), nullptr,
         page_scores_kernel<kD, kGroup, kPage, kLogical>, cache,
         static_cast<const half_t*>(dq.data()), static_cast<const half_t*>(least.data()),
         static_cast<const half_t*>(largest.data()), scores.data());
  const auto q64 = widen(q), seen = widen(scores.host());
  double error = 0;
  for (std::size_t pair = 0; pair < pairs; ++pair) {
    const auto right =
        image.page_bounds(static_cast<int>(pair) / kKvHeads, static_cast<int>(pair) % kKvHeads,
                          kLogical, kGroup, &q64[pair * kGroup * kD]);
    const std::span own(seen);
    error = std::max(
        error,
        reference::largest_error(
            own.subspan(pair * static_cast<std::size_t>(image.most_pages), right.size()), right));
  }
  session.check("page_selector", {{"keys", 300}}, error, 1e-5);
}

/// Scores and choice; the bounds are kept while tokens are added and are not timed.
void measure(Session& session, int sequences, int length, int budget) {
  const int pages = length / kPage, pairs = sequences * kKvHeads;
  std::vector<int> numbers;
  for (int i = 0; i < sequences * pages; ++i) numbers.push_back(i);
  const DeviceArray<int> table(numbers),
      lengths(std::vector<int>(static_cast<std::size_t>(sequences), length));
  const auto bounds =
      static_cast<std::size_t>(pairs) * static_cast<std::size_t>(length / kLogical) * kD;
  const auto least = random_array<half_t>(bounds, 1), largest = random_array<half_t>(bounds, 2);
  const auto q = random_array<half_t>(static_cast<std::size_t>(pairs) * kGroup * kD, 3);
  const DeviceArray<float> scores(static_cast<std::size_t>(pairs * pages));
  const DeviceArray<int> chosen(static_cast<std::size_t>(pairs * budget)),
      counts(static_cast<std::size_t>(pairs));
  const PagedCache cache{nullptr,      nullptr,        nullptr, nullptr,
                         table.data(), lengths.data(), pages,   kKvHeads};
  session.measure(
      {"page_selector",
       {{"batch_size", sequences},
        {"keys", length},
        {"heads", kKvHeads * kGroup},
        {"kv_heads", kKvHeads},
        {"head_dim", kD},
        {"page", kPage},
        {"logical_page", kLogical},
        {"budget", budget}},
       "fp16",
       3.0 * kGroup * static_cast<double>(bounds),
       4.0 * static_cast<double>(bounds)},
      [&](cudaStream_t stream) {
        launch(scores_launch(pages, sequences), stream,
               page_scores_kernel<kD, kGroup, kPage, kLogical>, cache,
               static_cast<const half_t*>(q.data()), static_cast<const half_t*>(least.data()),
               static_cast<const half_t*>(largest.data()), scores.data());
        launch({.grid = {kKvHeads, static_cast<unsigned>(sequences), 1},
                .block = {kSelectorThreads, 1, 1}},
               stream, choose_pages_kernel<kPage>, cache, static_cast<const float*>(scores.data()),
               budget, chosen.data(), counts.data());
      });
}

}  // namespace

void run_page_selector(Session& session) {
  check(session);
  if (session.checks_only()) return;
  for (const int length : {16384, 65536, 131072}) {
    for (const int sequences : {16, 1, 64}) measure(session, sequences, length, 4096 / kPage);
  }
}

}  // namespace orrery::kernels
