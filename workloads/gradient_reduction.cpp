#include <vector>

#include "workloads/training_graph_builder.hpp"
#include "workloads/transformer_ends.hpp"

namespace orrery {

/// Whole tensors fill a bucket, the last layer's first; a full one is reduced at once.
void TrainingGraphBuilder::add_gradients(Stage& stage, OpId kernel, std::int64_t count) {
  stage.bucket += settings_.division.gradient_element * count;
  if (stage.bucket >= settings_.gradient_bucket) {
    flush_bucket(stage, kernel);
  }
}

void TrainingGraphBuilder::flush_bucket(Stage& stage, OpId kernel) {
  if (settings_.grid.data > 1 && stage.bucket > Bytes(0)) {
    Op op;
    op.stream = data_;
    op.ranks = stage.data_groups;
    op.group_size = static_cast<std::uint32_t>(settings_.grid.data);
    op.label = graph_.label("gradients.all_reduce");
    op.category = data_category_;
    op.bytes = stage.bucket;
    stage.last_bucket = reduce(op, kernel);
  }
  stage.bucket = Bytes(0);
}

OpId TrainingGraphBuilder::reduce(const Op& op, OpId after) {
  Op all_reduce = op;
  all_reduce.kind = OpKind::collective;
  all_reduce.collective = CollectiveKind::all_reduce;
  const OpId id = graph_.add(all_reduce);
  depend_on(id, after);
  return id;
}

/// Under sequence parallelism every rank has seen only its own tokens with the parameters that
/// tensor parallelism does not divide (Megatron-LM, finalize_model_grads).
OpId TrainingGraphBuilder::reduce_replicated(const Stage& stage, OpId after) {
  Op op;
  op.stream = tensor_;
  op.ranks = stage.tensor_groups;
  op.group_size = static_cast<std::uint32_t>(settings_.grid.tensor);
  op.label = graph_.label("gradients.replicated.all_reduce");
  op.category = tensor_category_;
  op.bytes =
      settings_.division.gradient_element * stage_parameters(settings_, stage.index).replicated;
  return reduce(op, after);
}

void TrainingGraphBuilder::finish() {
  const RankGrid& grid = settings_.grid;
  std::vector<OpId> ready;
  for (const Stage& stage : stages_) {
    const OpId reduced = stage.last_bucket.valid() ? stage.last_bucket : stage.last_kernel;
    ready.push_back(settings_.division.sequence_parallel ? reduce_replicated(stage, reduced)
                                                         : reduced);
  }
  if (settings_.network.tied_embeddings && grid.pipeline > 1) {
    const std::int64_t rows = padded_vocabulary(settings_.network, grid.tensor) / grid.tensor;
    Op op;
    op.stream = data_;
    op.ranks = graph_.rank_set(grid.end_pairs());
    op.group_size = 2;
    op.label = graph_.label("gradients.tied_embedding.all_reduce");
    op.category = graph_.label("embedding");
    op.bytes = settings_.division.gradient_element * rows * settings_.network.hidden;
    const OpId id = reduce(op, ready.front());
    depend_on(id, ready.back());
    ready.front() = id;
    ready.back() = id;
  }
  for (const Stage& stage : stages_) {
    Op op;
    op.kind = OpKind::compute;
    op.stream = compute_;
    op.ranks = stage.tensor_groups;
    op.label = graph_.label("optimizer.adam");
    op.category = graph_.label("optimizer");
    op.kernel = graph_.kernel(
        optimizer_kernel(stage_parameters(settings_, stage.index).on_rank(grid.tensor),
                         settings_.division.gradient_element));
    depend_on(graph_.add(op), ready[static_cast<std::size_t>(stage.index)]);
  }
}

}  // namespace orrery
