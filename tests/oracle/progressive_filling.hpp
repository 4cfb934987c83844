#pragma once

#include <boost/multiprecision/cpp_int.hpp>

#include <algorithm>
#include <optional>
#include <vector>

namespace orrery::oracle {

using Exact = boost::multiprecision::cpp_rational;

struct ExactUsage {
  std::size_t resource;
  Exact coefficient;
};
struct ExactShare {
  std::vector<ExactUsage> usages;
  Exact weight = 1;
  std::optional<Exact> bound;
  int priority = 0;
};

/// Weighted max–min fair rates by the definition, in rational numbers: in each priority class raise
/// the level of all unfixed shares together until a resource is full or a bound is reached, fix
/// those, and go on. No components, no shortcuts; the whole instance each time.
inline std::vector<Exact> fill(const std::vector<Exact>& capacities,
                               const std::vector<ExactShare>& shares) {
  std::vector<Exact> left = capacities;
  std::vector<Exact> rate(shares.size(), 0);
  std::vector<int> priorities;
  for (const ExactShare& share : shares) priorities.push_back(share.priority);
  std::sort(priorities.rbegin(), priorities.rend());
  priorities.erase(std::unique(priorities.begin(), priorities.end()), priorities.end());
  for (const int priority : priorities) {
    std::vector<std::size_t> unfixed;
    for (std::size_t i = 0; i < shares.size(); ++i) {
      if (shares[i].priority == priority) unfixed.push_back(i);
    }
    Exact level = 0;
    while (!unfixed.empty()) {
      std::vector<Exact> demand(left.size(), 0);
      for (const std::size_t i : unfixed) {
        for (const ExactUsage& u : shares[i].usages) {
          demand[u.resource] += u.coefficient * shares[i].weight;
        }
      }
      std::optional<Exact> rise;  // by how much the level can go up
      const auto lower_to = [&](const Exact& r) {
        if (!rise || r < *rise) rise = r;
      };
      for (std::size_t r = 0; r < left.size(); ++r) {
        if (demand[r] > 0) lower_to(left[r] / demand[r]);
      }
      for (const std::size_t i : unfixed) {
        if (shares[i].bound) lower_to(*shares[i].bound / shares[i].weight - level);
      }
      level += *rise;
      for (std::size_t r = 0; r < left.size(); ++r) left[r] -= *rise * demand[r];
      std::erase_if(unfixed, [&](std::size_t i) {
        const bool bounded = shares[i].bound && level * shares[i].weight == *shares[i].bound;
        const bool full = std::any_of(
            shares[i].usages.begin(), shares[i].usages.end(),
            [&](const ExactUsage& u) { return u.coefficient > 0 && left[u.resource] == 0; });
        if (bounded || full) rate[i] = level * shares[i].weight;
        return bounded || full;
      });
    }
  }
  return rate;
}

}  // namespace orrery::oracle
