#include "models/collective/builtin.hpp"
#include "models/collective/parts.hpp"

namespace orrery {
namespace {

/// Blocks around a ring: the buffer is n blocks, and in each round every member passes one block to
/// its successor; reducing rounds come first, copying rounds after. Patarasuk and Yuan 2009 (JPDC
/// 69(2), §3): bandwidth-optimal, 2(n-1) rounds of size/n for all-reduce, n-1 for its halves.
///
/// A block larger than the chunk is cut into pieces; member r then sends piece c of round k in step
/// k·pieces + c, which needs that piece of the round before: pieces are pipelined.
class Ring final : public CollectiveProgram {
 public:
  struct Rounds {
    int reducing = 0;
    int copying = 0;
    int first_block = 0;  // member r starts with block r + first_block
  };

  Ring(const CollectiveCall& call, Rounds rounds)
      : members_(call.members), rounds_(rounds), pieces_(call.size, call.members, call.chunk) {}

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
    // In every round a member passes on the block it received in the round before, which is the one
    // that its predecessor had: one index less. After reducing for n-1 rounds that holds still.
    int block = 0;  // any, where all are of one size
    if (!pieces_.equal()) {
      block = ((member + rounds_.first_block - round) % members_ + members_) % members_;
    }
    const Bytes bytes = pieces_.size(block, pieces_.equal() ? 0 : step % per_part);
    const int to = member + 1 < members_ ? member + 1 : 0;
    out.push_back(Send{to, bytes, round < rounds_.reducing});
  }

 private:
  int members_;
  Rounds rounds_;
  Pieces pieces_;
};

/// Chunks follow each other along the chain root, root+1, …: member at distance d sends chunk k-d
/// in step k; C + n - 2 steps. NCCL's broadcast has the same chain (nccl-tests, PERFORMANCE.md,
/// "Broadcast": bus bandwidth = algorithm bandwidth).
class RingBroadcast final : public CollectiveProgram {
 public:
  explicit RingBroadcast(const CollectiveCall& call)
      : members_(call.members),
        root_(call.root),
        size_(call.size),
        chunks_(pieces_of(call.size, call.chunk > Bytes(0) ? call.chunk : kDefaultChunk)) {}

  int steps() const override { return chunks_ + members_ - 2; }
  int receives(int member, int step) const override {
    const int distance = distance_of(member);
    return distance > 0 && has_chunk(step - (distance - 1)) ? 1 : 0;
  }
  int pattern(int step) const override {
    // Between filling the chain and draining it every member but the last sends.
    const bool equal = size_.count() % chunks_ == 0;
    return equal && step >= members_ - 2 && step < chunks_ ? members_ - 2 : step;
  }
  void sends(int member, int step, std::vector<Send>& out) const override {
    const int distance = distance_of(member);
    const int chunk = step - distance;
    if (distance == members_ - 1 || !has_chunk(chunk)) return;
    out.push_back(Send{(member + 1) % members_, part_of(size_, chunk, chunks_), false});
  }

 private:
  // A chain that is not cut is no pipeline, so there is a chunk size even where none was asked for;
  // 512 KiB is the step of NCCL's Simple protocol (assumed: recalled from its buffer of 4 MiB in 8
  // steps, NCCL_BUFFSIZE in NVIDIA's NCCL user guide).
  static constexpr Bytes kDefaultChunk = Bytes(524'288);

  int distance_of(int member) const { return (member - root_ + members_) % members_; }
  bool has_chunk(int chunk) const { return chunk >= 0 && chunk < chunks_; }

  int members_;
  int root_;
  Bytes size_;
  int chunks_;
};

}  // namespace

std::unique_ptr<CollectiveProgram> make_ring_all_reduce(const CollectiveCall& call) {
  const int rounds = call.members - 1;
  return std::make_unique<Ring>(call, Ring::Rounds{.reducing = rounds, .copying = rounds});
}

std::unique_ptr<CollectiveProgram> make_ring_all_gather(const CollectiveCall& call) {
  return std::make_unique<Ring>(call, Ring::Rounds{.copying = call.members - 1});
}

std::unique_ptr<CollectiveProgram> make_ring_reduce_scatter(const CollectiveCall& call) {
  // Starting one block earlier, member r ends with block r.
  return std::make_unique<Ring>(
      call, Ring::Rounds{.reducing = call.members - 1, .first_block = call.members - 1});
}

std::unique_ptr<CollectiveProgram> make_ring_broadcast(const CollectiveCall& call) {
  return std::make_unique<RingBroadcast>(call);
}

}  // namespace orrery
