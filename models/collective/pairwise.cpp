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
      : members_(call.members), pieces_(call.size, call.members, call.chunk) {}

  int steps() const override { return (members_ - 1) * pieces_.per_part(); }
  int lag() const override { return pieces_.per_part(); }
  int receives(int, int) const override { return 1; }
  int pattern(int step) const override {
    const int per_part = pieces_.per_part();
    return pieces_.equal() ? step / per_part * per_part : step;
  }
  void sends(int member, int step, std::vector<Send>& out) const override {
    const int per_part = pieces_.per_part();
    const int to = (member + 1 + step / per_part) % members_;
    out.push_back(Send{to, pieces_.size(to, step % per_part), false});
  }
  void payloads(int member, int step, std::vector<Payload>& out) const override {
    const int per_part = pieces_.per_part();
    const int to = (member + 1 + step / per_part) % members_;
    out.push_back(pieces_.payload_from(member, 0, to, step % per_part));
  }

 private:
  int members_;
  Pieces pieces_;
};

}  // namespace

std::unique_ptr<CollectiveProgram> make_pairwise_all_to_all(const CollectiveCall& call) {
  return std::make_unique<PairwiseAllToAll>(call);
}

}  // namespace orrery
