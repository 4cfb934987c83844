#include "models/collective/builtin.hpp"
#include "models/collective/parts.hpp"
#include "sim/base/errors.hpp"

namespace orrery {
namespace {

/// An all-to-all with a size of its own for each pair, in rounds: in each a member sends to some
/// others, all cut into as many pieces as the largest needs. Pieces without a byte are no messages.
class AllToAllV final : public CollectiveProgram {
 public:
  /// Others that a member sends to in a round, nearest successor first: all, or one.
  enum class Others { all, one };

  AllToAllV(const CollectiveCall& call, Others others)
      : sizes_(call.sizes),
        members_(call.members),
        per_round_(others == Others::all ? members_ - 1 : 1),
        pieces_(0) {
    ORRERY_CHECK(sizes_ != nullptr, "an all-to-all-v without its sizes");
    pieces_ = pieces_of(sizes_->largest(), call.chunk);
  }

  int steps() const override { return (members_ - 1) / per_round_ * pieces_; }
  int lag() const override { return pieces_; }
  int receives(int member, int step) const override {
    int messages = 0;
    for_each_other(step, [&](int away) {
      const int from = (member - away + members_) % members_;
      messages += piece(from, member, step) > Bytes(0) ? 1 : 0;
    });
    return messages;
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
      Bytes begin = before_part(sizes_->between(member, to), step % pieces_, pieces_);
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
    return part_of(sizes_->between(from, to), step % pieces_, pieces_);
  }

  std::shared_ptr<const SizeTable> sizes_;
  int members_;
  int per_round_;
  int pieces_;
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
