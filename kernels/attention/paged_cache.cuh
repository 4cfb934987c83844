#pragma once

// The key-value cache of decode attention, in pages (PagedAttention, Kwon et al. 2023,
// arXiv:2309.06180), of 16-bit, 8-bit or 4-bit elements. The narrow ones are unsigned codes with a
// scale and an offset for each token and head (QServe, Lin et al. 2024, arXiv:2405.04532, KV4):
// value = code x scale + offset.

#include "kernels/common/portable.cuh"

namespace orrery::kernels {

/// A cache, or the part of it that a layer has. `k` and `v` hold (pages, kv_heads, tokens, D)
/// elements, the parameters (pages, kv_heads, tokens, 2).
struct PagedCache {
  const unsigned char* k;
  const unsigned char* v;
  const half_t* k_parameters;  // null for 16 bits
  const half_t* v_parameters;
  const int*
      page_table;  // (sequences, most_pages): page of the cache that holds a sequence's n-th page
  const int* lengths;  // (sequences): tokens
  int most_pages;
  int kv_heads;
};

/// Eight elements of a cache as floats; `bytes` is aligned to what they take.
template <int kBits>
__device__ __forceinline__ void load_eight(const unsigned char* bytes, float scale, float offset,
                                           float (&values)[8]) {
  static_assert(kBits == 16 || kBits == 8 || kBits == 4, "a cache has 16, 8 or 4 bits");
  if constexpr (kBits == 16) {
    const uint4 words = *reinterpret_cast<const uint4*>(bytes);
    const unsigned word[4] = {words.x, words.y, words.z, words.w};
    for (int i = 0; i < 8; ++i) {
      const auto half_bits = static_cast<unsigned short>(word[i / 2] >> (16 * (i % 2)));
      half_t value;
      memcpy(&value, &half_bits, 2);
      values[i] = to_float(value);
    }
  } else if constexpr (kBits == 8) {
    const uint2 words = *reinterpret_cast<const uint2*>(bytes);
    for (int i = 0; i < 8; ++i) {
      const unsigned code = ((i < 4 ? words.x : words.y) >> (8 * (i % 4))) & 0xffu;
      values[i] = fmaf(static_cast<float>(code), scale, offset);
    }
  } else {
    const unsigned word = *reinterpret_cast<const unsigned*>(bytes);
    for (int i = 0; i < 8; ++i) {
      values[i] = fmaf(static_cast<float>((word >> (4 * i)) & 0xfu), scale, offset);
    }
  }
}

}  // namespace orrery::kernels
