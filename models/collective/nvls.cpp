#include "models/collective/builtin.hpp"

namespace orrery {
namespace {

/// The switch adds. A member reads its block of the sum, for which all others' links carry theirs
/// up, and writes it once for the switch to bring to all: S + S/n on its link either way, in one
/// step (NVIDIA's NVLink SHARP; Klenk et al. 2020, ISCA, "An In-Network Architecture for
/// Accelerating Shared-Memory Multiprocessor Collectives", §III). The messages here say what links
/// carry, not what is where: what a member sends is not what another receives.
class InSwitch final : public CollectiveProgram {
 public:
  explicit InSwitch(const CollectiveCall& call)
      : members_(call.members), bytes_(call.size + Bytes(call.size.count() / call.members)) {}

  int steps() const override { return 1; }
  int receives(int, int) const override { return 1; }
  void sends(int member, int, std::vector<Send>& out) const override {
    out.push_back(Send{(member + 1) % members_, bytes_, false});
  }
  void payloads(int, int, std::vector<Payload>&) const override {}

 private:
  int members_;
  Bytes bytes_;
};

}  // namespace

std::unique_ptr<CollectiveProgram> make_nvls_all_reduce(const CollectiveCall& call) {
  return std::make_unique<InSwitch>(call);
}

}  // namespace orrery
