#pragma once

// Words of 32 bits and what they hold.

#include <cstdint>
#include <cstring>

#include "kernels/common/portable.cuh"

namespace orrery::kernels {

/// The first of the two bf16 in a word: bf16 is the upper half of an fp32.
__host__ __device__ inline float low_bf16(std::uint32_t word) {
  word <<= 16;
  float value;
  std::memcpy(&value, &word, sizeof value);
  return value;
}
/// The second of the two bf16 in a word.
__host__ __device__ inline float high_bf16(std::uint32_t word) {
  word &= 0xffff0000U;
  float value;
  std::memcpy(&value, &word, sizeof value);
  return value;
}
/// One load of 16 bytes; `place` is aligned to them.
template <class T>
__device__ __forceinline__ void load_16_bytes(const T* place, std::uint32_t (&words)[4]) {
#if defined(__CUDACC__)
  const uint4 held = *reinterpret_cast<const uint4*>(place);
  words[0] = held.x;
  words[1] = held.y;
  words[2] = held.z;
  words[3] = held.w;
#else
  std::memcpy(words, static_cast<const void*>(place), sizeof words);
#endif
}
/// One store of 16 bytes; `place` is aligned to them.
template <class T>
__device__ __forceinline__ void store_16_bytes(T* place, const std::uint32_t (&words)[4]) {
#if defined(__CUDACC__)
  *reinterpret_cast<uint4*>(place) = make_uint4(words[0], words[1], words[2], words[3]);
#else
  std::memcpy(static_cast<void*>(place), words, sizeof words);
#endif
}

}  // namespace orrery::kernels
