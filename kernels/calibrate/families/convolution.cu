// 3x3 convolution and GroupNorm of SDXL's U-Net on whole images and on bands of 1/2, 1/4 and 1/8 of
// the rows.
#include "kernels/calibrate/family.hpp"
#include "kernels/calibrate/runner.cuh"
#include "kernels/convolution/check.hpp"

namespace orrery::kernels {

namespace {

constexpr int kTile = 128;  // pixels and output channels of a block
constexpr int kImages = 2;  // both branches of classifier-free guidance

void measure_convolution(Session& session, int rows, int width, int channels) {
  const std::int64_t pixels = std::int64_t{kImages} * rows * width;
  const std::int64_t halo = std::int64_t{kImages} * width;
  const auto input = arbitrary<bfloat16_t>(pixels * channels);
  const auto above = arbitrary<bfloat16_t>(halo * channels);
  const auto below = arbitrary<bfloat16_t>(halo * channels);
  const auto weight = arbitrary<bfloat16_t>(std::int64_t{9} * channels * channels);
  const DeviceArray<bfloat16_t> output(static_cast<std::size_t>(pixels * channels));
  const Convolution args{.images = kImages,
                         .rows = rows,
                         .width = width,
                         .inputs = channels,
                         .outputs = channels,
                         .input = input.data(),
                         .halo_above = above.data(),
                         .halo_below = below.data(),
                         .weight = weight.data(),
                         .output = output.data()};
  const Shape shape = convolution_shape(kImages, rows, width, channels, channels);
  const auto p = static_cast<double>(pixels);
  const double c = channels;
  session.measure({"convolve_3x3", shape, "bf16", 18 * p * c * c,
                   2 * c * (2 * p + 2 * static_cast<double>(halo) + 9 * c)},
                  [&](cudaStream_t stream) {
                    launch(convolve_3x3_launch<kTile, kTile>(args), stream,
                           convolve_3x3<kTile, kTile>, args);
                  });
}

void measure_group_norm(Session& session, int rows, int width, int channels) {
  constexpr int kGroups = 32;
  const int pixels = rows * width;
  const std::int64_t count = std::int64_t{kImages} * pixels * channels;
  const auto input = arbitrary<bfloat16_t>(count);
  const auto statistics = DeviceArray<float>(std::vector<float>(2 * kImages * kGroups, 1.0F));
  const DeviceArray<float> partial(2 * kImages * kGroups);
  const DeviceArray<float> factors(static_cast<std::size_t>(channels));
  const DeviceArray<bfloat16_t> output(static_cast<std::size_t>(count));
  const GroupNorm args{.images = kImages,
                       .pixels = pixels,
                       .channels = channels,
                       .groups = kGroups,
                       .epsilon = 1e-5F,
                       .input = input.data(),
                       .partial = partial.data(),
                       .stale_all = statistics.data(),
                       .stale_own = statistics.data(),
                       .scale = factors.data(),
                       .shift = factors.data(),
                       .output = output.data()};
  const Shape shape{
      {"batch_size", kImages}, {"pixels", pixels}, {"channels", channels}, {"groups", kGroups}};
  const auto elements = static_cast<double>(count);
  session.measure({"group_norm_partial", shape, "bf16", 3 * elements, 2 * elements},
                  [&](cudaStream_t stream) {
                    launch(group_norm_partial_launch(args), stream, group_norm_partial, args);
                  });
  session.measure({"group_norm_normalise", shape, "bf16", 4 * elements, 4 * elements},
                  [&](cudaStream_t stream) {
                    launch(group_norm_normalise_launch(args), stream, group_norm_normalise, args);
                  });
}

}  // namespace

void run_convolution(Session& session) {
  DeviceRunner runner;
  report(session,
         check_convolution<32, 32>(
             runner, {.images = 2, .rows = 3, .width = 5, .inputs = 64, .outputs = 40}, 3));
  report(session,
         check_convolution<kTile, kTile>(
             runner, {.images = 1, .rows = 9, .width = 20, .inputs = 96, .outputs = 136}, 3));
  report(
      session,
      check_group_norm(
          runner, {.images = 2, .pixels = 777, .channels = 320, .groups = 32, .epsilon = 1e-5F}));
  if (session.checks_only()) return;
  // Latents of images of 1024 and 2048 pixels on a side, at the U-Net's three levels.
  for (const int side : {128, 256}) {
    for (const int level : {0, 1, 2}) {
      for (const int devices : {1, 2, 4, 8}) {
        const int width = side >> level;
        measure_convolution(session, width / devices, width, 320 << level);
        measure_group_norm(session, width / devices, width, 320 << level);
      }
    }
  }
}

}  // namespace orrery::kernels
