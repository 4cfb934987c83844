#pragma once

// One warp's matrix multiply-accumulate, of one shape for every type.
//
// Each 16x8 form of mma.sync used here sees A as 16 rows and B as 8 rows (columns of the product)
// of eight 32-bit words along k; the type says only what a word holds: 2 bf16, 4 int8, 8 int4 or 32
// bits. With g = lane / 4 and t = lane % 4, a lane holds
//   a[r]  row g + 8 (r % 2), word t + 4 (r / 2)
//   b[r]  row g, word t + 4 r
//   c[r]  row g + 8 (r / 2), column 2 t + r % 2
// Source: PTX ISA 9.0, "Matrix multiply-accumulate operation using mma instruction", the fragments
// of .m16n8k16 (bf16), .m16n8k32 (s8), .m16n8k64 (s4) and .m16n8k256 (b1).

#include <cstdint>

#include "kernels/common/tensor_core.cuh"

namespace orrery::kernels {

#if defined(__CUDACC__)

#define ORRERY_MMA_OF_INTEGERS(FORM, c, a, b)                                                    \
  asm volatile("mma.sync.aligned." FORM " {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};" \
               : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])                                  \
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]))

#else

namespace emulation {

/// c += A B^T of words: `dot` is the product of two words. Lanes meet, as in `mma`.
template <class Dot>
void mma_of_words(std::int32_t (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2],
                  const Dot& dot) {
  const MmaInput own{{a[0], a[1], a[2], a[3]}, {b[0], b[1]}};
  const auto sums = exchange<MmaSum<std::int32_t>>(
      "mma", kFullWarp, own, [&dot](const MmaInput(&all)[32], unsigned lane) {
        MmaSum<std::int32_t> sum{};
        for (unsigned r = 0; r < 4; ++r) {
          const unsigned row = lane / 4 + 8 * (r / 2);
          const unsigned column = 2 * (lane % 4) + r % 2;
          for (unsigned word = 0; word < 8; ++word) {
            sum.c[r] += dot(all[row % 8 * 4 + word % 4].a[row / 8 + 2 * (word / 4)],
                            all[column * 4 + word % 4].b[word / 4]);
          }
        }
        return sum;
      });
  for (int r = 0; r < 4; ++r) c[r] += sums.c[r];
}

/// The product of two words of eight signed nibbles.
inline std::int32_t dot_of_nibbles(std::uint32_t a, std::uint32_t b) {
  std::int32_t sum = 0;
  for (int up = 0; up < 32; up += 4) {
    // To the top of the word and down again, which extends the sign.
    sum += (static_cast<std::int32_t>(a << up) >> 28) * (static_cast<std::int32_t>(b << up) >> 28);
  }
  return sum;
}

}  // namespace emulation

#endif

/// Two bf16 a word, the lower half first; sums in fp32.
struct MmaBf16 {
  using Sum = float;
  static constexpr int kPerWord = 2;
  /// c += A B^T for the 16x8 tile that the warp's fragments hold. All 32 lanes call it together.
  static __device__ __forceinline__ void multiply(float (&c)[4], const std::uint32_t (&a)[4],
                                                  const std::uint32_t (&b)[2]) {
    mma_16x8x16<bfloat16_t>(c, a, b);
  }
};

/// Four signed bytes a word; exact sums.
struct MmaInt8 {
  using Sum = std::int32_t;
  static constexpr int kPerWord = 4;
  static __device__ __forceinline__ void multiply(std::int32_t (&c)[4], const std::uint32_t (&a)[4],
                                                  const std::uint32_t (&b)[2]) {
    mma_16x8x32_s8(c, a, b);
  }
};

/// Eight signed nibbles a word; exact sums. Tensor cores since Hopper have no such rate: ptxas
/// expands it.
struct MmaInt4 {
  using Sum = std::int32_t;
  static constexpr int kPerWord = 8;
  static __device__ __forceinline__ void multiply(std::int32_t (&c)[4], const std::uint32_t (&a)[4],
                                                  const std::uint32_t (&b)[2]) {
#if defined(__CUDACC__)
    ORRERY_MMA_OF_INTEGERS("m16n8k64.row.col.s32.s4.s4.s32", c, a, b);
#else
    emulation::mma_of_words(c, a, b, emulation::dot_of_nibbles);
#endif
  }
};

/// 32 bits a word; the sum counts the positions in which they differ. Expanded by ptxas since
/// Hopper.
struct MmaBit {
  using Sum = std::int32_t;
  static constexpr int kPerWord = 32;
  static __device__ __forceinline__ void multiply(std::int32_t (&c)[4], const std::uint32_t (&a)[4],
                                                  const std::uint32_t (&b)[2]) {
#if defined(__CUDACC__)
    ORRERY_MMA_OF_INTEGERS("m16n8k256.row.col.s32.b1.b1.s32.xor.popc", c, a, b);
#else
    emulation::mma_of_words(c, a, b,
                            [](std::uint32_t x, std::uint32_t y) { return __popc(x ^ y); });
#endif
  }
};

#if defined(__CUDACC__)
#undef ORRERY_MMA_OF_INTEGERS
#endif

}  // namespace orrery::kernels
