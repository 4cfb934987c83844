#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "sim/graph/task_graph.hpp"

namespace orrery {

enum class Axis : unsigned char { tensor, data, pipeline };

/// Where a rank stands in the three-dimensional grid of tensor, data and pipeline parallelism.
/// Ranks are device indices; `placement` names the axes from the fastest varying to the slowest, so
/// with {tensor, data, pipeline} rank = t + tensor * (d + data * p).
struct RankGrid {
  std::int64_t tensor = 1;
  std::int64_t data = 1;  // replicas, times the ranks that share each of their sequences
  std::int64_t pipeline = 1;
  std::int64_t sequence = 1;  // neighbours on the axis of data that share sequences; divides it
  std::array<Axis, 3> placement = {Axis::tensor, Axis::data, Axis::pipeline};

  std::int64_t replicas() const { return data / sequence; }
  std::int64_t extent(Axis axis) const;
  Rank rank(std::int64_t tensor_index, std::int64_t data_index, std::int64_t stage) const;
  /// All ranks of a stage, tensor-parallel group after tensor-parallel group.
  std::vector<Rank> tensor_groups(std::int64_t stage) const;
  /// Those of one replica.
  std::vector<Rank> tensor_group(std::int64_t stage, std::int64_t replica) const;
  /// All ranks of a stage, data-parallel group after data-parallel group.
  std::vector<Rank> data_groups(std::int64_t stage) const;
  /// All ranks of a stage in groups of one from each group of `group` consecutive data-parallel
  /// ranks: those that hold the same shard. They have data / group members each.
  std::vector<Rank> replica_groups(std::int64_t stage, std::int64_t group) const;
  /// All ranks, those that hold one copy of the network together (tensor x pipeline) after another.
  std::vector<Rank> model_groups() const;
  /// Pairs of ranks with equal tensor and data index in two stages, which must differ.
  std::vector<Rank> stage_pairs(std::int64_t stage, std::int64_t other) const;
  /// Pairs of ranks with equal tensor and data index in the first and the last stage.
  std::vector<Rank> end_pairs() const;
};

}  // namespace orrery
