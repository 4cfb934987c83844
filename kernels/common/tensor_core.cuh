#pragma once

// mma.sync and ldmatrix, with which a warp multiplies small matrices. In the emulation the lanes
// meet and one of them does the work on the fragments of all, in the layout of the PTX ISA: what
// runs there is the same kernel, its fragments included. Lane = 4 group + pair.

#include "kernels/common/portable.cuh"

namespace orrery::kernels {

#if !defined(__CUDACC__)
namespace emulation {

struct MmaInput {
  std::uint32_t a[4], b[2];
};
template <class C>
struct MmaSum {
  C c[4];
};

/// Element `i` of a fragment register.
template <class T>
T element(std::uint32_t word, int i) {
  T value;
  std::memcpy(&value,
              reinterpret_cast<const char*>(&word) + static_cast<std::size_t>(i) * sizeof(T),
              sizeof(T));
  return value;
}

template <class C, class T>
C widened(T value) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<C>(value);
  } else {
    return static_cast<C>(value.widen());
  }
}

/// c (16, 8) += a (16, K) b (K, 8), K = 16 for 16-bit elements and 32 for 8-bit ones.
/// Source: PTX ISA, "Matrix Fragments for mma.m16n8k16" and "... m16n8k32".
template <class T, class C>
void mma(C (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  constexpr int kInWord = 4 / static_cast<int>(sizeof(T));
  constexpr int kK = 8 * kInWord;
  MmaInput input{{a[0], a[1], a[2], a[3]}, {b[0], b[1]}};
  const auto sums =
      exchange<MmaSum<C>>("mma", kFullWarp, input, [](const MmaInput(&all)[32], unsigned lane) {
        MmaSum<C> sum{};
        const unsigned group = lane / 4, pair = lane % 4;
        for (unsigned i = 0; i < 4; ++i) {
          const unsigned row = group + 8 * (i / 2), column = 2 * pair + i % 2;
          for (int k = 0; k < kK; ++k) {
            // k = half of the fragment, lane within the group, element within the register
            const int half = k / (kK / 2), owner = k % (kK / 2) / kInWord, inside = k % kInWord;
            const MmaInput& left = all[row % 8 * 4 + static_cast<unsigned>(owner)];
            const MmaInput& right = all[column * 4 + static_cast<unsigned>(owner)];
            sum.c[i] +=
                widened<C>(element<T>(left.a[2 * half + static_cast<int>(row / 8)], inside)) *
                widened<C>(element<T>(right.b[half], inside));
          }
        }
        return sum;
      });
  for (int i = 0; i < 4; ++i) c[i] += sums.c[i];
}

}  // namespace emulation
#endif

/// c (16, 8) += a (16, 16) b (16, 8) in single precision; T is half_t or bfloat16_t.
template <class T>
__device__ __forceinline__ void mma_16x8x16(float (&c)[4], const std::uint32_t (&a)[4],
                                            const std::uint32_t (&b)[2]) {
#if defined(__CUDACC__)
  if constexpr (std::is_same_v<T, half_t>) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
        "{%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  } else {
    static_assert(std::is_same_v<T, bfloat16_t>, "elements are fp16 or bf16");
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, "
        "{%8,%9}, "
        "{%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  }
#else
  emulation::mma<T>(c, a, b);
#endif
}

/// c (16, 8) += a (16, 32) b (32, 8) of signed bytes, in 32-bit integers.
__device__ __forceinline__ void mma_16x8x32_s8(int (&c)[4], const std::uint32_t (&a)[4],
                                               const std::uint32_t (&b)[2]) {
#if defined(__CUDACC__)
  asm volatile(
      "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  emulation::mma<std::int8_t>(c, a, b);
#endif
}

/// Loads four 8x8 matrices of 16-bit elements from shared memory. Lane l gives the address of row l
/// % 8 of matrix l / 8 (16 bytes, aligned); it receives of matrix m, in words[m], row l / 4,
/// columns 2 (l % 4) and the next. kTransposed: of the transposed matrices. Source: PTX ISA,
/// "Warp-level matrix load instruction: ldmatrix".
template <bool kTransposed>
__device__ __forceinline__ void load_matrices(std::uint32_t (&words)[4], const void* row) {
#if defined(__CUDACC__)
  const auto place = static_cast<unsigned>(__cvta_generic_to_shared(row));
  if constexpr (kTransposed) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
                 : "r"(place)
                 : "memory");
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
                 : "r"(place)
                 : "memory");
  }
#else
  struct Words {
    std::uint32_t of[4];
  };
  const auto bytes = static_cast<const std::uint16_t*>(row);
  const auto loaded = emulation::exchange<Words>(
      "ldmatrix", kFullWarp, bytes, [](const std::uint16_t* const(&rows)[32], unsigned lane) {
        Words result{};
        for (unsigned m = 0; m < 4; ++m) {
          for (unsigned i = 0; i < 2; ++i) {
            const unsigned outer = lane / 4, inner = 2 * (lane % 4) + i;
            const std::uint16_t value =
                kTransposed ? rows[8 * m + inner][outer] : rows[8 * m + outer][inner];
            result.of[m] |= std::uint32_t{value} << (16 * i);
          }
        }
        return result;
      });
  for (int m = 0; m < 4; ++m) words[m] = loaded.of[m];
#endif
}

/// Two values as a register holds them, the first in the low half.
template <class T>
__device__ __forceinline__ std::uint32_t pack(float first, float second) {
  static_assert(sizeof(T) == 2, "a register holds two 16-bit values");
  const T values[2] = {from_float<T>(first), from_float<T>(second)};
  std::uint32_t word;
  memcpy(&word, values, 4);
  return word;
}

/// Stores two packed values at once; the place is aligned to 4.
template <class T>
__device__ __forceinline__ void store_pair(T* place, std::uint32_t word) {
#if defined(__CUDACC__)
  *reinterpret_cast<std::uint32_t*>(place) = word;
#else
  std::memcpy(static_cast<void*>(place), &word, sizeof word);
#endif
}

}  // namespace orrery::kernels
