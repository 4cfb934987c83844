#include "tools/orrery/simulated_job.hpp"

#include <numeric>
#include <utility>

namespace orrery {
namespace {

/// In the order of the classes, which are numbered by their first ranks.
std::vector<RankClass> classes_of(const Symmetry& symmetry) {
  std::vector<RankClass> classes;
  for (std::size_t rank = 0; rank < symmetry.rank_class.size(); ++rank) {
    if (symmetry.rank_class[rank] == classes.size()) {
      const std::uint32_t count = symmetry.ranks_in[classes.size()];
      classes.push_back({static_cast<Rank>(rank), static_cast<Rank>(count)});
    }
  }
  return classes;
}

std::optional<Symmetry> symmetry_of(const Scenario& scenario, const Job& job,
                                    const Builtins& builtins, Folding folding) {
  // Degraded links do not matter here: they differ in the fabric.
  const bool native = scenario.flows.engine == FlowChoice().engine;
  const bool alike = native && scenario.variability.uniform() && scenario.faults.empty();
  if (!alike || folding != Folding::where_alike) return std::nullopt;
  CollectiveCalls calls(builtins.collectives, scenario.collectives, *scenario.fabric);
  return find_symmetry(job.graph, *scenario.fabric, calls);
}

}  // namespace

SimulatedJob::SimulatedJob(const Scenario& scenario, const Job& job, const Builtins& builtins,
                           Folding folding)
    : SimulatedJob(job.graph, symmetry_of(scenario, job, builtins, folding)) {}

SimulatedJob::SimulatedJob(const TaskGraph& graph, std::optional<Symmetry> symmetry)
    : graph_(&graph), symmetry_(std::move(symmetry)) {
  if (symmetry_) {
    folded_ = std::make_unique<FoldedGraph>(graph, symmetry_->rank_class);
    classes_ = classes_of(*symmetry_);
  } else {
    classes_ = each_rank_alone(graph.world_size());
  }
}

std::vector<Rank> SimulatedJob::rank_of() const {
  if (symmetry_) return {symmetry_->rank_class.begin(), symmetry_->rank_class.end()};
  std::vector<Rank> ranks(static_cast<std::size_t>(graph_->world_size()));
  std::iota(ranks.begin(), ranks.end(), 0);
  return ranks;
}

Runner& SimulatedJob::runner_on(Runner& machine) {
  if (!folded_) {
    return machine;
  }
  folded_->set_runner(machine);
  return *folded_;
}

}  // namespace orrery
