#include "models/collective/builtin.hpp"
#include "models/collective/parts.hpp"
#include "sim/base/errors.hpp"

namespace orrery {
namespace {

/// An all-to-all with a size of its own for each pair, in rounds of as many steps as the largest
/// message has pieces: in each round a member sends to some others. What has fewer pieces, or no
/// byte, is through earlier.
class AllToAllV final : public CollectiveProgram {
 public:
  /// Others that a member sends to in a round, nearest successor first: all, or one.
  enum class Others { all, one };

  AllToAllV(const CollectiveCall& call, Others others)
      : sizes_(call.sizes),
        members_(call.members),
        per_round_(others == Others::all ? members_ - 1 : 1),
        chunk_(call.chunk) {
    ORRERY_CHECK(sizes_ != nullptr, "an all-to-all-v without its sizes");
    pieces_ = pieces_of(sizes_->largest(), chunk_);
    if (others == Others::all) count_receipts();
  }

  int steps() const override { return (members_ - 1) / per_round_ * pieces_; }
  int lag() const override { return pieces_; }
  int receives(int member, int step) const override {
    if (!receipts_.empty()) return receipts_[place_of(member, step)];
    const int away = step / pieces_ + 1;
    return piece((member - away + members_) % members_, member, step) > Bytes(0) ? 1 : 0;
  }
  void sends(int member, int step, std::vector<Send>& out) const override {
    for_each_other(step, [&](int away) {
      const int to = (member + away) % members_;
      const Bytes bytes = piece(member, to, step);
      if (bytes > Bytes(0)) out.push_back(Send{to, bytes, false});
    });
  }
  /// Entry (from, to) of the table has its place behind those before it, row by row.
  void payloads(int member, int step, std::vector<Payload>& out) const override {
    std::size_t messages = 0;
    for_each_other(step, [&](int away) {
      const int to = (member + away) % members_;
      const Bytes bytes = piece(member, to, step);
      if (bytes == Bytes(0)) return;
      const Bytes whole = sizes_->between(member, to);
      Bytes begin = before_part(whole, step % pieces_, pieces_of(whole, chunk_));
      for (int row = 0; row <= member; ++row) {
        for (int column = 0; column < (row == member ? to : members_); ++column) {
          begin += sizes_->between(row, column);
        }
      }
      out.push_back({messages++, begin.count(), (begin + bytes).count()});
    });
  }

 private:
  template <class Visit>
  void for_each_other(int step, Visit visit) const {
    const int first = step / pieces_ * per_round_ + 1;
    for (int away = first; away < first + per_round_; ++away) visit(away);
  }
  Bytes piece(int from, int to, int step) const {
    const Bytes whole = sizes_->between(from, to);
    const int pieces = pieces_of(whole, chunk_);
    return step % pieces_ < pieces ? part_of(whole, step % pieces_, pieces) : Bytes(0);
  }
  std::size_t place_of(int member, int step) const {
    return static_cast<std::size_t>(member) * static_cast<std::size_t>(pieces_) +
           static_cast<std::size_t>(step);
  }
  /// Of one round in which all send to all: asked for with every message.
  void count_receipts() {
    receipts_.assign(place_of(members_, 0), 0);
    for (int from = 0; from < members_; ++from) {
      for (int to = 0; to < members_; ++to) {
        const Bytes whole = sizes_->between(from, to);
        if (from == to || whole == Bytes(0)) continue;
        for (int step = 0; step < pieces_of(whole, chunk_); ++step) ++receipts_[place_of(to, step)];
      }
    }
  }

  std::shared_ptr<const SizeTable> sizes_;
  int members_;
  int per_round_;
  Bytes chunk_;
  int pieces_ = 1;             // of the largest
  std::vector<int> receipts_;  // by member and step, where all send to all in one round
};

}  // namespace

/// All at once, as a grouped set of sends and receives does: DirectAllToAll.
std::unique_ptr<CollectiveProgram> make_direct_all_to_all_v(const CollectiveCall& call) {
  return std::make_unique<AllToAllV>(call, AllToAllV::Others::all);
}

/// One after the other: PairwiseAllToAll. A large pair holds up its round on both members alone.
std::unique_ptr<CollectiveProgram> make_pairwise_all_to_all_v(const CollectiveCall& call) {
  return std::make_unique<AllToAllV>(call, AllToAllV::Others::one);
}

}  // namespace orrery
