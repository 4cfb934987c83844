// Decode attention over a paged cache by bits, length and budget of pages.
#include "kernels/attention/decode_attention.cuh"
#include "kernels/attention/merge.cuh"
#include "kernels/calibrate/family.hpp"
#include "kernels/calibrate/fill.cuh"
#include "kernels/common/convert.hpp"
#include "kernels/reference/attention.hpp"
#include "kernels/reference/cache.hpp"
#include "kernels/reference/values.hpp"

namespace orrery::kernels {

namespace {

constexpr int kD = 128, kGroup = 4, kPage = 64, kKvHeads = 8;

std::string kernel_name(int bits) {
  return "decode_attention_kv" + std::to_string(bits);
}

/// Decode and the merge of its splits.
template <int kBits>
void enqueue(const PagedCache& cache, const DecodeShape& shape, const ChosenPages& chosen,
             const half_t* q, const DeviceArray<float>& parts, const DeviceArray<float>& lse_parts,
             const DeviceArray<float>& o, const DeviceArray<float>& lse, cudaStream_t stream) {
  launch(decode_launch<kD, kGroup>(shape), stream,
         decode_attention_kernel<kBits, kD, kGroup, kPage>, cache, chosen, q, parts.data(),
         lse_parts.data());
  const std::int64_t rows = std::int64_t{shape.sequences} * shape.kv_heads * kGroup;
  launch(merge_launch(rows, kD), stream, merge_attention_kernel<kD>, shape.splits, rows,
         static_cast<const float*>(parts.data()), static_cast<const float*>(lse_parts.data()),
         o.data(), lse.data());
}

template <int kBits>
void check(Session& session) {
  const auto image = reference::CacheImage::random(kBits, kD, kPage, kKvHeads, {300, 70}, "decode");
  const DecodeShape shape{2, kKvHeads, kGroup, 3};
  const std::size_t rows = 2 * kKvHeads * kGroup;
  const auto q = narrow<half_t>(reference::uniform(rows * kD, "decode q", -2, 2));
  const DeviceArray<half_t> dq(q), k_parameters(narrow<half_t>(image.k.parameters)),
      v_parameters(narrow<half_t>(image.v.parameters));
  const DeviceArray<unsigned char> k(image.k.bytes), v(image.v.bytes);
  const DeviceArray<int> table(image.page_table), lengths(image.lengths);
  const DeviceArray<float> parts(3 * rows * kD), lse_parts(3 * rows), o(rows * kD), lse(rows);
  const PagedCache cache{k.data(),     v.data(),       k_parameters.data(), v_parameters.data(),
                         table.data(), lengths.data(), image.most_pages,    kKvHeads};
  enqueue<kBits>(cache, shape, {nullptr, nullptr, 0}, dq.data(), parts, lse_parts, o, lse, nullptr);
  const auto q64 = widen(q);
  std::vector<double> expected;
  for (int pair = 0; pair < 2 * kKvHeads; ++pair) {
    const auto keys = image.k.of(image, pair / kKvHeads, pair % kKvHeads);
    const auto values = image.v.of(image, pair / kKvHeads, pair % kKvHeads);
    const auto one = reference::attention(
        kGroup, keys.size() / kD, kD, &q64[static_cast<std::size_t>(pair) * kGroup * kD],
        keys.data(), values.data(), [](std::size_t, std::size_t) { return true; });
    expected.insert(expected.end(), one.o.begin(), one.o.end());
  }
  session.check(kernel_name(kBits), {{"sequences", 2}, {"keys", 300}},
                reference::largest_error(widen(o.host()), expected), 1e-5);
}

/// Sequences of one length whose pages lie in order; contents at random.
template <int kBits>
struct Sample {
  int sequences, pages;
  DeviceArray<unsigned char> k, v;
  DeviceArray<half_t> k_parameters, v_parameters;
  DeviceArray<int> table, lengths;

  Sample(int count, int length)
      : sequences(count),
        pages(length / kPage),
        k(random_bytes(bytes(count, length), 3)),
        v(random_bytes(bytes(count, length), 4)),
        k_parameters(random_array<half_t>(parameters(count, length), 1)),
        v_parameters(random_array<half_t>(parameters(count, length), 2)),
        table(counting(count * pages)),
        lengths(std::vector<int>(static_cast<std::size_t>(count), length)) {}

