#include "models/collective/folded_program.hpp"

#include <algorithm>
#include <utility>

namespace orrery {

FoldedProgram::FoldedProgram(std::shared_ptr<const CollectiveProgram> program,
                             std::span<const Rank> group, const Symmetry& symmetry,
                             const Fabric& fabric)
    : program_(std::move(program)), group_(group), symmetry_(&symmetry), fabric_(&fabric) {
  std::vector<std::uint32_t> classes;
  std::vector<std::uint64_t> counts;
  for (std::size_t position = 0; position < group.size(); ++position) {
    const std::uint32_t of = symmetry.rank_class[static_cast<std::size_t>(group[position])];
    const auto known = std::find(classes.begin(), classes.end(), of);
    const auto member = static_cast<std::size_t>(known - classes.begin());
    if (known == classes.end()) {
      classes.push_back(of);
      counts.push_back(0);
      first_.push_back(static_cast<int>(position));
    }
    ++counts[member];
    member_of_.push_back(static_cast<int>(member));
  }
  groups_ = symmetry.ranks_in[classes.front()] / counts.front();
}

void FoldedProgram::sends(int member, int step, std::vector<Send>& out) const {
  const std::vector<Send>& folded = step_like(step).sends[static_cast<std::size_t>(member)];
  out.insert(out.end(), folded.begin(), folded.end());
}

int FoldedProgram::receives(int member, int step) const {
  return step_like(step).receives[static_cast<std::size_t>(member)];
}

const FoldedProgram::Step& FoldedProgram::step_like(int step) const {
  const auto [entry, is_new] = steps_.try_emplace(program_->pattern(step));
  Step& folded = entry->second;
  if (is_new) {
    folded.sends.resize(first_.size());
    folded.receives.resize(first_.size(), 0);
    for (int member = 0; member < members(); ++member) {
      std::vector<Send>& sends = folded.sends[static_cast<std::size_t>(member)];
      fold_sends(member, entry->first, sends);
      for (const Send& send : sends) {
        ++folded.receives[static_cast<std::size_t>(send.to)];
        folded.meeting += send.meets ? 1 : 0;
      }
    }
  }
  return folded;
}

/// What the first of a class sends, with what goes the same way as one.
void FoldedProgram::fold_sends(int member, int step, std::vector<Send>& out) const {
  const int from = first_[static_cast<std::size_t>(member)];
  const Rank source = group_[static_cast<std::size_t>(from)];
  const std::uint64_t alike =
      symmetry_->ranks_in[symmetry_->rank_class[static_cast<std::size_t>(source)]];
  std::vector<Send> sends;
  program_->sends(from, step, sends);
  using Way = std::pair<std::vector<int>, std::vector<double>>;  // classes of links, and shares
  std::vector<Way> ways;                                         // by send of out
  Way way;
  for (const Send& send : sends) {
    way.first.clear();
    way.second.clear();
    fabric_->append_route(source, group_[static_cast<std::size_t>(send.to)], way.first,
                          fabric_->spreads() ? &way.second : nullptr);
    for (int& link : way.first) {
      link = static_cast<int>(symmetry_->link_class[static_cast<std::size_t>(link)]);
    }
    const int to = member_of_[static_cast<std::size_t>(send.to)];
    std::size_t like = 0;
    while (like < out.size() && !(out[like].to == to && out[like].bytes == send.bytes &&
                                  out[like].reduces == send.reduces &&
                                  out[like].meets == send.meets && ways[like] == way)) {
      ++like;
    }
    if (like == out.size()) {
      out.push_back(
          Send{to, send.bytes, send.reduces, send.meets, static_cast<std::int32_t>(paths_.size())});
      paths_.push_back(Path{from, send.to, 0});
      ways.push_back(way);
    }
    paths_[static_cast<std::size_t>(out[like].path)].messages += alike;
  }
}

}  // namespace orrery
