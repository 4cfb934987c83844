#pragma once

#include <algorithm>
#include <cstdint>

#include "models/collective/collective.hpp"
#include "sim/base/units.hpp"

namespace orrery {

/// Most pieces that one message is cut into, whatever the chunk size.
inline constexpr std::int64_t kMaximumPieces = 1024;

/// A chain or tree that is not cut is no pipeline, so there is a chunk size even where none was
/// asked for; 512 KiB is the step of NCCL's Simple protocol (assumed: recalled from its buffer of 4
/// MiB in 8 steps, NCCL_BUFFSIZE in NVIDIA's NCCL user guide).
inline constexpr Bytes kPipelineChunk = Bytes(524'288);

/// The chunk of a tree that carries `slice` bytes over `depth` messages one after the other to its
/// root: smaller than a chain's while too few would be under way to fill the tree (assumed:
/// recalled from NCCL's src/enqueue.cc, its tree up and down).
inline Bytes tree_chunk(Bytes slice, int depth) {
  Bytes chunk = kPipelineChunk;
  const auto too_few = [&](int wanted, std::int64_t least) {
    return slice / chunk.count() < Bytes(wanted) && chunk > Bytes(least);
  };
  while (too_few(8 * depth, 131'072)) chunk = chunk / 2;
  while (too_few(4 * depth, 65'536)) chunk = chunk / 2;
  while (too_few(depth, 32'768)) chunk = chunk / 2;
  return chunk;
}

/// The chunk of a chain that carries `slice` bytes over `links` one after the other: a
/// (4 links)-th, so that filling the chain takes a quarter longer, not less than the least of a
/// tree and not more than kPipelineChunk (assumed, as in a tree).
inline Bytes chain_chunk(Bytes slice, int links) {
  return std::clamp(Bytes((slice.count() + 4 * links - 1) / (4 * links)), Bytes(32'768),
                    kPipelineChunk);
}

/// Where part `index` begins when `whole` is cut into `count` parts that differ by at most one
/// byte.
inline Bytes before_part(Bytes whole, std::int64_t index, std::int64_t count) {
  return Bytes(whole.count() / count * index + whole.count() % count * index / count);
}
/// The size of that part.
inline Bytes part_of(Bytes whole, std::int64_t index, std::int64_t count) {
  return before_part(whole, index + 1, count) - before_part(whole, index, count);
}

/// Pieces that a message of `size` is cut into so that none exceeds `chunk` (0: one), at most
/// kMaximumPieces.
inline int pieces_of(Bytes size, Bytes chunk) {
  if (chunk <= Bytes(0) || size <= chunk) return 1;
  const std::int64_t pieces = (size.count() - 1) / chunk.count() + 1;
  return static_cast<int>(std::clamp<std::int64_t>(pieces, 1, kMaximumPieces));
}

/// A channel's slice of a buffer that is cut into parts, one for each member: of every part as many
/// pieces, in all channels, as make none larger than the chunk.
class Pieces {
 public:
  Pieces(Bytes size, int parts, Bytes chunk, int channel = 0, int channels = 1)
      : size_(size),
        parts_(parts),
        pieces_(pieces_of(part_of(part_of(size, parts - 1, parts), channels - 1, channels), chunk)),
        first_(channel * pieces_),
        all_(channels * pieces_),
        equal_(size.count() % (static_cast<std::int64_t>(parts) * all_) == 0),
        smallest_(size.count() / (static_cast<std::int64_t>(parts) * all_)) {}

  int per_part() const { return pieces_; }
  /// Whether all pieces of all parts are of one size.
  bool equal() const { return equal_; }
  Bytes size(int part, int piece) const {
    return equal_ ? smallest_ : part_of(part_of(size_, part, parts_), first_ + piece, all_);
  }
  /// That piece of `count` parts in a row, of the first after the last: parts are of two sizes, a
  /// byte apart.
  Bytes size_of_row(int part, int count, int piece) const {
    if (equal_) return count * smallest_;
    const Bytes part_size = size_ / parts_;
    const std::int64_t larger =
        (before_part(size_, part + count, parts_) - before_part(size_, part, parts_)).count() -
        count * part_size.count();
    return (count - larger) * part_of(part_size, first_ + piece, all_) +
           larger * part_of(part_size + Bytes(1), first_ + piece, all_);
  }
  /// The same piece as a place in the buffer of message number `send`.
  Payload payload(std::size_t send, int part, int piece) const {
    const Bytes begin = before_part(size_, part, parts_) +
                        before_part(part_of(size_, part, parts_), first_ + piece, all_);
    return {send, begin.count(), (begin + size(part, piece)).count()};
  }
  /// The same where every member's buffer holds something else.
  Payload payload_from(int member, std::size_t send, int part, int piece) const {
    Payload payload = this->payload(send, part, piece);
    payload.begin += member * size_.count();
    payload.end += member * size_.count();
    return payload;
  }

 private:
  Bytes size_;
  int parts_;
  int pieces_;  // of a part, for this channel
  int first_;   // of them among those of all channels
  int all_;
  bool equal_;
  Bytes smallest_;
};

}  // namespace orrery
