#pragma once

// How 4-bit integers lie in words, and how a word of eight becomes the two words of four bytes that
// the int8 fragment of a tensor core wants. Weights are stored in the order in which threads need
// them, so that this costs three logic operations for eight weights and no shuffles. Source: QServe
// (Lin et al. 2024, arXiv 2405.04532), section 5.2, "compute-aware weight reorder" and
// "register-level parallelism".
//
//   word t of a run of 32 values    byte 0        byte 1        byte 2        byte 3
//     low nibble, value             4 t           4 t + 1       4 t + 2       4 t + 3
//     high nibble, value            16 + 4 t      16 + 4 t + 1  16 + 4 t + 2  16 + 4 t + 3

#include <cstdint>

#include "kernels/product/words.cuh"

namespace orrery::kernels {

/// Eight consecutive values, the first in the lowest nibble: what an int4 fragment multiplies.
__host__ __device__ inline std::uint32_t pack_int4(const std::int8_t* values) {
  std::uint32_t word = 0;
  for (int i = 0; i < 8; ++i) {
    word |= (static_cast<std::uint32_t>(values[i]) & 0xfU) << (4 * i);
  }
  return word;
}

/// Word `t` of a run of 32 values, in the order above: what becomes an int8 fragment.
__host__ __device__ inline std::uint32_t pack_int4_to_widen(const std::int8_t* values, int t) {
  std::uint32_t word = 0;
  for (int i = 0; i < 4; ++i) {
    word |= (static_cast<std::uint32_t>(values[4 * t + i]) & 0xfU) << (8 * i);
    word |= (static_cast<std::uint32_t>(values[16 + 4 * t + i]) & 0xfU) << (8 * i + 4);
  }
  return word;
}

/// Byte by byte x - y modulo 256. No borrow crosses a byte: the top bits are set before and mended
/// after. Source: Warren, Hacker's Delight, 2nd ed., section 2-18.
__host__ __device__ inline std::uint32_t subtract_bytes(std::uint32_t x, std::uint32_t y) {
  constexpr std::uint32_t kTop = 0x80808080U;
  return ((x | kTop) - (y & ~kTop)) ^ ((x ^ ~y) & kTop);
}

}  // namespace orrery::kernels
