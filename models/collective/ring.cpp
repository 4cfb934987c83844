#include <numeric>

#include "models/collective/builtin.hpp"
#include "models/collective/channels.hpp"
#include "models/collective/parts.hpp"
#include "models/collective/ring_orders.hpp"

namespace orrery {
namespace {

/// Blocks around a ring: the buffer is n blocks, and in each round every member passes one block to
/// its successor; reducing rounds come first, copying rounds after. Patarasuk and Yuan 2009 (JPDC
/// 69(2), §3): bandwidth-optimal, 2(n-1) rounds of size/n for all-reduce, n-1 for its halves.
///
/// A block larger than the chunk is cut into pieces; member r then sends piece c of round k in step
/// k·pieces + c, which needs that piece of the round before: pieces are pipelined. `r` is a place
/// in the channel's order of the members.
class Ring final : public CollectiveProgram {
 public:
  struct Rounds {
    int reducing = 0;
    int copying = 0;
    int first_block = 0;  // member r starts with block r + first_block
  };

  Ring(const CollectiveCall& call, Rounds rounds, Channel channel)
      : members_(call.members),
        rounds_(rounds),
        pieces_(call.size, call.members, call.chunk, channel.index, channel.count),
        order_(std::move(channel.order)),
        place_(places_in(order_)) {}

  int steps() const override { return (rounds_.reducing + rounds_.copying) * pieces_.per_part(); }
  int lag() const override { return pieces_.per_part(); }
  int receives(int, int) const override { return 1; }
  int pattern(int step) const override {
    if (!pieces_.equal()) return step;
    const int copying = rounds_.reducing * pieces_.per_part();
    return step < copying ? 0 : copying;
  }

  void sends(int member, int step, std::vector<Send>& out) const override {
    const int per_part = pieces_.per_part();
    const int round = per_part == 1 ? step : step / per_part;
    const int block = pieces_.equal() ? 0 : block_of(member, round);  // any, where all are equal
    const Bytes bytes = pieces_.size(block, pieces_.equal() ? 0 : step % per_part);
    const int place = place_of(member);
    const int to = at(place + 1 < members_ ? place + 1 : 0);
    out.push_back(Send{to, bytes, round < rounds_.reducing});
  }
  void payloads(int member, int step, std::vector<Payload>& out) const override {
    const int round = step / pieces_.per_part();
    out.push_back(pieces_.payload(0, block_of(member, round), step % pieces_.per_part()));
  }

 private:
  int at(int place) const {
    return order_.empty() ? place : order_[static_cast<std::size_t>(place)];
  }
  int place_of(int member) const {
    return order_.empty() ? member : place_[static_cast<std::size_t>(member)];
  }
  /// In every round a member passes on the block it received in the round before, which is the one
  /// that its predecessor had: one index less. After reducing for n-1 rounds that holds still.
  int block_of(int member, int round) const {
    const int first = place_of(member) + rounds_.first_block;
    return at(((first - round) % members_ + members_) % members_);
  }

  int members_;
  Rounds rounds_;
  Pieces pieces_;
  std::vector<int> order_;
  std::vector<int> place_;  // by member, where there is an order
};

/// A channel's slice of a buffer as whole chunks and what is left: with equal pieces one more, of a
/// slightly larger slice, would make all of them smaller, and the slice sooner at the end of a
/// chain. NCCL cuts so (recalled from src/device/broadcast.h). What would be more than
/// kMaximumPieces is as many equal ones.
class Chunks {
 public:
  Chunks(Bytes size, Bytes chunk, const Channel& channel)
      : begin_(before_part(size, channel.index, channel.count)),
        slice_(part_of(size, channel.index, channel.count)),
        chunk_(chunk) {
    const Bytes largest = part_of(size, channel.count - 1, channel.count);  // as many in all
    count_ = pieces_of(largest, chunk);
    equal_ = largest > count_ * chunk;
  }

  int count() const { return count_; }
  /// So many of the first are known to be of one size.
  int alike() const {
    if (equal_) return slice_.count() % count_ == 0 ? count_ : 0;
    return size(count_ - 1) == chunk_ ? count_ : count_ - 1;
  }
  Bytes size(int index) const { return before(index + 1) - before(index); }
  Payload payload(int index) const {
    return {0, (begin_ + before(index)).count(), (begin_ + before(index + 1)).count()};
  }

 private:
  Bytes before(int index) const {
    return equal_ ? before_part(slice_, index, count_) : std::min(slice_, index * chunk_);
  }

  Bytes begin_;
  Bytes slice_;
  Bytes chunk_;
  int count_ = 1;
  bool equal_ = false;
};

/// Chunks follow each other along a chain: its place p sends chunk k-p in step k; C + n - 2 steps.
/// The chain is the channel's ring, cut before the root, which is its first place, or its last
/// where sums go to it: then it is walked backwards. NCCL's broadcast and reduce have the same
/// chain (nccl-tests, PERFORMANCE.md, "Broadcast", "Reduce": bus bandwidth = algorithm bandwidth).
class Chain final : public CollectiveProgram {
 public:
  enum class Root { first, last };

