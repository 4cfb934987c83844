#include "workloads/sequence_parallel.hpp"
#include "workloads/training_graph_builder.hpp"

namespace orrery {

/// What ranks that share a sequence do together, all groups of a stage side by side. The method has
/// its own memory; what it keeps is a buffer where the pass keeps nothing.
StepOps TrainingGraphBuilder::add_shared(Stage& stage, const PreparedStep& step) {
  const bool forward = *step.shared == SharedCore::forward;
  const bool keeps = !forward || step.memory.saved > Bytes(0);
  SequenceGraph into(graph_, settings_.grid.data_groups(stage.index), settings_.sequence.degree,
                     {.compute = compute_,
                      .category = step.op.category,
                      .activations = keeps ? activations_ : buffers_,
                      .buffers = buffers_,
                      .name = graph_.text(step.op.label) + "."});
  const SequenceMethod& method = settings_.sequence.of(step.of_linear_layer);
  const SequenceLayer layer =
      sequence_layer(settings_.network, settings_.division, settings_.sequence,
                     step.of_linear_layer, settings_.host.kernel);
  const OpId after = stage.last_kernel.last;
  stage.last_kernel.last =
      forward ? method.forward(into, layer, after) : method.backward(into, layer, after);
  stage.last_kernel.count = 1;
  return stage.last_kernel;
}

}  // namespace orrery
