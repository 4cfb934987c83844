#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kernels/common/convert.hpp"
#include "kernels/common/verdict.hpp"
#include "kernels/pack/strided_pack.cuh"
#include "kernels/reference/values.hpp"

namespace orrery::kernels {

/// The offsets of a block's bytes in its buffer, in the order in which they are packed.
inline std::vector<std::size_t> bytes_of(const StridedBlock& block) {
  std::vector<std::size_t> offsets;
  for (std::int64_t z = 0; z < block.counts[2]; ++z) {
    for (std::int64_t y = 0; y < block.counts[1]; ++y) {
      for (std::int64_t x = 0; x < block.counts[0]; ++x) {
        offsets.push_back(static_cast<std::size_t>(block.start + x + y * block.strides[1] +
                                                   z * block.strides[2]));
      }
    }
  }
  return offsets;
}

/// Packs a block of a buffer of `extent` bytes and unpacks it into another, of which no other byte
/// may change.
template <class Runner>
std::vector<Verdict> check_pack(Runner& runner, const StridedBlock& block, std::size_t extent) {
  using Bytes = typename Runner::template Array<std::uint8_t>;
  const auto from = narrow<std::uint8_t>(reference::uniform(extent, "pack", 0, 256));
  const auto untouched = narrow<std::uint8_t>(reference::uniform(extent, "unpack", 0, 256));
  const auto offsets = bytes_of(block);
  std::vector<double> packed_expected;
  std::vector<double> unpacked_expected = widen(untouched);
  for (const std::size_t offset : offsets) {
    packed_expected.push_back(from[offset]);
    unpacked_expected[offset] = from[offset];
  }

  Bytes source(from), packed(offsets.size()), target(untouched);
  const int word = word_bytes(block, source.data(), packed.data());
  const Launch shape = move_strided_launch(block, word, 4);  // few blocks: threads go round
  with_word<Direction::kPack>(word, [&](auto kernel) {
    runner.launch(shape, kernel, block, source.data(), packed.data());
  });
  with_word<Direction::kUnpack>(word, [&](auto kernel) {
    runner.launch(shape, kernel, block, target.data(), packed.data());
  });
  const std::vector<std::pair<std::string, std::int64_t>> sizes{{"block_bytes", block.counts[0]},
                                                                {"rows", block.counts[1]},
                                                                {"planes", block.counts[2]},
                                                                {"word_bytes", word}};
  return {{"pack", sizes, reference::largest_error(widen(packed.host()), packed_expected), 0},
          {"unpack", sizes, reference::largest_error(widen(target.host()), unpacked_expected), 0}};
}

}  // namespace orrery::kernels
