#include "models/collective/builtin.hpp"
#include "models/collective/parts.hpp"

namespace orrery {
namespace {

/// Every member sends all its parts at once, nearest successor first: one step. What a grouped set
/// of sends and receives does (NCCL user guide, "Point-to-point communication", all-to-all), as far
/// as links allow; leaves out how many of them a device really keeps in flight.
class DirectAllToAll final : public CollectiveProgram {
 public:
  explicit DirectAllToAll(const CollectiveCall& call)
      : members_(call.members), pieces_(call.size, call.members, call.chunk) {}

  int steps() const override { return pieces_.per_part(); }
  int lag() const override { return pieces_.per_part(); }
  int receives(int, int) const override { return members_ - 1; }
  int pattern(int step) const override { return pieces_.equal() ? 0 : step; }
  void sends(int member, int step, std::vector<Send>& out) const override {
    const std::size_t before = out.size();
    out.resize(before + static_cast<std::size_t>(members_) - 1);
    int to = member;
    for (std::size_t next = before; next < out.size(); ++next) {
      to = to + 1 < members_ ? to + 1 : 0;
      out[next] = Send{to, pieces_.size(to, step), false};
    }
  }
  void payloads(int member, int step, std::vector<Payload>& out) const override {
    for (int away = 1; away < members_; ++away) {
      const int to = (member + away) % members_;
      out.push_back(pieces_.payload_from(member, static_cast<std::size_t>(away) - 1, to, step));
    }
  }

 private:
  int members_;
  Pieces pieces_;
};

}  // namespace

std::unique_ptr<CollectiveProgram> make_direct_all_to_all(const CollectiveCall& call) {
  return std::make_unique<DirectAllToAll>(call);
}

}  // namespace orrery
