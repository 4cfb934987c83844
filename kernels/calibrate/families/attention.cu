// Attention of blocks and the merge of partial results.
#include "kernels/attention/block_attention.cuh"
#include "kernels/attention/merge.cuh"
#include "kernels/calibrate/family.hpp"
#include "kernels/calibrate/fill.cuh"
#include "kernels/common/convert.hpp"
#include "kernels/reference/attention.hpp"
#include "kernels/reference/values.hpp"

namespace orrery::kernels {

namespace {

constexpr int kD = 128;

std::size_t elements(int heads, int rows, int d) {
  return static_cast<std::size_t>(heads) * static_cast<std::size_t>(rows) *
         static_cast<std::size_t>(d);
}

template <class Out>
constexpr const char* kKernel =
    std::is_same_v<Out, float> ? "block_attention_fp32_out" : "block_attention";

template <class Out>
void check(Session& session) {
  const AttentionShape shape{1, 4, 2, 200, 300, true, 100};
  const auto q = narrow<bfloat16_t>(reference::uniform(elements(4, 200, kD), "q", -2, 2));
  const auto k = narrow<bfloat16_t>(reference::uniform(elements(2, 300, kD), "k", -2, 2));
  const auto v = narrow<bfloat16_t>(reference::uniform(elements(2, 300, kD), "v"));
  const DeviceArray<bfloat16_t> dq(q), dk(k), dv(v);
  const DeviceArray<Out> o(q.size());
  const DeviceArray<float> lse(4 * 200);
  launch(attention_launch<bfloat16_t, kD>(shape), nullptr,
         block_attention_kernel<bfloat16_t, Out, kD>, shape, dq.data(), dk.data(), dv.data(),
         o.data(), lse.data());
  const auto q64 = widen(q), k64 = widen(k), v64 = widen(v), o64 = widen(o.host()),
             l64 = widen(lse.host());
  double error = 0;
  for (std::size_t head = 0; head < 4; ++head) {
    const std::size_t keys = head / 2 * 300 * kD;
    const auto right =
        reference::attention(200, 300, kD, &q64[head * 200 * kD], &k64[keys], &v64[keys],
                             [](std::size_t i, std::size_t j) { return j <= i + 100; });
    const std::span own(o64), own_lse(l64);
    error =
        std::max(error, reference::largest_error(own.subspan(head * 200 * kD, 200 * kD), right.o));
    error = std::max(error, reference::largest_error(own_lse.subspan(head * 200, 200), right.lse));
  }
  session.check(kKernel<Out>, {{"queries", 200}, {"keys", 300}}, error, 0x1p-7);
}

void check_merge(Session& session) {
  // Parts with equal log-sum-exps: the mean of their outputs, and log 2 more.
  const auto values = reference::uniform(2 * 64 * kD, "merge");
  const DeviceArray<float> parts(narrow<float>(values)), o(64 * kD), lse(64);
  const DeviceArray<float> lse_parts(std::vector<float>(2 * 64, 3.0f));
  launch(merge_launch(64, kD), nullptr, merge_attention_kernel<kD>, 2, std::int64_t{64},
         static_cast<const float*>(parts.data()), static_cast<const float*>(lse_parts.data()),
         o.data(), lse.data());
  std::vector<double> mean(64 * kD);
  for (std::size_t i = 0; i < mean.size(); ++i) mean[i] = (values[i] + values[mean.size() + i]) / 2;
  const double error = std::max(reference::largest_error(widen(o.host()), mean),
                                std::fabs(double{lse.host()[63]} - 3 - std::log(2.0)));
  session.check("merge_attention", {{"rows", 64}}, error, 1e-6);
}

/// Causal only with the queries at the end of the keys, which is all that the row's names can say.
template <class Out>
void measure(Session& session, const AttentionShape& s) {
  if (s.causal && s.offset != s.keys - s.queries) {
    throw std::logic_error("attention of queries that are not the last of the keys");
  }
  const auto q = random_array<bfloat16_t>(elements(s.batch * s.heads, s.queries, kD), 1);
  const auto k = random_array<bfloat16_t>(elements(s.batch * s.kv_heads, s.keys, kD), 2);
  const auto v = random_array<bfloat16_t>(elements(s.batch * s.kv_heads, s.keys, kD), 3);
  const DeviceArray<Out> o(q.size());
  const DeviceArray<float> lse(q.size() / kD);
  const Case what{kKernel<Out>,
                  block_attention_shape({.batch = s.batch,
                                         .heads = s.heads,
                                         .kv_heads = s.kv_heads,
                                         .queries = s.queries,
                                         .keys = s.keys,
                                         .head_dim = kD,
                                         .causal = s.causal}),
                  "bf16", 4.0 * kD * s.batch * s.heads * static_cast<double>(attention_pairs(s)),
                  static_cast<double>(2 * (q.size() + k.size() + v.size()) +
                                      sizeof(Out) * o.size() + 4 * lse.size())};
  session.measure(what, [&](cudaStream_t stream) {
    launch(attention_launch<bfloat16_t, kD>(s), stream, block_attention_kernel<bfloat16_t, Out, kD>,
           s, q.data(), k.data(), v.data(), o.data(), lse.data());
  });
}

void measure_merge(Session& session, std::int64_t rows) {
  const auto count = static_cast<std::size_t>(rows);
  const auto parts = random_array<float>(2 * count * kD, 1);
  const auto lse_parts = random_array<float>(2 * count, 2);
  const DeviceArray<float> o(count * kD), lse(count);
  session.measure({"merge_attention",
                   {{"parts", 2}, {"rows", rows}, {"head_dim", kD}},
                   "fp32",
                   0,
                   static_cast<double>(3 * (4 * kD + 4) * rows)},
                  [&](cudaStream_t stream) {
                    launch(merge_launch(rows, kD), stream, merge_attention_kernel<kD>, 2, rows,
                           static_cast<const float*>(parts.data()),
                           static_cast<const float*>(lse_parts.data()), o.data(), lse.data());
                  });
}

}  // namespace

void run_attention(Session& session) {
  check<bfloat16_t>(session);
  check<float>(session);
  check_merge(session);
  if (session.checks_only()) return;
  for (const int length : {4096, 1024, 8192, 2048, 16384, 512}) {
    measure<bfloat16_t>(session, {1, 32, 8, length, length, true, 0});
    measure<bfloat16_t>(session, {1, 32, 8, length, length, false, 0});
    measure<float>(session, {1, 32, 8, length, length, false, 0});  // a hop of Ring Attention
    measure_merge(session, std::int64_t{32} * length);
  }
  for (const int keys : {2048, 8192, 32768}) {  // a chunk of a prefill
    measure<bfloat16_t>(session, {1, 32, 8, 512, keys, true, keys - 512});
  }
  for (const int batch : {4, 16}) {
    measure<bfloat16_t>(session, {batch, 32, 8, 1024, 1024, true, 0});
    measure<bfloat16_t>(session, {batch, 32, 32, 1024, 1024, true, 0});
  }
  measure<float>(session, {1, 32, 8, 32768, 32768, false, 0});
}

}  // namespace orrery::kernels
