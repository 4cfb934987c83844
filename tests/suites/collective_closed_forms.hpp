#pragma once

#include <algorithm>
#include <map>
#include <string>

#include "models/collective/collective.hpp"
#include "models/collective/parts.hpp"
#include "tests/suites/collective_walk.hpp"

namespace orrery {

inline constexpr int kBroadcasts = -1;
inline constexpr int kMembersDiffer = -2;
inline constexpr int kReduces = -3;
inline constexpr int kByRounding =
    200;  // of many blocks; says nothing where n does not divide the size

/// What theory says of an algorithm: n members, a buffer of `size`, all in one node.
struct ClosedForm {
  CollectiveKind kind = CollectiveKind::all_reduce;
  /// Blocks that the buffer is cut into, and the most that one message holds.
  std::int64_t (*blocks)(int n) = nullptr;
  std::int64_t (*widest)(int n) = nullptr;
  /// Steps when a block is cut into `pieces`.
  std::int64_t (*steps)(int n, std::int64_t pieces) = nullptr;
  /// What all members together send, in n-ths of the size.
  std::int64_t (*nths)(int n) = nullptr;
  /// Every member sends an n-th of that, but for so many blocks that may be a byte smaller or
  /// larger; or members differ: those of a chain as a case of its own says.
  int uneven_blocks = 0;
  bool pipeline = false;  // has a chunk of its own
  /// In place of `steps`, where they depend on the chunk.
  std::int64_t (*cut_steps)(int n, std::int64_t pieces, Bytes chunk) = nullptr;

  std::int64_t steps_of(int n, std::int64_t pieces, Bytes chunk) const {
    return cut_steps != nullptr ? cut_steps(n, pieces, chunk) : steps(n, pieces);
  }

  Bytes largest(Bytes size, int n) const {
    return widest(n) * Bytes(ceil_ratio(size.count(), blocks(n)));
  }
  std::int64_t pieces(Bytes size, int n, Bytes chunk) const {
    if (chunk == Bytes(0)) return 1;
    const std::int64_t share = std::max<std::int64_t>(chunk.count() / widest(n), 1);
    const std::int64_t pieces = ceil_ratio(ceil_ratio(size.count(), blocks(n)), share);
    return std::clamp<std::int64_t>(pieces, 1, kMaximumPieces);
  }
};

/// By the names of builtin_collectives().
const std::map<std::string, ClosedForm>& closed_forms();

}  // namespace orrery
