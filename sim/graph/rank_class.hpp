#pragma once

#include <vector>

#include "sim/graph/task_graph.hpp"

namespace orrery {

/// What a rank that is simulated stands for: itself, and all ranks of the job that are
/// interchangeable with it.
struct RankClass {
  Rank first = 0;  // the job's rank with the lowest number
  Rank count = 1;
};

/// Ranks that stand for themselves alone.
inline std::vector<RankClass> each_rank_alone(Rank world_size) {
  std::vector<RankClass> classes;
  classes.reserve(static_cast<std::size_t>(world_size));
  for (Rank rank = 0; rank < world_size; ++rank) classes.push_back({rank, 1});
  return classes;
}

}  // namespace orrery