  Chain(const CollectiveCall& call, Root root, Channel channel)
      : members_(call.members),
        reduces_(root == Root::last),
        chunks_(call.size,
                call.chunk > Bytes(0)
                    ? call.chunk
                    : chain_chunk(part_of(call.size, channel.count - 1, channel.count),
                                  call.members - 1),
                channel),
        order_(std::move(channel.order)),
        ring_place_(places_in(order_)),
        root_ring_place_(ring_place_of(call.root)) {}

  int steps() const override { return chunks_.count() + members_ - 2; }
  int receives(int member, int step) const override {
    const int place = place_of(member);
    return place > 0 && has_chunk(step - (place - 1)) ? 1 : 0;
  }
  int pattern(int step) const override {
    // Between filling the chain and draining it every member but the last sends.
    const bool full = step >= members_ - 2 && step < chunks_.alike();
    return full ? members_ - 2 : step;
  }
  void sends(int member, int step, std::vector<Send>& out) const override {
    const int chunk = step - place_of(member);
    if (place_of(member) == members_ - 1 || !has_chunk(chunk)) return;
    const int on = ring_place_of(member) + (reduces_ ? members_ - 1 : 1);
    const int next = on % members_;
    const int to = order_.empty() ? next : order_[static_cast<std::size_t>(next)];
    out.push_back(Send{to, chunks_.size(chunk), reduces_});
  }
  void payloads(int member, int step, std::vector<Payload>& out) const override {
    const int chunk = step - place_of(member);
    if (place_of(member) == members_ - 1 || !has_chunk(chunk)) return;
    out.push_back(chunks_.payload(chunk));
  }

 private:
  int ring_place_of(int member) const {
    return order_.empty() ? member : ring_place_[static_cast<std::size_t>(member)];
  }
  /// In the chain.
  int place_of(int member) const {
    const int distance = (ring_place_of(member) - root_ring_place_ + members_) % members_;
    return reduces_ ? members_ - 1 - distance : distance;
  }
  bool has_chunk(int chunk) const { return chunk >= 0 && chunk < chunks_.count(); }

  int members_;
  bool reduces_;
  Chunks chunks_;
  std::vector<int> order_;
  std::vector<int> ring_place_;  // by member, where there is an order
  int root_ring_place_;
};

std::vector<int> natural_order(int members) {
  std::vector<int> order(static_cast<std::size_t>(members));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

/// A ring in each channel of the site.
std::unique_ptr<CollectiveProgram> make_rings(const CollectiveCall& call, Ring::Rounds rounds) {
  return side_by_side(ring_orders(call), [&](Channel channel) {
    return std::make_unique<Ring>(call, rounds, std::move(channel));
  });
}

}  // namespace

std::unique_ptr<CollectiveProgram> make_ring_all_reduce(const CollectiveCall& call) {
  const int rounds = call.members - 1;
  return make_rings(call, {.reducing = rounds, .copying = rounds});
}

std::unique_ptr<CollectiveProgram> make_bidirectional_ring_all_reduce(const CollectiveCall& call) {
  if (rings_go_both_ways(call)) return make_ring_all_reduce(call);
  const int rounds = call.members - 1;
  std::vector<std::vector<int>> orders = ring_orders(call);
  for (std::size_t ring = orders.size(); ring-- > 0;) {
    if (orders[ring].empty()) orders[ring] = natural_order(call.members);
    orders.emplace_back(orders[ring].rbegin(), orders[ring].rend());
  }
  return side_by_side(std::move(orders), [&](Channel channel) {
    return std::make_unique<Ring>(call, Ring::Rounds{.reducing = rounds, .copying = rounds},
                                  std::move(channel));
  });
}

std::unique_ptr<CollectiveProgram> make_ring_all_gather(const CollectiveCall& call) {
  return make_rings(call, {.copying = call.members - 1});
}

std::unique_ptr<CollectiveProgram> make_ring_reduce_scatter(const CollectiveCall& call) {
  // Starting one block earlier, member r ends with block r.
  return make_rings(call, {.reducing = call.members - 1, .first_block = call.members - 1});
}

std::unique_ptr<CollectiveProgram> make_ring_broadcast(const CollectiveCall& call) {
  return side_by_side(ring_orders(call), [&](Channel channel) {
    return std::make_unique<Chain>(call, Chain::Root::first, std::move(channel));
  });
}

std::unique_ptr<CollectiveProgram> make_ring_reduce(const CollectiveCall& call) {
  return side_by_side(ring_orders(call), [&](Channel channel) {
    return std::make_unique<Chain>(call, Chain::Root::last, std::move(channel));
  });
}

}  // namespace orrery
