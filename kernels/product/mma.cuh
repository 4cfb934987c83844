#pragma once

// One warp's matrix multiply-accumulate, of one shape for every type.
//
// Each 16x8 form of mma.sync used here sees A as 16 rows and B as 8 rows (columns of the product)
// of eight 32-bit words along k; the type says only what a word holds: 2 bf16, 4 int8, 8 int4 or 32
// bits. With g = lane / 4 and t = lane % 4, a lane holds
//   a[r]   row g + 8 (r % 2), word t + 4 (r / 2)
//   b[r]   row g, word t + 4 r
//   c[r]   row g + 8 (r / 2), column 2 t + r % 2
// Source: PTX ISA 9.0, "Matrix multiply-accumulate operation using mma instruction", the fragments
// of .m16n8k16 (bf16), .m16n8k32 (s8), .m16n8k64 (s4) and .m16n8k256 (b1).
//
// On the host the warp meets and multiplies its words one by one: the layout above is what is
// emulated, so a kernel that loads a fragment wrongly computes wrongly in the tests.

#include <cstdint>

#include "kernels/product/words.cuh"

namespace orrery::kernels {

/// Two bf16 a word, the lower half first; sums in fp32.
struct MmaBf16 {
  using Sum = float;
  static constexpr int kPerWord = 2;
  static __host__ __device__ Sum dot(std::uint32_t a, std::uint32_t b, Sum sum);
};

/// Four signed bytes a word; exact sums.
struct MmaInt8 {
  using Sum = std::int32_t;
  static constexpr int kPerWord = 4;
  static __host__ __device__ Sum dot(std::uint32_t a, std::uint32_t b, Sum sum);
};

/// Eight signed nibbles a word; exact sums. Tensor cores since Hopper have no such rate: ptxas
/// expands it.
struct MmaInt4 {
  using Sum = std::int32_t;
  static constexpr int kPerWord = 8;
  static __host__ __device__ Sum dot(std::uint32_t a, std::uint32_t b, Sum sum);
};

/// 32 bits a word; the sum counts the positions in which they differ. Expanded by ptxas since
/// Hopper.
struct MmaBit {
  using Sum = std::int32_t;
  static constexpr int kPerWord = 32;
  static __host__ __device__ Sum dot(std::uint32_t a, std::uint32_t b, Sum sum);
};

inline __host__ __device__ float MmaBf16::dot(std::uint32_t a, std::uint32_t b, float sum) {
  return sum + low_bf16(a) * low_bf16(b) + high_bf16(a) * high_bf16(b);
}

/// The product of two words of `kCount` signed fields, added to `sum`.
template <int kCount>
__host__ __device__ std::int32_t dot_signed(std::uint32_t a, std::uint32_t b, std::int32_t sum) {
  constexpr int kBits = 32 / kCount;
  for (int i = 0; i < kCount; ++i) {
    // To the top and back down again, which extends the sign.
    const int up = 32 - kBits * (i + 1);
    const auto x = static_cast<std::int32_t>(a << up) >> (32 - kBits);
    const auto y = static_cast<std::int32_t>(b << up) >> (32 - kBits);
    sum += x * y;
  }
  return sum;
}

inline __host__ __device__ std::int32_t MmaInt8::dot(std::uint32_t a, std::uint32_t b, Sum sum) {
  return dot_signed<4>(a, b, sum);
}
inline __host__ __device__ std::int32_t MmaInt4::dot(std::uint32_t a, std::uint32_t b, Sum sum) {
  return dot_signed<8>(a, b, sum);
}
inline __host__ __device__ std::int32_t MmaBit::dot(std::uint32_t a, std::uint32_t b, Sum sum) {
  std::uint32_t differ = a ^ b;
  for (; differ != 0; differ &= differ - 1) {
    ++sum;
  }
  return sum;
}

#if defined(__CUDACC__)

#define ORRERY_MMA(FORM, CONSTRAINT)                                                             \
  asm volatile("mma.sync.aligned." FORM " {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};" \
               : "+" CONSTRAINT(c[0]), "+" CONSTRAINT(c[1]), "+" CONSTRAINT(c[2]),               \
                 "+" CONSTRAINT(c[3])                                                            \
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]))

/// c += A B^T for the 16x8 tile that the warp's fragments hold. All 32 lanes call it together.
template <class Mma>
__device__ void mma(typename Mma::Sum (&c)[4], const std::uint32_t (&a)[4],
                    const std::uint32_t (&b)[2]) {
  if constexpr (Mma::kPerWord == 2) {
    ORRERY_MMA("m16n8k16.row.col.f32.bf16.bf16.f32", "f");
  } else if constexpr (Mma::kPerWord == 4) {
    ORRERY_MMA("m16n8k32.row.col.s32.s8.s8.s32", "r");
  } else if constexpr (Mma::kPerWord == 8) {
    ORRERY_MMA("m16n8k64.row.col.s32.s4.s4.s32", "r");
  } else {
    ORRERY_MMA("m16n8k256.row.col.s32.b1.b1.s32.xor.popc", "r");
  }
}

#undef ORRERY_MMA

#else

/// c += A B^T for the 16x8 tile that the warp's fragments hold. All 32 lanes call it together.
template <class Mma>
void mma(typename Mma::Sum (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  struct Fragments {
    std::uint32_t a[4];
    std::uint32_t b[2];
    typename Mma::Sum c[4];
  };
  const Fragments own{{a[0], a[1], a[2], a[3]}, {b[0], b[1]}, {c[0], c[1], c[2], c[3]}};
  const Fragments result = emulation::exchange<Fragments>(
      "mma", kFullWarp, own, [](const Fragments(&all)[32], unsigned lane) {
        Fragments sum = all[lane];
        for (unsigned r = 0; r < 4; ++r) {
          const unsigned row = lane / 4 + 8 * (r / 2);
          const unsigned column = 2 * (lane % 4) + r % 2;
          for (unsigned word = 0; word < 8; ++word) {
            const std::uint32_t x = all[row % 8 * 4 + word % 4].a[row / 8 + 2 * (word / 4)];
            const std::uint32_t y = all[column * 4 + word % 4].b[word / 4];
            sum.c[r] = Mma::dot(x, y, sum.c[r]);
          }
        }
        return sum;
      });
  for (int r = 0; r < 4; ++r) {
    c[r] = result.c[r];
  }
}

#endif

}  // namespace orrery::kernels
