#pragma once

#include <algorithm>
#include <vector>

#include "sim/engine/sharing.hpp"

namespace orrery {

/// An activity may name a resource once: what it takes of one several times is summed.
inline void add_usage(std::vector<Usage>& usages, ResourceId resource, double coefficient) {
  const auto known = std::find_if(usages.begin(), usages.end(),
                                  [=](const Usage& usage) { return usage.resource == resource; });
  if (known == usages.end()) {
    usages.push_back({resource, coefficient});
  } else {
    known->coefficient += coefficient;
  }
}

}  // namespace orrery
