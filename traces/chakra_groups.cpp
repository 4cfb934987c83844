#include "traces/chakra_groups.hpp"

#include <numeric>

namespace orrery::chakra {

void GroupTable::read(const Node& node, const std::string& path) {
  for (Group& group : groups_in(node, path)) {
    for (const Rank rank : group.ranks) {
      if (static_cast<std::size_t>(rank) < world_) continue;
      Attributes(node, path)
          .fail("group \"" + group.name + "\" has the rank " + std::to_string(rank) + " of " +
                std::to_string(world_));
    }
    if (group.ranks.empty()) group.ranks = everybody();
    names_[group.name] = number_of(group.name, std::move(group.ranks));
  }
}

std::uint32_t GroupTable::find(const Attributes& collective) {
  const std::string name = collective.name("pg_name");
  const auto known = names_.find(name.empty() ? "0" : name);
  if (known != names_.end()) return known->second;
  if (name.empty() || name == "0") return number_of("0", everybody());
  collective.fail("runs in group \"" + name + "\", which no metadata node gives");
}

std::vector<Rank> GroupTable::everybody() const {
  std::vector<Rank> ranks(world_);
  std::iota(ranks.begin(), ranks.end(), 0);
  return ranks;
}

std::uint32_t GroupTable::number_of(const std::string& name, std::vector<Rank> ranks) {
  const auto [place, is_new] =
      groups_.try_emplace({name, ranks}, static_cast<std::uint32_t>(programs_->groups.size()));
  if (is_new) programs_->groups.push_back(std::move(ranks));
  return place->second;
}

}  // namespace orrery::chakra
