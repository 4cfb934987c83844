#include "workloads/training_graph_builder.hpp"

namespace orrery {

/// Gathers the weights of a unit before the pass comes to it, once the use `prefetch` uses before
/// the last one is over (Zhao et al. 2023, arXiv:2304.11277, §3.3.2 and §3.4): so at most
/// prefetch + 1 units are whole at a time. What is gathered for a forward pass and not re-sharded
/// waits for the backward pass. Returns what the unit's first kernel has to wait for.
OpId TrainingGraphBuilder::gather(Stage& stage, Chunk& chunk, std::size_t unit, Pass pass) {
  const Sharding& sharding = settings_.sharding;
  const Bytes weights = chunk.units[unit]->weights;
  int& waiting = chunk.gathered_for[unit];
  if (!sharding.weights() || sharding.group == 1 || pass == Pass::weight_gradient) return {};
  if (waiting > 0) {
    if (pass == Pass::forward) ++waiting;
    return {};
  }
  ++waiting;
  Op op;
  op.stream = graph_.stream("data_gather");
  op.ranks = stage.data_groups;
  op.group_size = static_cast<std::uint32_t>(sharding.group);
  op.label = graph_.label("weights.all_gather");
  op.category = data_category_;
  op.bytes = weights;
  const auto uses = stage.last_of_use.size();
  const auto ahead = static_cast<std::size_t>(sharding.prefetch);
  const OpId over = uses > ahead ? stage.last_of_use[uses - 1 - ahead] : OpId();
  const OpId id = collective(op, CollectiveKind::all_gather, over);
  graph_.take_memory(id, weights_, weights);
  return id;
}

void TrainingGraphBuilder::let_go(Stage& stage, Chunk& chunk, std::size_t unit, Pass pass,
                                  bool last) {
  const Sharding& sharding = settings_.sharding;
  int& waiting = chunk.gathered_for[unit];
  if (sharding.weights()) flush_bucket(stage, chunk, stage.last_kernel.only(), last);
  if (waiting == 0 || pass == Pass::weight_gradient) return;
  stage.last_of_use.push_back(stage.last_kernel.only());
  if (pass == Pass::forward && !sharding.reshard_after_forward) return;
  if (--waiting == 0)
    graph_.free_memory(stage.last_kernel.only(), weights_, chunk.units[unit]->weights);
}

}  // namespace orrery
