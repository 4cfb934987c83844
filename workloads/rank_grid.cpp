#include "workloads/rank_grid.hpp"

namespace orrery {

std::int64_t RankGrid::extent(Axis axis) const {
  switch (axis) {
    case Axis::tensor:
      return tensor;
    case Axis::data:
      return data;
    case Axis::pipeline:
      return pipeline;
  }
  return 1;
}

Rank RankGrid::rank(std::int64_t tensor_index, std::int64_t data_index, std::int64_t stage) const {
  std::int64_t result = 0;
  std::int64_t stride = 1;
  for (const Axis axis : placement) {
    const std::int64_t index = axis == Axis::tensor ? tensor_index
                               : axis == Axis::data ? data_index
                                                    : stage;
    result += index * stride;
    stride *= extent(axis);
  }
  return static_cast<Rank>(result);
}

std::vector<Rank> RankGrid::tensor_groups(std::int64_t stage) const {
  std::vector<Rank> ranks;
  ranks.reserve(static_cast<std::size_t>(tensor * data));
  for (std::int64_t d = 0; d < data; ++d) {
    for (std::int64_t t = 0; t < tensor; ++t) {
      ranks.push_back(rank(t, d, stage));
    }
  }
  return ranks;
}

std::vector<Rank> RankGrid::tensor_group(std::int64_t stage, std::int64_t replica) const {
  std::vector<Rank> ranks;
  for (std::int64_t t = 0; t < tensor; ++t) ranks.push_back(rank(t, replica, stage));
  return ranks;
}

std::vector<Rank> RankGrid::data_groups(std::int64_t stage) const {
  std::vector<Rank> ranks;
  ranks.reserve(static_cast<std::size_t>(tensor * data));
  for (std::int64_t t = 0; t < tensor; ++t) {
    for (std::int64_t d = 0; d < data; ++d) {
      ranks.push_back(rank(t, d, stage));
    }
  }
  return ranks;
}

std::vector<Rank> RankGrid::replica_groups(std::int64_t stage, std::int64_t group) const {
  std::vector<Rank> ranks;
  for (std::int64_t t = 0; t < tensor; ++t) {
    for (std::int64_t shard = 0; shard < group; ++shard) {
      for (std::int64_t d = shard; d < data; d += group) ranks.push_back(rank(t, d, stage));
    }
  }
  return ranks;
}

std::vector<Rank> RankGrid::model_groups() const {
  std::vector<Rank> ranks;
  for (std::int64_t d = 0; d < data; ++d) {
    for (std::int64_t p = 0; p < pipeline; ++p) {
      for (std::int64_t t = 0; t < tensor; ++t) ranks.push_back(rank(t, d, p));
    }
  }
  return ranks;
}

std::vector<Rank> RankGrid::stage_pairs(std::int64_t stage, std::int64_t other) const {
  std::vector<Rank> ranks;
  for (std::int64_t d = 0; d < data; ++d) {
    for (std::int64_t t = 0; t < tensor; ++t) {
      ranks.push_back(rank(t, d, stage));
      ranks.push_back(rank(t, d, other));
    }
  }
  return ranks;
}

std::vector<Rank> RankGrid::end_pairs() const {
  return stage_pairs(0, pipeline - 1);
}

}  // namespace orrery
