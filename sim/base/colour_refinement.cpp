#include "sim/base/colour_refinement.hpp"

#include <unordered_map>
#include <utility>

#include "sim/base/errors.hpp"
#include "sim/base/hash.hpp"

namespace orrery {
namespace {

/// Renumbers colours 0, 1, … in the order of their first objects; the number of classes.
std::size_t number(const std::vector<std::uint64_t>& colours, std::vector<std::uint32_t>& classes) {
  std::unordered_map<std::uint64_t, std::uint32_t> known;  // only looked up
  classes.resize(colours.size());
  for (std::size_t object = 0; object < colours.size(); ++object) {
    const auto next = static_cast<std::uint32_t>(known.size());
    classes[object] = known.try_emplace(colours[object], next).first->second;
  }
  return known.size();
}

}  // namespace

void ColourRefinement::reserve(std::size_t relations, std::size_t members) {
  keys_.reserve(relations);
  begins_.reserve(relations);
  members_.reserve(members);
}

void ColourRefinement::add(std::uint64_t key, std::span<const std::uint32_t> objects) {
  ORRERY_CHECK(members_.size() + objects.size() < UINT32_MAX, "too many relations to refine");
  keys_.push_back(key);
  begins_.push_back(static_cast<std::uint32_t>(members_.size()));
  for (const std::uint32_t object : objects) {
    ORRERY_CHECK(object < colours_.size(), "a relation names an object that does not exist");
    members_.push_back(object);
  }
}

/// Adds to every object the relations that it takes part in, as their members are coloured now.
void ColourRefinement::accumulate(const Colours& colours, std::uint64_t salt, Colours& sums) const {
  sums.assign(colours.size(), 0);
  for (std::size_t relation = 0; relation < keys_.size(); ++relation) {
    const std::uint32_t begin = begins_[relation];
    const std::size_t end = relation + 1 < begins_.size() ? begins_[relation + 1] : members_.size();
    std::uint64_t hash = keys_[relation] ^ salt;
    for (std::size_t m = begin; m < end; ++m) hash = scramble(hash ^ colours[members_[m]]);
    for (std::size_t m = begin; m < end; ++m) sums[members_[m]] += scramble(hash + (m - begin));
  }
}

std::optional<std::vector<std::uint32_t>> ColourRefinement::refine(
    std::size_t maximum_classes) const {
  // The colours of a round are the numbers of the classes before it, scrambled: a colour then holds
  // 64 bits however few classes there are, and rounds do not pile hash on hash.
  Colours colours = colours_;
  Colours sums;
  std::vector<std::uint32_t> classes;
  std::size_t count = number(colours, classes);
  for (std::uint64_t round = 0; count <= maximum_classes && round < kMaximumRounds; ++round) {
    for (std::size_t object = 0; object < colours.size(); ++object) {
      colours[object] = scramble(classes[object]);
    }
    accumulate(colours, 2 * round, sums);
    for (std::size_t object = 0; object < colours.size(); ++object) {
      sums[object] = scramble(sums[object] ^ colours[object]);
    }
    const std::size_t refined = number(sums, classes);
    if (refined > count) {
      count = refined;
      continue;
    }
    // Stable. Once more with other hashes, which have to agree.
    accumulate(colours, 2 * round + 1, sums);
    std::vector<std::uint64_t> expected(count);
    std::vector<bool> known(count, false);
    bool agrees = true;
    for (std::size_t object = 0; object < sums.size() && agrees; ++object) {
      const std::uint32_t of = classes[object];
      if (!known[of]) expected[of] = sums[object];
      known[of] = true;
      agrees = expected[of] == sums[object];
    }
    if (!agrees) return std::nullopt;
    return classes;
  }
  return std::nullopt;
}

}  // namespace orrery
