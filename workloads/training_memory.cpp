#include "workloads/kernel_forms.hpp"
#include "workloads/training_graph_builder.hpp"
#include "workloads/transformer_ends.hpp"

namespace orrery {

/// What the host does once a step, in front of it all, and beside it.
void TrainingGraphBuilder::wait_for_host() {
  const std::int64_t tokens =
      settings_.division.sequence_length * settings_.division.micro_batch * settings_.micro_batches;
  const Duration before = settings_.host.step + tokens * settings_.host.token;
  const auto add = [&](const Stage& stage, const char* label, StreamId stream, Duration time) {
    Op op;
    op.kind = OpKind::delay;
    op.stream = stream;
    op.ranks = stage.tensor_groups;
    op.label = graph_.label(label);
    op.category = graph_.label("host");
    op.delay = time;
    return graph_.add(op);
  };
  for (Stage& stage : stages_) {
    OpId ready;
    if (before > Duration(0)) ready = add(stage, "host.step", compute_, before);
    if (settings_.host.issue == Duration(0)) continue;
    stage.issued = add(stage, "host.issue", graph_.stream("host"), settings_.host.issue);
    depend_on(stage.issued, ready);
  }
}

std::int64_t TrainingGraphBuilder::parameters_on_rank(const Stage& stage) const {
  std::int64_t parameters = 0;
  for (const Chunk& chunk : stage.chunks) {
    parameters += part_parameters(settings_, chunk.part).on_rank(settings_.grid.tensor);
  }
  return parameters;
}

/// With fp8 the weights of linear maps are cast once a step, and kept in both orders.
std::int64_t TrainingGraphBuilder::fp8_parameters(const Stage& stage) const {
  if (!settings_.division.fp8_linear) return 0;
  const UnitParameters units = unit_parameters(settings_);
  std::int64_t parameters = 0;
  for (const Chunk& chunk : stage.chunks) {
    const PartLayers layers = layers_of_part(settings_, chunk.part);
    parameters += (layers.count - layers.linear) * (units.layer.divided / settings_.grid.tensor) +
                  layers.linear * (units.linear_layer.divided / settings_.grid.tensor);
  }
  return parameters;
}

/// Of a rank's parameters, those of which it alone keeps what is sharded.
std::int64_t TrainingGraphBuilder::shard(std::int64_t parameters) const {
  return (parameters + settings_.sharding.group - 1) / settings_.sharding.group;
}

void TrainingGraphBuilder::add_static_memory(const Stage& stage) {
  const Sharding& sharding = settings_.sharding;
  const std::int64_t all = parameters_on_rank(stage);
  const std::int64_t own = shard(all);
  graph_.add_static_memory(stage.tensor_groups, weights_,
                           Bytes(2) * (sharding.weights() ? own : all) +
                               storage(Precision::fp8, 2 * fp8_parameters(stage)));
  if (settings_.keeps_gradients) {
    graph_.add_static_memory(
        stage.tensor_groups, gradients_,
        settings_.division.gradient_element * (sharding.gradients() ? own : all));
  }
  if (settings_.runtime_memory > Bytes(0)) {
    graph_.add_static_memory(stage.tensor_groups, graph_.label("runtime"),
                             settings_.runtime_memory);
  }
  const LabelId optimizer = settings_.offload.optimizer_states
                                ? graph_.host_category("optimizer_on_host")
                                : graph_.label("optimizer");
  graph_.add_static_memory(stage.tensor_groups, optimizer, optimizer_states(own));
}

/// Where gradients are not kept from step to step, those of the first micro-batch take their
/// memory.
void TrainingGraphBuilder::make_gradients(Stage& stage, OpId op, std::int64_t count) {
  if (settings_.keeps_gradients) return;
  const Bytes bytes = settings_.division.gradient_element * count;
  graph_.take_memory(op, gradients_, bytes);
  stage.made_gradients += bytes;
}

}  // namespace orrery
