#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernels/common/convert.hpp"
#include "kernels/gemm/tiled_gemm.cuh"
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
