#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "models/machine.hpp"
#include "models/symmetry.hpp"
#include "sim/graph/folded_graph.hpp"
#include "sim/graph/rank_class.hpp"
#include "tools/orrery/scenario.hpp"

namespace orrery {

/// Whether ranks that are interchangeable are simulated once.
enum class Folding { where_alike, never };

/// The task graph that runs for a job: its own, or one with a rank for each class of
/// interchangeable ranks. Job and scenario must outlive it.
class SimulatedJob {
 public:
  SimulatedJob(const Scenario& scenario, const Job& job, const Builtins& builtins, Folding folding);
  /// Of a graph alone, folded by a symmetry where there is one.
  SimulatedJob(const TaskGraph& graph, std::optional<Symmetry> symmetry);

  const TaskGraph& graph() const { return folded_ ? folded_->graph() : *graph_; }
  /// The job's op that an op of graph() came from.
  OpId original(OpId op) const { return folded_ ? folded_->original(op) : op; }
  /// By rank of graph().
  std::span<const RankClass> classes() const { return classes_; }
  /// By rank of the job: the rank of graph() that stands for it.
  std::vector<Rank> rank_of() const;
  /// Null when nothing is folded.
  const Symmetry* symmetry() const { return symmetry_ ? &*symmetry_ : nullptr; }
  /// Runs ops of graph() on `machine`.
  Runner& runner_on(Runner& machine);

 private:
  const TaskGraph* graph_;
  std::optional<Symmetry> symmetry_;
  std::unique_ptr<FoldedGraph> folded_;
  std::vector<RankClass> classes_;
};

}  // namespace orrery
