#pragma once

#include <algorithm>
#include <cstdint>

#include "sim/base/units.hpp"

namespace orrery {

/// Most pieces that one message is cut into, whatever the chunk size.
inline constexpr std::int64_t kMaximumPieces = 1024;

/// Size of part `index` when `whole` is cut into `count` parts that differ by at most one byte.
inline Bytes part_of(Bytes whole, std::int64_t index, std::int64_t count) {
  const auto cut = [&](std::int64_t i) {
    return whole.count() / count * i + whole.count() % count * i / count;
  };
  return Bytes(cut(index + 1) - cut(index));
}

/// Pieces that a message of `size` is cut into so that none exceeds `chunk` (0: one), at most
/// kMaximumPieces.
inline int pieces_of(Bytes size, Bytes chunk) {
  if (chunk <= Bytes(0) || size <= chunk) return 1;
  const std::int64_t pieces = (size.count() - 1) / chunk.count() + 1;
  return static_cast<int>(std::clamp<std::int64_t>(pieces, 1, kMaximumPieces));
}

/// A buffer cut into parts, one for each member, and these into pieces no larger than the chunk.
class Pieces {
 public:
  Pieces(Bytes size, int parts, Bytes chunk)
      : size_(size),
        parts_(parts),
        pieces_(pieces_of(part_of(size, parts - 1, parts), chunk)),
        equal_(size.count() % (static_cast<std::int64_t>(parts) * pieces_) == 0),
        smallest_(size.count() / (static_cast<std::int64_t>(parts) * pieces_)) {}

  int per_part() const { return pieces_; }
  /// Whether all pieces of all parts are of one size.
  bool equal() const { return equal_; }
  Bytes size(int part, int piece) const {
    return equal_ ? smallest_ : part_of(part_of(size_, part, parts_), piece, pieces_);
  }

 private:
  Bytes size_;
  int parts_;
  int pieces_;
  bool equal_;
  Bytes smallest_;
};

}  // namespace orrery
