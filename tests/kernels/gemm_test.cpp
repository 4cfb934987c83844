#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernels/common/convert.hpp"
#include "kernels/gemm/tiled_gemm.cuh"
#include "kernels/gemm/wgmma_gemm.cuh"
#include "kernels/reference/gemm.hpp"
#include "kernels/reference/values.hpp"

namespace orrery::kernels {
namespace {

using emulation::Order;

template <class T>
std::string name_of(const GemmShape& shape, int sms) {
  return std::string(std::is_same_v<T, half_t> ? "half" : "bf16") + std::to_string(shape.m) + "x" +
         std::to_string(shape.n) + "x" + std::to_string(shape.k) + " on " + std::to_string(sms);
}

/// Half a unit in the last place of the result's format, and twice as much for sums in single
/// precision.
template <class T>
constexpr double kTolerance = std::is_same_v<T, half_t> ? 0x1p-10 : 0x1p-7;

/// Runs the kernel on random operands and compares all of C, then that every tile was signalled.
template <class Tile>
void expect_right(const GemmShape& shape, int sms) {
  using T = typename Tile::Element;
  const std::string name = name_of<T>(shape, sms);
  const auto size = [](int rows, int columns) {
    return static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns);
  };
  const auto a = narrow<T>(reference::uniform(size(shape.m, shape.k), name + " a"));
  const auto b = narrow<T>(reference::uniform(size(shape.n, shape.k), name + " b"));
  std::vector<T> c(size(shape.m, shape.n));
  std::vector<unsigned> done(static_cast<std::size_t>(gemm_tiles<Tile>(shape)));
  emulation::launch(gemm_launch<Tile>(shape, sms), Order::named(name), tiled_gemm_kernel<Tile>,
                    shape, a.data(), b.data(), c.data(), done.data(), 7u);
  const auto expected = reference::gemm(shape.m, shape.n, shape.k, widen(a), widen(b));
  EXPECT_LE(reference::largest_error(widen(c), expected), kTolerance<T>) << name;
  EXPECT_EQ(done, std::vector<unsigned>(done.size(), 7u)) << name;
}

// wgmma itself runs on a GPU alone; here is what it is told, and where its results are.
TEST(WgmmaGemm, TheSumsOfAGroupCoverItsRowsAndColumnsOnce) {
  std::vector<int> held(64 * 128);
  for (int thread = 0; thread < 128; ++thread) {
    for (int i = 0; i < 64; ++i) {
      ++held.at(static_cast<std::size_t>(wgmma_row(thread, i) * 128 + wgmma_column(thread, i)));
    }
  }
  EXPECT_EQ(held, std::vector<int>(held.size(), 1));
  for (int thread = 0; thread < 128; ++thread) {
    for (int i = 0; i < 64; i += 2) {  // pairs are stored at once
      EXPECT_EQ(wgmma_row(thread, i), wgmma_row(thread, i + 1));
      EXPECT_EQ(wgmma_column(thread, i) + 1, wgmma_column(thread, i + 1));
    }
  }
}

/// The TMA puts (row, column) of a box of 2-byte elements, 64 a row, where the 128-byte swizzle
/// says: 16-byte chunks of a row are permuted by the row within eight (CUDA driver API,
/// CU_TENSOR_MAP_SWIZZLE_128B). A descriptor leads wgmma there: rows of an atom 128 B apart, atoms
/// by its distance, and address bits 4 to 6 by bits 7 to 9 (PTX ISA, "Swizzling Modes").
TEST(WgmmaGemm, DescriptorsLeadToWhatTheTmaPut) {
  using Tile = WgmmaTile<bfloat16_t>;
  const std::uint32_t base = 3 * kSwizzleAtom;
  for (std::uint32_t first_row = 0; first_row < Tile::kM; first_row += 64) {
    for (std::uint32_t k = 0; k < Tile::kK / 16; ++k) {
      const std::uint64_t descriptor = wgmma_descriptor(base + first_row * 128 + 32 * k);
      const auto start = static_cast<std::uint32_t>(descriptor & 0x3fff) << 4;
      const auto stride = static_cast<std::uint32_t>(descriptor >> 32 & 0x3fff) << 4;
      EXPECT_EQ(descriptor >> 62, 1U);
      for (std::uint32_t row = 0; row < 64; ++row) {
        for (std::uint32_t column = 0; column < 16; ++column) {
          std::uint32_t read = start + row / 8 * stride + row % 8 * 128 + 2 * column;
          read ^= (read >> 7 & 7) << 4;
          const std::uint32_t in_row = 2 * (16 * k + column);
          const std::uint32_t put =
              base + (first_row + row) * 128 + ((in_row / 16) ^ row % 8) * 16 + in_row % 16;
          ASSERT_EQ(read, put) << first_row << " " << k << " " << row << " " << column;
        }
      }
    }
  }
}

TEST(TiledGemm, AgreesWithTheReferenceAtTilesAndTheirEdges) {
  using Small = GemmTile<half_t, 32, 32, 16, 2, 2, 2>;
  expect_right<Small>({32, 32, 16}, 1);   // one tile, one step
  expect_right<Small>({32, 32, 8}, 1);    // less than a step
  expect_right<Small>({33, 34, 24}, 2);   // one more than a tile each way
  expect_right<Small>({1, 2, 8}, 4);      // the least
  expect_right<Small>({300, 70, 40}, 3);  // more than a group of eight rows of tiles
  using Deep = GemmTile<bfloat16_t, 32, 64, 32, 1, 2, 4>;
  expect_right<Deep>({64, 64, 32}, 2);      // fewer steps than stages
  expect_right<Deep>({50, 100, 200}, 100);  // more SMs than tiles
}

TEST(TiledGemm, TheTileThatIsTimedIsRightToo) {
  expect_right<LargeGemmTile<bfloat16_t>>({140, 136, 72}, 3);
}

TEST(TiledGemm, TilesAreNumberedOverTheWholeMatrixOnce) {
  using Tile = GemmTile<half_t, 32, 32, 16, 2, 2, 2>;
  const GemmShape shape{17 * 32 - 5, 3 * 32, 16};
  std::vector<int> seen(17 * 3);
  for (int tile = 0; tile < gemm_tiles<Tile>(shape); ++tile) {
    int row = -1, column = -1;
    gemm_tile_origin<Tile>(shape, tile, row, column);
    ASSERT_TRUE(row % 32 == 0 && row < shape.m && column % 32 == 0 && column < shape.n) << tile;
    ++seen[static_cast<std::size_t>(row / 32 * 3 + column / 32)];
  }
  EXPECT_EQ(seen, std::vector<int>(17 * 3, 1));
}

TEST(TiledGemm, AConsumerAddsWhatIsSignalled) {
  using Tile = GemmTile<half_t, 32, 32, 16, 2, 2, 2>;
  const GemmShape shape{40, 66, 8};
  const auto values = narrow<half_t>(reference::uniform(40 * 66, "consumer"));
  const std::vector<unsigned> done(static_cast<std::size_t>(gemm_tiles<Tile>(shape)), 3u);
  std::vector<float> to(values.size(), 1.0f);
  emulation::launch(gemm_launch<Tile>(shape, 2), Order::named("consumer"),
                    add_finished_tiles_kernel<Tile>, shape, values.data(), done.data(), 3u,
                    to.data());
  for (std::size_t i = 0; i < to.size(); ++i) EXPECT_EQ(to[i], 1.0f + to_float(values[i])) << i;
}

}  // namespace
}  // namespace orrery::kernels
