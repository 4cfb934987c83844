#pragma once

// A 3x3 convolution of stride 1 on a band of rows of an image, as an implicit matrix product: rows
// of A are pixels, its columns the 9 taps x input channels, gathered as they are needed and never
// stored. The rows above and below the band belong to neighbours and come as tensors of their own,
// the halo; a null halo is the image's border and reads as zeros. In patch-parallel diffusion a
// device convolves its band with halos of the step before. Source: DistriFusion (Li et al., CVPR
// 2024), section 4; its code, modules/pp/conv2d.py.
//
//   halo_above   ...........   row -1        FLOPs 2 * 9 * pixels * inputs * outputs
//   input        ...........   row 0         bytes 2 * (inputs * (pixels + halo) + 9 * inputs *
//   outputs
//                ...........   row rows - 1              + outputs * pixels)
//   halo_below   ...........   row rows

#include <cstdint>

#include "kernels/product/block_gemm.cuh"

namespace orrery::kernels {

struct Convolution {
  int images;
  int rows;  // of the band
  int width;
  int inputs;                              // channels; a multiple of 32
  int outputs;                             // channels
  const bfloat16_t* input = nullptr;       // (images, rows, width, inputs)
  const bfloat16_t* halo_above = nullptr;  // (images, width, inputs), or null
  const bfloat16_t* halo_below = nullptr;  // (images, width, inputs), or null
  const bfloat16_t* weight = nullptr;      // (outputs, 3, 3, inputs)
  bfloat16_t* output = nullptr;            // (images, rows, width, outputs)
};

/// Where 8 channels of the pixel at (row, column) lie; null outside the image.
inline __device__ const bfloat16_t* pixel(const Convolution& args, int image, int row, int column,
                                          int channel) {
  if (column < 0 || column >= args.width) {
    return nullptr;
  }
  if (row < 0 || row >= args.rows) {
    const bfloat16_t* halo = row < 0 ? args.halo_above : args.halo_below;
    return halo == nullptr
               ? nullptr
               : halo + (std::int64_t{image} * args.width + column) * args.inputs + channel;
  }
  const std::int64_t at = (std::int64_t{image} * args.rows + row) * args.width + column;
  return args.input + at * args.inputs + channel;
}

/// A block computes kM pixels x kN output channels.
template <int kM, int kN>
__global__ void convolve_3x3(Convolution args) {
  static_assert(kM >= 32 && kN >= 16, "a tile has at least one fragment for each warp");
  auto& tile = shared_memory<BlockTile<kM, kN>>();
  const int pixels = args.images * args.rows * args.width;
  const int row0 = static_cast<int>(blockIdx.y) * kM;
  const int column0 = static_cast<int>(blockIdx.x) * kN;
  const int stages_per_tap = args.inputs / 32;

  BlockSum<MmaBf16, kM, kN> sum;  // (kM pixels, kN outputs)
  multiply_block(
      tile, 9 * stages_per_tap,
      [&](int row, int stage, int chunk) -> const bfloat16_t* {
        const int at = row0 + row;
        if (at >= pixels) {
          return nullptr;
        }
        const int tap = stage / stages_per_tap;
        const int column = at % args.width + tap % 3 - 1;
        const int line = at / args.width;
        return pixel(args, line / args.rows, line % args.rows + tap / 3 - 1, column,
                     stage % stages_per_tap * 32 + 8 * chunk);
      },
      [&](int row, int stage, int chunk) -> const bfloat16_t* {
        const int output = column0 + row;
        return output < args.outputs
                   ? args.weight + std::int64_t{output} * 9 * args.inputs + 32 * stage + 8 * chunk
                   : nullptr;
      },
      PlainFragment{}, sum);
  visit_sum(sum, [&](int row, int column, float element) {
    if (row0 + row < pixels && column0 + column < args.outputs) {
      args.output[std::int64_t{row0 + row} * args.outputs + column0 + column] =
          from_float<bfloat16_t>(element);
    }
  });
}

template <int kM, int kN>
Launch convolve_3x3_launch(const Convolution& args) {
  return {.grid = {static_cast<unsigned>(ceil_div(args.outputs, kN)),
                   static_cast<unsigned>(ceil_div(args.images * args.rows * args.width, kM)), 1},
          .block = {kBlockThreads, 1, 1},
          .shared_bytes = sizeof(BlockTile<kM, kN>)};
}

}  // namespace orrery::kernels
