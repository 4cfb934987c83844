#include "models/collective/builtin.hpp"
#include "models/collective/parts.hpp"

namespace orrery {
namespace {

/// In step k every member exchanges with two others: it sends its part for the member k+1 places on
/// and receives from the one k+1 places back; n-1 steps of size/n (Thakur, Rabenseifner and Gropp
/// 2005, IJHPCA 19(1), §3.3 "pairwise exchange").
class PairwiseAllToAll final : public CollectiveProgram {
 public:
  explicit PairwiseAllToAll(const CollectiveCall& call)
      : members_(call.members),
        size_(call.size),
        pieces_(pieces_of(part_of(call.size, call.members - 1, call.members), call.chunk)) {}

  int steps() const override { return (members_ - 1) * pieces_; }
  int lag() const override { return pieces_; }
  int receives(int, int) const override { return 1; }
  void sends(int member, int step, std::vector<Send>& out) const override {
    const int to = (member + 1 + step / pieces_) % members_;
    out.push_back(Send{to, part_of(part_of(size_, to, members_), step % pieces_, pieces_), false});
  }

 private:
  int members_;
  Bytes size_;
  int pieces_;
};

}  // namespace

std::unique_ptr<CollectiveProgram> make_pairwise_all_to_all(const CollectiveCall& call) {
  return std::make_unique<PairwiseAllToAll>(call);
}

}  // namespace orrery
