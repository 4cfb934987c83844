// A mixture of experts' kernels by tokens, experts and skew: routing table, permute, grouped
// product, unpermute.
#include <algorithm>

#include "kernels/calibrate/family.hpp"
#include "kernels/calibrate/runner.cuh"
#include "kernels/moe/check.hpp"

namespace orrery::kernels {

namespace {

constexpr int kTileM = 64;  // an expert's last tile is half empty on average
constexpr int kTileN = 128;

struct Layer {
  int tokens;
  int choices;
  int experts;
  int width;   // of a token
  int hidden;  // of an expert
};

void measure(Session& session, const Layer& layer, int skew) {
  const auto chosen = skewed_choices(layer.tokens, layer.choices, layer.experts, skew);
  const int rows = layer.tokens * layer.choices;
  const DeviceArray<int> chosen_array(chosen);
  const DeviceArray<int> offset(static_cast<std::size_t>(layer.experts) + 1);
  const DeviceArray<int> position(static_cast<std::size_t>(rows));
  const DeviceArray<int> source(static_cast<std::size_t>(rows));
  const auto input = arbitrary<bfloat16_t>(std::int64_t{layer.tokens} * layer.width);
  const auto permuted = arbitrary<bfloat16_t>(std::int64_t{rows} * layer.width);
  const auto weight =
      arbitrary<bfloat16_t>(std::int64_t{layer.experts} * layer.hidden * layer.width);
  const auto gate = arbitrary<float>(rows);
  const DeviceArray<bfloat16_t> product(static_cast<std::size_t>(rows) *
                                        static_cast<std::size_t>(layer.hidden));
  const DeviceArray<bfloat16_t> output(input.size());
  const Routing routing{.tokens = layer.tokens,
                        .choices = layer.choices,
                        .experts = layer.experts,
                        .expert_of = chosen_array.data(),
                        .offset = offset.data(),
                        .position = position.data(),
                        .source = source.data()};
  const GroupedGemm gemm{.experts = layer.experts,
                         .n = layer.hidden,
                         .k = layer.width,
                         .offset = offset.data(),
                         .input = permuted.data(),
                         .weight = weight.data(),
                         .output = product.data()};
  std::vector<int> load(static_cast<std::size_t>(layer.experts));
  for (const int expert : chosen) ++load[static_cast<std::size_t>(expert)];
  const auto used = layer.experts - std::count(load.begin(), load.end(), 0);
  const Shape shape = experts_shape({.tokens = layer.tokens,
                                     .width = layer.width,
                                     .hidden = layer.hidden,
                                     .choices = layer.choices,
                                     .experts = layer.experts,
                                     .skew = skew,
                                     .most_loaded = *std::max_element(load.begin(), load.end())});
  const double r = rows;
  const double t = layer.tokens;
  const double w = layer.width;
  const double h = layer.hidden;
  launch(route_launch(routing), nullptr, route, routing);  // the kernels after it need its tables
  session.measure({"route", shape, "int32", 0, 4 * r * 3}, [&](cudaStream_t stream) {
    launch(route_launch(routing), stream, route, routing);
  });
  session.measure({"permute", shape, "bf16", 0, 2 * w * (t + r)}, [&](cudaStream_t stream) {
    launch(permute_launch(routing), stream, permute, routing,
           static_cast<const bfloat16_t*>(input.data()), permuted.data(), layer.width);
  });
  session.measure({"grouped_gemm", shape, "bf16", 2 * r * h * w,
                   2 * (r * (h + w) + static_cast<double>(used) * h * w)},
                  [&](cudaStream_t stream) {
                    launch(grouped_gemm_launch<kTileM, kTileN>(gemm, rows), stream,
                           grouped_gemm<kTileM, kTileN>, gemm);
                  });
  session.measure({"unpermute", shape, "bf16", 2 * r * w, 2 * w * (t + r)},
                  [&](cudaStream_t stream) {
                    launch(unpermute_launch(routing), stream, unpermute, routing,
                           static_cast<const bfloat16_t*>(permuted.data()),
                           static_cast<const float*>(gate.data()), output.data(), layer.width);
                  });
}

}  // namespace

void run_moe(Session& session) {
  DeviceRunner runner;
  report(session, check_experts<kTileM, kTileN>(runner, 700, 4, 37, 160));
  report(session, check_experts<kTileM, kTileN>(runner, 5, 1, 64, 64));
  if (session.checks_only()) return;
  for (const int skew : {0, 1, 3}) {
    for (const int tokens : {16, 256, 4096, 16384}) {
      measure(session, {tokens, 2, 8, 4096, 14336}, skew);   // Mixtral-8x7B's w1
      measure(session, {tokens, 8, 128, 2048, 768}, skew);   // Qwen3-30B-A3B's
      measure(session, {tokens, 8, 256, 7168, 2048}, skew);  // DeepSeek-V3's
    }
  }
}

}  // namespace orrery::kernels
