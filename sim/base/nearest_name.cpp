#include <algorithm>
#include <cstddef>
#include <numeric>

#include "sim/base/json_cursor.hpp"

namespace orrery {
namespace {

char lower_case(char character) {
  return character >= 'A' && character <= 'Z' ? static_cast<char>(character - 'A' + 'a')
                                              : character;
}

/// Insertions, deletions and substitutions between two names; letter case is free.
/// Source: Wagner and Fischer, "The String-to-String Correction Problem", J. ACM 21(1), 1974.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t cost = lower_case(a[i]) == lower_case(b[j]) ? 0 : 1;
      const std::size_t best = std::min({row[j] + 1, row[j + 1] + 1, diagonal + cost});
      diagonal = row[j + 1];
      row[j + 1] = best;
    }
  }
  return row[b.size()];
}

/// The shortest candidate of which the name is all that stands before an underscore: "h100" of
/// "h100_sxm". Names of one or two letters say too little.
std::string continued(std::string_view name, std::span<const std::string> candidates) {
  std::string shortest;
  for (const std::string& candidate : candidates) {
    if (name.size() < 3 || candidate.size() <= name.size() || candidate[name.size()] != '_' ||
        edit_distance(name, std::string_view(candidate).substr(0, name.size())) > 0) {
      continue;
    }
    if (shortest.empty() || candidate.size() < shortest.size()) shortest = candidate;
  }
  return shortest;
}

}  // namespace

std::string nearest_name(std::string_view name, std::span<const std::string> candidates) {
  // Near: a third of the name may differ, two letters at least, but never all of them.
  const std::size_t tolerance = std::max<std::size_t>(2, name.size() / 3);
  std::string nearest = continued(name, candidates);
  if (!nearest.empty()) return nearest;
  std::size_t smallest = tolerance + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t longer = std::max(name.size(), candidate.size());
    const std::size_t shorter = std::min(name.size(), candidate.size());
    if (longer - shorter > tolerance) {
      continue;  // and no table for a key of many megabytes
    }
    const std::size_t distance = edit_distance(name, candidate);
    if (distance < smallest && distance < shorter) {
      smallest = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace orrery
