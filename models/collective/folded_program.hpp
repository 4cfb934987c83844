#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "models/collective/collective.hpp"
#include "models/fabric.hpp"
#include "models/symmetry.hpp"

namespace orrery {

/// The program of one group in which interchangeable members are one. Its members are the classes
/// of the group's ranks, in the order of their first ranks there; one of its messages stands for
/// all that such ranks send in that step to such others in the same way, and Send::path says which.
class FoldedProgram final : public CollectiveProgram {
 public:
  /// The group and all others must outlive this.
  FoldedProgram(std::shared_ptr<const CollectiveProgram> program, std::span<const Rank> group,
                const Symmetry& symmetry, const Fabric& fabric);

  int members() const { return static_cast<int>(first_.size()); }
  /// In the group, of the first of those that the member stands for.
  int position(int member) const { return first_[static_cast<std::size_t>(member)]; }
  /// How many groups like this one there are.
  std::uint64_t groups() const { return groups_; }

  int steps() const override { return program_->steps(); }
  int lag() const override { return program_->lag(); }
  int pattern(int step) const override { return program_->pattern(step); }
  bool in_network() const override { return program_->in_network(); }
  int meeting(int step) const override {
    return program_->meeting(step) == 0 ? 0 : step_like(step).meeting;
  }
  Load meeting_load() const override { return program_->meeting_load(); }
  void sends(int member, int step, std::vector<Send>& out) const override;
  int receives(int member, int step) const override;
  /// Nothing: members that are folded into one hold different data.
  void payloads(int, int, std::vector<Payload>&) const override {}

  /// One of the messages of a path, as positions in the group, and how many of them there are.
  struct Path {
    int from = 0;
    int to = 0;
    std::uint64_t messages = 0;
  };
  const Path& path(std::int32_t name) const { return paths_[static_cast<std::size_t>(name)]; }

 private:
  struct Step {  // by member
    std::vector<std::vector<Send>> sends;
    std::vector<int> receives;
    int meeting = 0;  // messages, of all together
  };
  const Step& step_like(int step) const;
  void fold_sends(int member, int step, std::vector<Send>& out) const;

  std::shared_ptr<const CollectiveProgram> program_;
  std::span<const Rank> group_;
  const Symmetry* symmetry_;
  const Fabric* fabric_;
  std::vector<int> first_;      // by member: position of the first of its class in the group
  std::vector<int> member_of_;  // by position
  std::uint64_t groups_ = 0;
  mutable std::map<int, Step> steps_;  // by pattern, made when first asked for
  mutable std::vector<Path> paths_;
};

}  // namespace orrery
