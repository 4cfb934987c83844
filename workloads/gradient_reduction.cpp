#include <utility>
#include <vector>

#include "workloads/kernel_forms.hpp"
#include "workloads/training_graph_builder.hpp"
#include "workloads/transformer_ends.hpp"

namespace orrery {

/// Whole tensors fill a bucket, the last layer's first; a full one is reduced at once.
void TrainingGraphBuilder::add_gradients(Stage& stage, Chunk& chunk, OpId op, std::int64_t count,
                                         bool last) {
  const Bytes bytes = settings_.division.gradient_element * count;
  chunk.bucket += bytes;
  if (settings_.sharding.gradients() && settings_.sharding.group > 1) {
    graph_.take_memory(op, gradients_, bytes);  // until the bucket is reduced
  }
  // Sharded weights are reduced unit by unit; see let_go.
  if (!settings_.sharding.weights() && chunk.bucket >= settings_.gradient_bucket) {
    flush_bucket(stage, chunk, op, last);
  }
}

/// Sums a bucket over the ranks that share one copy, each keeping its shard, and then shards over
/// the copies; the latter only when the last micro-batch has been added. Where gradients are
/// sharded the next kernel waits for the bucket before, so that two are whole at a time (PyTorch
/// FSDP2, FSDPParamGroup.post_backward, waits for the reduce-scatter before; DeepSpeed has two
/// buffers).
void TrainingGraphBuilder::flush_bucket(Stage& stage, Chunk& chunk, OpId kernel, bool last) {
  const Sharding& sharding = settings_.sharding;
  const std::int64_t copies = settings_.grid.data / sharding.group;
  const Bytes bucket = std::exchange(chunk.bucket, Bytes(0));
  if (bucket == Bytes(0)) return;
  Op op;
  op.stream = data_;
  op.category = data_category_;
  op.bytes = bucket;
  if (sharding.group > 1) {
    if (sharding.gradients()) stage.next_kernel_after = stage.last_reduction;
    op.ranks = stage.data_groups;
    op.group_size = static_cast<std::uint32_t>(sharding.group);
    op.label = graph_.label("gradients.reduce_scatter");
    stage.last_reduction = collective(op, CollectiveKind::reduce_scatter, kernel);
    if (sharding.gradients()) graph_.free_memory(stage.last_reduction, gradients_, bucket);
  }
  if (copies > 1 && last) {
    op.ranks = stage.replica_groups;
    op.group_size = static_cast<std::uint32_t>(copies);
    op.label = graph_.label("gradients.all_reduce");
    op.bytes = bucket / sharding.group;
    stage.last_reduction = collective(op, CollectiveKind::all_reduce, kernel);
  }
}

OpId TrainingGraphBuilder::collective(const Op& op, CollectiveKind kind, OpId after) {
  Op whole = op;
  whole.kind = OpKind::collective;
  whole.collective = kind;
  const OpId id = graph_.add(whole);
  depend_on(id, after);
  return id;
}

/// Under sequence parallelism every rank has seen only its own tokens with the parameters that
/// tensor parallelism does not divide (Megatron-LM, finalize_model_grads).
OpId TrainingGraphBuilder::reduce_replicated(const Stage& stage, OpId after) {
  std::int64_t replicated = 0;
  for (const Chunk& chunk : stage.chunks) {
    replicated += part_parameters(settings_, chunk.part).replicated;
  }
  Op op;
  op.stream = tensor_;
  op.ranks = stage.tensor_groups;
  op.group_size = static_cast<std::uint32_t>(settings_.grid.tensor);
  op.label = graph_.label("gradients.replicated.all_reduce");
  op.category = tensor_category_;
  op.bytes = settings_.division.gradient_element * shard(replicated);
  return collective(op, CollectiveKind::all_reduce, after);
}

/// Where the network passes the pipeline both ways, stage s and the one opposite hold the same two
/// parts and sum their gradients.
void TrainingGraphBuilder::reduce_copies(std::vector<OpId>& ready) {
  if (schedule_.routes.size() == 1) return;
  for (std::size_t near = 0; near < stages_.size() / 2; ++near) {
    const std::size_t far = stages_.size() - 1 - near;
    Op op;
    op.stream = data_;
    op.ranks = graph_.rank_set(settings_.grid.stage_pairs(static_cast<std::int64_t>(near),
                                                          static_cast<std::int64_t>(far)));
    op.group_size = 2;
    op.label = graph_.label("gradients.copies.all_reduce");
    op.category = data_category_;
    op.bytes = settings_.division.gradient_element * parameters_on_rank(stages_[near]);
    const OpId id = collective(op, CollectiveKind::all_reduce, ready[near]);
    depend_on(id, ready[far]);
    ready[near] = id;
    ready[far] = id;
  }
}

void TrainingGraphBuilder::reduce_tied_embedding(std::vector<OpId>& ready) {
  const RankGrid& grid = settings_.grid;
  if (!settings_.network.tied_embeddings || grid.pipeline == 1) return;
  const std::int64_t rows = padded_vocabulary(settings_.network, grid.tensor) / grid.tensor;
  Op op;
  op.stream = data_;
  op.ranks = graph_.rank_set(grid.end_pairs());
  op.group_size = 2;
  op.label = graph_.label("gradients.tied_embedding.all_reduce");
  op.category = graph_.label("embedding");
  op.bytes = settings_.division.gradient_element * shard(rows * settings_.network.hidden);
  const OpId id = collective(op, CollectiveKind::all_reduce, ready.front());
  depend_on(id, ready.back());
  ready.front() = id;
  ready.back() = id;
}

/// Training in fp16 scales the loss: gradients are divided by the scale before they are used, in a
/// pass of its own (Megatron-LM v3.0, megatron/optimizer/optimizer.py,
/// _unscale_main_grads_and_check_for_nan). The flag that all ranks agree on is left out.
void TrainingGraphBuilder::unscale(std::vector<OpId>& ready) {
  if (settings_.division.precision != Precision::fp16) return;
  for (const Stage& stage : stages_) {
    Op op;
    op.kind = OpKind::compute;
    op.stream = compute_;
    op.ranks = stage.tensor_groups;
    op.label = graph_.label("gradients.unscale");
    op.category = graph_.label("optimizer");
    op.kernel = graph_.kernel(
        unscaling_kernel(shard(parameters_on_rank(stage)), settings_.division.gradient_element));
    OpId& before = ready[static_cast<std::size_t>(stage.index)];
    const OpId id = graph_.add(op);
    depend_on(id, before);
    before = id;
  }
}

/// The norm over all gradients: every rank reads those that it will apply, then one fp32 number is
/// summed over all ranks that hold a part of one copy (Megatron-LM, get_grad_norm_fp32). Scaling by
/// it is left to the optimizer's kernel, which reads the gradients anyway.
OpId TrainingGraphBuilder::clip(std::vector<OpId>& ready) {
  if (!settings_.gradient_clipping) return {};
  const RankGrid& grid = settings_.grid;
  const bool sharded = settings_.sharding.group > 1;
  const std::vector<Rank> members = grid.model_groups();
  Op op;
  op.stream = data_;
  op.ranks = graph_.rank_set(members);
  op.group_size = static_cast<std::uint32_t>(sharded ? grid.tensor * grid.pipeline * grid.data
                                                     : grid.tensor * grid.pipeline);
  op.label = graph_.label("gradients.norm.all_reduce");
  op.category = graph_.label("optimizer");
  op.bytes = storage(Precision::fp32, 1);
  std::vector<OpId> norms;
  for (const Stage& stage : stages_) {
    Op norm;
    norm.kind = OpKind::compute;
    norm.stream = compute_;
    norm.ranks = stage.tensor_groups;
    norm.label = graph_.label("gradients.norm");
    norm.category = op.category;
    norm.kernel = graph_.kernel(gradient_norm_kernel(shard(parameters_on_rank(stage)),
                                                     settings_.division.gradient_element));
    norms.push_back(graph_.add(norm));
    depend_on(norms.back(), ready[static_cast<std::size_t>(stage.index)]);
  }
  const OpId sum = collective(op, CollectiveKind::all_reduce, OpId());
  for (const OpId norm : norms) graph_.depend(sum, norm);
  return sum;
}

Kernel TrainingGraphBuilder::adam_kernel(std::int64_t parameters) const {
  const Bytes element = settings_.division.gradient_element;
  return settings_.division.megatron_kernels ? separate_optimizer_kernel(parameters, element)
                                             : optimizer_kernel(parameters, element);
}

/// What is sharded is updated by its owner; whole weights are then gathered from all owners. As
/// Megatron-LM v3.0 has it, clipping scales all gradients in a pass of its own (we suppose that the
/// norm is above the limit; clip_grad_norm_fp32), Adam leaves the 2-byte weights alone, and these
/// are copied from the master weights (_copy_main_params_to_model_params).
void TrainingGraphBuilder::update(const Stage& stage, OpId ready, OpId norm) {
  const Sharding& sharding = settings_.sharding;
  const std::int64_t parameters = parameters_on_rank(stage);
  Op op;
  op.kind = OpKind::compute;
  op.stream = compute_;
  op.ranks = stage.tensor_groups;
  op.category = graph_.label("optimizer");
  const bool separate = settings_.division.megatron_kernels;
  const auto add = [&](const char* label, const Kernel& kernel) {
    op.label = graph_.label(label);
    op.kernel = graph_.kernel(kernel);
    const OpId id = graph_.add(op);
    depend_on(id, ready);
    depend_on(id, norm);
    depend_on(id, stage.issued);
    return id;
  };
  if (separate && settings_.gradient_clipping) {
    ready = add("gradients.clip",
                unscaling_kernel(shard(parameters), settings_.division.gradient_element));
    norm = OpId();
  }
  OpId updated;
  if (settings_.offload.optimizer_states) {
    op.label = graph_.label("optimizer.adam");
    updated = update_from_host(stage, op, ready, norm);
  } else {
    updated = add("optimizer.adam", adam_kernel(shard(parameters)));
  }
  if (separate) updated = add("optimizer.copy_weights", weight_copy_kernel(shard(parameters)));
  graph_.free_memory(updated, gradients_, stage.made_gradients);
  if (settings_.division.fp8_linear) {
    op.label = graph_.label("optimizer.cast_weights");
    op.kernel = graph_.kernel(cast_to_fp8(settings_.division, fp8_parameters(stage)));
    updated = graph_.add(op);
  }
  if (!sharding.optimizer() || sharding.weights() || sharding.group == 1) return;
  Op gathers;
  gathers.stream = data_;
  gathers.ranks = stage.data_groups;
  gathers.group_size = static_cast<std::uint32_t>(sharding.group);
  gathers.label = graph_.label("weights.all_gather");
  gathers.category = data_category_;
  gathers.bytes = Bytes(2) * parameters;
  collective(gathers, CollectiveKind::all_gather, updated);
}

void TrainingGraphBuilder::finish() {
  std::vector<OpId> ready;
  for (const Stage& stage : stages_) {
    const OpId reduced =
        stage.last_reduction.valid() ? stage.last_reduction : stage.last_kernel.only();
    ready.push_back(settings_.division.sequence_parallel ? reduce_replicated(stage, reduced)
                                                         : reduced);
  }
  reduce_copies(ready);
  reduce_tied_embedding(ready);
  unscale(ready);
  const OpId norm = clip(ready);
  for (const Stage& stage : stages_) {
    update(stage, ready[static_cast<std::size_t>(stage.index)], norm);
  }
}

}  // namespace orrery