  PagedCache cache() const {
    return {
        k.data(), v.data(), k_parameters.data(), v_parameters.data(), table.data(), lengths.data(),
        pages,    kKvHeads};
  }
  static std::size_t bytes(int count, int length) {
    return static_cast<std::size_t>(count) * static_cast<std::size_t>(length) * kKvHeads * kD *
           kBits / 8;
  }
  static std::size_t parameters(int count, int length) {
    return kBits == 16
               ? 2
               : static_cast<std::size_t>(count) * static_cast<std::size_t>(length) * kKvHeads * 2;
  }
  /// Of 16-bit elements: values, so that no NaN slows or hastens anything.
  static DeviceArray<unsigned char> random_bytes(std::size_t count, std::uint64_t seed) {
    if (kBits < 16) return random_array<unsigned char>(count, seed, 0, 256);
    DeviceArray<unsigned char> values(count);
    launch({.grid = {1024, 1, 1}, .block = {256, 1, 1}}, nullptr, fill_uniform_kernel<half_t>,
           reinterpret_cast<half_t*>(values.data()), static_cast<std::int64_t>(count / 2), seed,
           -1.0f, 1.0f);
    return values;
  }
  static std::vector<int> counting(int count) {
    std::vector<int> numbers;
    for (int i = 0; i < count; ++i) numbers.push_back(i);
    return numbers;
  }
};

/// All pages when `budget` is 0, else as many, evenly spread.
template <int kBits>
void measure(Session& session, int sequences, int length, int budget) {
  if (2.0 * static_cast<double>(Sample<kBits>::bytes(sequences, length)) >
      0.4 * static_cast<double>(session.device().totalGlobalMem)) {
    return;
  }
  const Sample<kBits> sample(sequences, length);
  const int looked_at = budget == 0 ? sample.pages : std::min(budget, sample.pages);
  const int pairs = sequences * kKvHeads;
  std::vector<int> pages;
  for (int i = 0; i < pairs * looked_at; ++i)
    pages.push_back(i % looked_at * (sample.pages / looked_at));
  const DeviceArray<int> chosen(pages),
      counts(std::vector<int>(static_cast<std::size_t>(pairs), looked_at));
  // At least two blocks for each SM, each with two pages or more.
  const int splits = std::clamp(2 * session.sms() / pairs + 1, 1, std::max(1, looked_at / 2));
  const DecodeShape shape{sequences, kKvHeads, kGroup, splits};
  const std::size_t rows = static_cast<std::size_t>(pairs) * kGroup;
  const auto q = random_array<half_t>(rows * kD, 3);
  const auto parts_count = rows * static_cast<std::size_t>(splits);
  const DeviceArray<float> parts(parts_count * kD), lse_parts(parts_count), o(rows * kD), lse(rows);
  const double tokens = 1.0 * pairs * looked_at * kPage;
  session.measure({kernel_name(kBits),
                   decode_attention_shape({.sequences = sequences,
                                           .heads = kKvHeads * kGroup,
                                           .kv_heads = kKvHeads,
                                           .head_dim = kD,
                                           .keys = length,
                                           .page = kPage,
                                           .pages = looked_at,
                                           .splits = splits}),
                   cache_dtype(kBits), 4.0 * kD * kGroup * tokens,
                   2 * tokens * (kD * kBits / 8.0 + (kBits < 16 ? 4 : 0))},
                  [&](cudaStream_t stream) {
                    enqueue<kBits>(
                        sample.cache(), shape,
                        {budget == 0 ? nullptr : chosen.data(), counts.data(), looked_at}, q.data(),
                        parts, lse_parts, o, lse, stream);
                  });
}

}  // namespace

void run_decode_attention(Session& session) {
  check<16>(session);
  check<8>(session);
  check<4>(session);
  if (session.checks_only()) return;
  for (const int length : {4096, 1024, 16384, 65536}) {
    for (const int sequences : {64, 16, 1, 256}) {
      measure<16>(session, sequences, length, 0);
      measure<8>(session, sequences, length, 0);
      measure<4>(session, sequences, length, 0);
    }
  }
  for (const int length : {16384, 65536}) {
    for (const int sequences : {1, 16}) {
      measure<16>(session, sequences, length, 4096 / kPage);
      measure<4>(session, sequences, length, 4096 / kPage);
    }
  }
}

}  // namespace orrery::kernels
