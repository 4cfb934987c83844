#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/common/convert.hpp"
#include "kernels/emulation/runner.hpp"
#include "kernels/product/block_gemm.cuh"
#include "kernels/reference/gemm.hpp"
#include "kernels/reference/values.hpp"

namespace orrery::kernels {
namespace {

/// One warp multiplies A (16, k) by B (8, k), rows of eight words each.
template <class Mma>
__global__ void multiply_once(const std::uint32_t* a, const std::uint32_t* b,
                              typename Mma::Sum* c) {
  const unsigned lane = threadIdx.x;
  std::uint32_t a_words[4];
  std::uint32_t b_words[2];
  typename Mma::Sum sum[4] = {};
  for (unsigned r = 0; r < 4; ++r) {
    a_words[r] = a[(lane / 4 + 8 * (r % 2)) * 8 + lane % 4 + 4 * (r / 2)];
  }
  for (unsigned r = 0; r < 2; ++r) {
    b_words[r] = b[lane / 4 * 8 + lane % 4 + 4 * r];
  }
  Mma::multiply(sum, a_words, b_words);
  for (unsigned r = 0; r < 4; ++r) {
    c[(lane / 4 + 8 * (r / 2)) * 8 + 2 * (lane % 4) + r % 2] = sum[r];
  }
}

/// Values of `kBits` bits each from words, extended by sign.
std::vector<double> fields(const std::vector<std::uint32_t>& words, unsigned bits) {
  std::vector<double> values;
  for (const std::uint32_t word : words) {
    for (unsigned shift = 0; shift < 32; shift += bits) {
      const std::uint32_t field = (word >> shift) & ((1U << bits) - 1);
      const bool negative = (field >> (bits - 1)) != 0;
      values.push_back(static_cast<double>(field) - (negative ? double(1U << bits) : 0));
    }
  }
  return values;
}

std::vector<std::uint32_t> random_words(std::size_t count, std::string_view name) {
  std::vector<std::uint32_t> words;
  for (const double value : reference::uniform(count, name, 0, 4294967296.0)) {
    words.push_back(static_cast<std::uint32_t>(value));
  }
  return words;
}

template <class Mma>
std::vector<double> product_of(std::vector<std::uint32_t> a, std::vector<std::uint32_t> b) {
  std::vector<typename Mma::Sum> c(16 * 8);
  EmulatedRunner("mma").launch({.grid = {1, 1, 1}, .block = {32, 1, 1}}, multiply_once<Mma>,
                               static_cast<const std::uint32_t*>(a.data()),
                               static_cast<const std::uint32_t*>(b.data()), c.data());
  return widen(c);
}

TEST(Mma, MultipliesSignedBytesAndNibblesExactly) {
  const auto a = random_words(16 * 8, "a");
  const auto b = random_words(8 * 8, "b");
  EXPECT_EQ(product_of<MmaInt8>(a, b), reference::gemm(16, 8, 32, fields(a, 8), fields(b, 8)));
  EXPECT_EQ(product_of<MmaInt4>(a, b), reference::gemm(16, 8, 64, fields(a, 4), fields(b, 4)));
}

TEST(Mma, CountsTheBitsThatDiffer) {
  const auto a = random_words(16 * 8, "a");
  const auto b = random_words(8 * 8, "b");
  const auto sign = [](const std::vector<std::uint32_t>& words) {
    std::vector<double> values = fields(words, 1);  // 0 and -1
    for (double& value : values) {
      value = 1 + 2 * value;
    }
    return values;
  };
  auto expected = reference::gemm(16, 8, 256, sign(a), sign(b));  // equal less differing
  for (double& value : expected) {
    value = (256 - value) / 2;
  }
  EXPECT_EQ(product_of<MmaBit>(a, b), expected);
}

TEST(Mma, MultipliesPairsOfBf16) {
  const auto a = reference::uniform(16 * 16, "a");
  const auto b = reference::uniform(8 * 16, "b");
  const auto words = [](const std::vector<double>& values) {
    std::vector<std::uint32_t> packed;
    for (std::size_t i = 0; i < values.size(); i += 2) {
      packed.push_back(
          pack<bfloat16_t>(static_cast<float>(values[i]), static_cast<float>(values[i + 1])));
    }
    return packed;
  };
  const auto expected =
      reference::gemm(16, 8, 16, widen(narrow<bfloat16_t>(a)), widen(narrow<bfloat16_t>(b)));
  EXPECT_LE(reference::largest_error(product_of<MmaBf16>(words(a), words(b)), expected), 1e-6);
}

/// One warp multiplies A (16, 32) by B (8, 32), of bytes, its fragments filled element by element
/// as the PTX ISA tabulates them for m16n8k32 of .s8:
///   a_i  row g for i in [0, 4) and [8, 12), else g + 8; column 4 t + i % 4, and 16 more from i = 8
///   b_i  row of k 4 t + i % 4, and 16 more from i = 4; column g
///   c_i  row g for i < 2, else g + 8; column 2 t + i % 2
__global__ void multiply_by_the_manual(const std::int8_t* a, const std::int8_t* b,
                                       std::int32_t* c) {
  const unsigned g = threadIdx.x / 4;
  const unsigned t = threadIdx.x % 4;
  std::uint32_t a_words[4] = {};
  std::uint32_t b_words[2] = {};
  std::int32_t sum[4] = {};
  for (unsigned i = 0; i < 16; ++i) {
    const unsigned row = i < 4 || (i >= 8 && i < 12) ? g : g + 8;
    const unsigned column = 4 * t + i % 4 + (i >= 8 ? 16 : 0);
    a_words[i / 4] |= std::uint32_t{static_cast<std::uint8_t>(a[row * 32 + column])}
                      << (8 * (i % 4));
  }
  for (unsigned i = 0; i < 8; ++i) {
    const unsigned row = 4 * t + i % 4 + (i >= 4 ? 16 : 0);
    b_words[i / 4] |= std::uint32_t{static_cast<std::uint8_t>(b[g * 32 + row])} << (8 * (i % 4));
  }
  MmaInt8::multiply(sum, a_words, b_words);
  for (unsigned i = 0; i < 4; ++i) {
    c[(i < 2 ? g : g + 8) * 8 + 2 * t + i % 2] = sum[i];
  }
}

TEST(Mma, TakesFragmentsAsThePtxManualTabulatesThem) {
  const auto a = narrow<std::int8_t>(reference::uniform(16 * 32, "a", -128, 128));
  const auto b = narrow<std::int8_t>(reference::uniform(8 * 32, "b", -128, 128));
  std::vector<std::int32_t> c(16 * 8);
  EmulatedRunner("manual").launch({.grid = {1, 1, 1}, .block = {32, 1, 1}}, multiply_by_the_manual,
                                  a.data(), b.data(), c.data());
  EXPECT_EQ(widen(c), reference::gemm(16, 8, 32, widen(a), widen(b)));
}

/// C = A_0 B_0^T + A_1 B_1^T, one tile, by two products in the same shared memory.
///   a (2, kM, k)   b (2, kN, k)   c (kM, kN)
template <int kM, int kN>
__global__ void multiply_tile(const bfloat16_t* a, const bfloat16_t* b, float* c, int stages) {
  auto& tile = shared_memory<BlockTile<kM, kN>>();
  BlockSum<MmaBf16, kM, kN> sum;
  const int k = 32 * stages;
  for (int i = 0; i < 2; ++i) {
    multiply_block(
        tile, stages,
        [&](int row, int stage, int chunk) {
          return row == kM - 1 ? nullptr : a + (i * kM + row) * k + 32 * stage + 8 * chunk;
        },
        [&](int row, int stage, int chunk) {
          return b + (i * kN + row) * k + 32 * stage + 8 * chunk;
        },
        PlainFragment{}, sum);
  }
  visit_sum(sum, [&](int row, int column, float element) { c[row * kN + column] = element; });
}

/// One of the two matrices that lie one after the other.
std::vector<double> half_of(const std::vector<bfloat16_t>& both, std::ptrdiff_t which) {
  const auto size = static_cast<std::ptrdiff_t>(both.size() / 2);
  return widen(std::vector(both.begin() + which * size, both.begin() + (which + 1) * size));
}

TEST(BlockGemm, MultipliesInAnyNumberOfStagesAndReadsNullAsZeros) {
  constexpr int kM = 64;
  constexpr int kN = 48;
  for (const int stages : {0, 1, 2, kStages, 7}) {
    const auto k = static_cast<std::size_t>(32 * stages);
    const auto a = narrow<bfloat16_t>(reference::uniform(2 * kM * k, "a"));
    const auto b = narrow<bfloat16_t>(reference::uniform(2 * kN * k, "b"));
    std::vector<float> c(kM * kN, -1);
    EmulatedRunner("stages " + std::to_string(stages))
        .launch({.grid = {1, 1, 1},
                 .block = {kBlockThreads, 1, 1},
                 .shared_bytes = sizeof(BlockTile<kM, kN>)},
                multiply_tile<kM, kN>, a.data(), b.data(), c.data(), stages);
    auto expected = reference::gemm(kM, kN, 32 * stages, half_of(a, 0), half_of(b, 0));
    const auto second = reference::gemm(kM, kN, 32 * stages, half_of(a, 1), half_of(b, 1));
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += second[i];
    for (std::size_t column = 0; column < kN; ++column) {
      expected[(kM - 1) * kN + column] = 0;  // the row that had no address
    }
    EXPECT_LE(reference::largest_error(widen(c), expected), 1e-6) << stages;
  }
}

}  // namespace
}  // namespace orrery::kernels
