#pragma once

// Gathers a strided block of up to three dimensions into contiguous memory, and scatters it back:
// what an MPI derived type of vectors and subarrays asks for, in one launch instead of one copy per
// block. The contiguous side may be device memory or mapped pinned memory of the host ("one-shot"):
// the kernel only sees a pointer. Source: TEMPI (Pearson et al., HPDC 2021, arXiv 2012.14363),
// sections 3 and 4: canonical form StridedBlock {start, counts, strides}, a word as wide as
// alignment allows. Bytes moved: 2 x block.
//
//   counts[0] bytes, contiguous        strides[1]            counts[1] of them, and counts[2] of
//   those
//   |#####|.............|#####|.............|#####|

#include <cstdint>

#include "kernels/common/portable.cuh"

namespace orrery::kernels {

/// Bytes {start + x + y strides[1] + z strides[2]} of a buffer, x < counts[0] and so on. A
/// dimension that is not there has a count of 1.
struct StridedBlock {
  std::int64_t start;
  std::int64_t counts[3];   // counts[0] in bytes; >= 1
  std::int64_t strides[3];  // in bytes; strides[0] is 1
};

/// The widest word, of 16, 8, 4, 2 or 1 bytes, in which the block can be moved to or from memory at
/// `strided` and `packed`: one that divides the addresses, the block length and the strides that
/// are used.
inline int word_bytes(const StridedBlock& block, const void* strided, const void* packed) {
  std::uint64_t all =
      reinterpret_cast<std::uintptr_t>(strided) + static_cast<std::uint64_t>(block.start);
  all |= reinterpret_cast<std::uintptr_t>(packed) | static_cast<std::uint64_t>(block.counts[0]);
  for (int i = 1; i < 3; ++i) {
    all |= block.counts[i] > 1 ? static_cast<std::uint64_t>(block.strides[i]) : 0;
  }
  int word = 16;
  while (all % static_cast<std::uint64_t>(word) != 0) {
    word /= 2;
  }
  return word;
}

enum class Direction { kPack, kUnpack };

/// Any grid of one dimension: threads stride over the words, neighbours next to each other in the
/// contiguous side.
template <class Word, Direction kDirection>
__global__ void move_strided(StridedBlock block, std::uint8_t* strided, std::uint8_t* packed) {
  static_assert((sizeof(Word) & (sizeof(Word) - 1)) == 0 && sizeof(Word) <= 16,
                "a thread moves one aligned word of 1, 2, 4, 8 or 16 bytes");
  const std::int64_t words = block.counts[0] / static_cast<std::int64_t>(sizeof(Word));  // in a row
  const std::int64_t rows = block.counts[1] * block.counts[2];
  auto* contiguous = reinterpret_cast<Word*>(packed);  // (counts[2], counts[1], words)
  const std::int64_t stride = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < rows * words;
       i += stride) {
    const std::int64_t row = i / words;
    const std::int64_t at = block.start + i % words * static_cast<std::int64_t>(sizeof(Word)) +
                            row % block.counts[1] * block.strides[1] +
                            row / block.counts[1] * block.strides[2];
    auto* word = reinterpret_cast<Word*>(strided + at);
    if constexpr (kDirection == Direction::kPack) {
      contiguous[i] = *word;
    } else {
      *word = contiguous[i];
    }
  }
}

inline constexpr int kPackThreads = 256;

/// As many blocks as there are words for, up to `most_blocks`.
inline Launch move_strided_launch(const StridedBlock& block, int word, int most_blocks) {
  const std::int64_t words = block.counts[0] / word * block.counts[1] * block.counts[2];
  const std::int64_t blocks = ceil_div(words, std::int64_t{kPackThreads});
  return {.grid = {static_cast<unsigned>(blocks < most_blocks ? blocks : most_blocks), 1, 1},
          .block = {kPackThreads, 1, 1}};
}

/// Calls use(kernel) with the kernel that moves words of `word` bytes.
template <Direction kDirection, class Use>
void with_word(int word, const Use& use) {
  switch (word) {
    case 16:
      return use(move_strided<uint4, kDirection>);
    case 8:
      return use(move_strided<uint2, kDirection>);
    case 4:
      return use(move_strided<std::uint32_t, kDirection>);
    case 2:
      return use(move_strided<std::uint16_t, kDirection>);
    default:
      return use(move_strided<std::uint8_t, kDirection>);
  }
}

}  // namespace orrery::kernels
