// Products whose stores trigger the reduction behind them, in a training step.
#include <utility>

#include "workloads/tensor_overlap.hpp"
#include "workloads/training_graph_builder.hpp"

namespace orrery {

std::shared_ptr<StagedProduct> TrainingGraphBuilder::stage_product(const Step& product,
                                                                   const Step& reduction,
                                                                   const std::string& pass) {
  StagedProduct::Plan plan =
      staged_plan(product, reduction, settings_.grid.tensor, pass + "." + product.label);
  plan.kernel.host = settings_.host.kernel;
  plan.product = graph_.label(pass);
  plan.reduction = tensor_category_;
  return std::make_shared<StagedProduct>(graph_, std::move(plan));
}

/// With it comes the reduce-scatter that its stores trigger.
StepOps TrainingGraphBuilder::add_staged(Stage& stage, const PreparedStep& step) {
  StagedProduct& product = *step.staged;
  product.add_kernels(stage.tensor_groups);
  const StepOps added{.last = product.last(), .count = 1, .first = product.first()};
  graph_.take_memory(added.first, activations_, step.memory.saved);
  graph_.free_memory(added.last, activations_, step.memory.dropped);
  graph_.take_memory(added.first, buffers_, step.memory.buffer);
  graph_.free_memory(added.last, buffers_, step.memory.unbuffer);
  stage.scattered = product.add_ring();
  return added;
}

/// What is left to do of the reduction: of an all-reduce the all-gather, else nothing.
StepOps TrainingGraphBuilder::add_triggered(Stage& stage, const PreparedStep& step) {
  const std::vector<OpId> scattered = std::exchange(stage.scattered, {});
  if (step.op.collective == CollectiveKind::reduce_scatter) return {.last = scattered.back()};
  Op op = step.op;
  op.ranks = stage.tensor_groups;
  op.collective = CollectiveKind::all_gather;
  const OpId gather = add_op(op, step.memory);
  for (const OpId trigger : scattered) graph_.depend(gather, trigger);
  return {.last = gather};
}

}  // namespace orrery
