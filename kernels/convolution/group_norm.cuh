#pragma once

// Group normalisation of a band of rows: what each device computes of its own band, (mean, mean of
// squares) per image and group, and the normalisation by statistics in which other bands took part.
// Source: DistriFusion (Li et al., CVPR 2024), section 4, "Corrected asynchronous GroupNorm"; its
// code, modules/pp/groupnorm.py: the statistics of the last step, of all bands, corrected by how
// much this band's have changed since; the band's own where the corrected variance is negative.
// Both kernels are bound by memory: partial reads 2, normalise reads 2 and writes 2 bytes per
// element.

#include <cstdint>

#include "kernels/common/warp.cuh"

namespace orrery::kernels {

inline constexpr int kGroupNormThreads = 512;

struct GroupNorm {
  int images;
  int pixels;    // of the band
  int channels;  // a multiple of groups
  int groups;
  float epsilon;
  const bfloat16_t* input = nullptr;  // (images, pixels, channels)
  float* partial = nullptr;           // (2, images, groups): E[x], E[x^2] of this band
  const float* stale_all =
      nullptr;  // (2, images, groups): of all bands, a step ago; null: use `partial`
  const float* stale_own = nullptr;  // (2, images, groups): of this band, a step ago
  const float* scale = nullptr;      // (channels)
  const float* shift = nullptr;      // (channels)
  bfloat16_t* output = nullptr;      // (images, pixels, channels)
};

/// A block for each group of each image.
__global__ void group_norm_partial(GroupNorm args) {
  constexpr int kWarps = kGroupNormThreads / 32;
  auto& part = shared_memory<float[2][kWarps]>();
  const auto group = static_cast<int>(blockIdx.x);
  const auto image = static_cast<int>(blockIdx.y);
  const int width = args.channels / args.groups;
  const bfloat16_t* input =
      args.input + std::int64_t{image} * args.pixels * args.channels + group * width;

  float sum = 0;
  float squares = 0;
  for (int i = static_cast<int>(threadIdx.x); i < args.pixels * width; i += kGroupNormThreads) {
    const float x = to_float(input[std::int64_t{i / width} * args.channels + i % width]);
    sum += x;
    squares += x * x;
  }
  sum = warp_sum(sum);
  squares = warp_sum(squares);
  if (threadIdx.x % 32 == 0) {
    part[0][threadIdx.x / 32] = sum;
    part[1][threadIdx.x / 32] = squares;
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    sum = 0;
    squares = 0;
    for (int warp = 0; warp < kWarps; ++warp) {
      sum += part[0][warp];
      squares += part[1][warp];
    }
    const auto count = static_cast<float>(args.pixels * width);
    const int at = image * args.groups + group;
    args.partial[at] = sum / count;
    args.partial[args.images * args.groups + at] = squares / count;
  }
}

inline Launch group_norm_partial_launch(const GroupNorm& args) {
  return {.grid = {static_cast<unsigned>(args.groups), static_cast<unsigned>(args.images), 1},
          .block = {kGroupNormThreads, 1, 1},
          .shared_bytes = sizeof(float[2][kGroupNormThreads / 32])};
}

/// Threads stride over the elements, so any grid of one dimension will do.
__global__ void group_norm_normalise(GroupNorm args) {
  const int width = args.channels / args.groups;
  const int second = args.images * args.groups;
  const std::int64_t count = std::int64_t{args.images} * args.pixels * args.channels;
  const std::int64_t stride = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count;
       i += stride) {
    const auto channel = static_cast<int>(i % args.channels);
    const auto image = static_cast<int>(i / args.channels / args.pixels);
    const int at = image * args.groups + channel / width;
    float mean = args.partial[at];
    float variance = args.partial[second + at] - mean * mean;
    if (args.stale_all != nullptr) {
      const float all = args.stale_all[at] + (mean - args.stale_own[at]);
      const float squares =
          args.stale_all[second + at] + (args.partial[second + at] - args.stale_own[second + at]);
      const float corrected = squares - all * all;
      mean = corrected < 0 ? mean : all;
      variance = corrected < 0 ? variance : corrected;
    }
    const float x = (to_float(args.input[i]) - mean) / sqrtf(fmaxf(variance, 0) + args.epsilon);
    args.output[i] = from_float<bfloat16_t>(x * args.scale[channel] + args.shift[channel]);
  }
}

inline Launch group_norm_normalise_launch(const GroupNorm& args) {
  const std::int64_t count = std::int64_t{args.images} * args.pixels * args.channels;
  const std::int64_t blocks = ceil_div(count, std::int64_t{256});
  return {.grid = {static_cast<unsigned>(blocks < 16384 ? blocks : 16384), 1, 1},
          .block = {256, 1, 1}};
}

}  // namespace orrery::kernels
