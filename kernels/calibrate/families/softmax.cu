// Softmaxes by length of the row: whether bytes moved, 4 N, 5 N, 3 N and 3 N, decide.
#include "kernels/calibrate/family.hpp"
#include "kernels/calibrate/fill.cuh"
#include "kernels/common/convert.hpp"
#include "kernels/reference/softmax.hpp"
#include "kernels/reference/values.hpp"
#include "kernels/softmax/three_pass.cuh"
#include "kernels/softmax/two_pass.cuh"

namespace orrery::kernels {

namespace {

/// Operands of all algorithms.
struct Data {
  SoftmaxShape shape;
  const DeviceArray<float>& x;
  const DeviceArray<float>& y;
  const DeviceArray<float2>& first;
  const DeviceArray<float2>& second;
};

template <bool kStore>
void max_and_sum(const Data& d, cudaStream_t stream) {
  const Launch grid = softmax_launch(d.shape);
  const float* x = d.x.data();
  launch(grid, stream, softmax_max_kernel<float>, d.shape, x, d.first.data());
  launch(grid, stream, softmax_sum_kernel<float, kStore>, d.shape, x,
         static_cast<const float2*>(d.first.data()), d.y.data(), d.second.data());
}

void recompute(const Data& d, cudaStream_t stream) {
  max_and_sum<false>(d, stream);
  launch(softmax_launch(d.shape), stream, softmax_recompute_kernel<float>, d.shape,
         static_cast<const float*>(d.x.data()), static_cast<const float2*>(d.second.data()),
         d.y.data());
}

void reload(const Data& d, cudaStream_t stream) {
  max_and_sum<true>(d, stream);
  launch(softmax_launch(d.shape), stream, softmax_reload_kernel<float>, d.shape,
         static_cast<const float2*>(d.second.data()), d.y.data());
}

void pairs(const Data& d, cudaStream_t stream) {
  const float* x = d.x.data();
  const float2* partial = d.first.data();
  launch(softmax_launch(d.shape), stream, softmax_accumulate_kernel<float, ScaledFloat>, d.shape, x,
         d.first.data());
  launch(softmax_launch(d.shape), stream, softmax_pairs_kernel<float>, d.shape, x, partial,
         d.y.data());
}

void online(const Data& d, cudaStream_t stream) {
  const float* x = d.x.data();
  const float2* partial = d.first.data();
  launch(softmax_launch(d.shape), stream, softmax_accumulate_kernel<float, OnlineSum>, d.shape, x,
         d.first.data());
  launch(softmax_launch(d.shape), stream, softmax_online_kernel<float>, d.shape, x, partial,
         d.y.data());
}

struct Algorithm {
  const char* name;
  int moves;  // of each element between chip and memory
  void (*run)(const Data& data, cudaStream_t stream);
};

constexpr Algorithm kAlgorithms[] = {{"softmax_three_pass_recompute", 4, recompute},
                                     {"softmax_three_pass_reload", 5, reload},
                                     {"softmax_two_pass_pairs", 3, pairs},
                                     {"softmax_online", 3, online}};

void check(Session& session) {
  const SoftmaxShape shape = softmax_shape(3, 100'000);
  const auto x = narrow<float>(reference::uniform(300'000, "softmax", -10, 10));
  const auto right = reference::softmax(3, 100'000, widen(x));
  const DeviceArray<float> in(x);
  for (const Algorithm& algorithm : kAlgorithms) {
    const DeviceArray<float> out(x.size());
    const DeviceArray<float2> first(static_cast<std::size_t>(3 * shape.segments())),
        second(first.size());
    algorithm.run({shape, in, out, first, second}, nullptr);
    session.check(algorithm.name, {{"rows", 3}, {"columns", 100'000}},
                  reference::largest_error(widen(out.host()), right), 1e-5);
  }
}

void measure(Session& session, int rows, std::int64_t columns) {
  const SoftmaxShape shape = softmax_shape(rows, columns);
  const auto count = static_cast<std::size_t>(rows * columns);
  const auto x = random_array<float>(count, 1, -10, 10);
  const DeviceArray<float> y(count);
  const DeviceArray<float2> first(static_cast<std::size_t>(rows) *
                                  static_cast<std::size_t>(shape.segments()));
  const DeviceArray<float2> second(first.size());
  for (const Algorithm& algorithm : kAlgorithms) {
    session.measure({algorithm.name,
                     {{"rows", rows}, {"columns", columns}},
                     "fp32",
                     0,
                     algorithm.moves * 4.0 * static_cast<double>(count)},
                    [&](cudaStream_t stream) {
                      algorithm.run({shape, x, y, first, second}, stream);
                    });
  }
}

}  // namespace

void run_softmax(Session& session) {
  check(session);
  if (session.checks_only()) return;
  for (const std::int64_t columns : {1'000'000, 1'000, 100'000'000, 100'000, 10'000, 10'000'000}) {
    measure(session, static_cast<int>(std::max<std::int64_t>(1, 100'000'000 / columns)), columns);
    // What fits into L2 is not moved from memory again.
    measure(session, static_cast<int>(std::max<std::int64_t>(1, 1'000'000 / columns)), columns);
  }
}

}  // namespace orrery::kernels
