#include "workloads/training_graph.hpp"

#include <utility>
#include <vector>

#include "sim/base/errors.hpp"
#include "workloads/training_graph_builder.hpp"
#include "workloads/transformer_ends.hpp"

namespace orrery {
namespace {

template <class Enumeration>
std::size_t index_of(Enumeration value) {
  return static_cast<std::size_t>(value);
}

PipelineSchedule schedule_of(const TrainingSettings& settings) {
  const Registry<PipelineSchedulerFactory> schedulers = builtin_pipeline_schedulers();
  return schedulers.find(settings.schedule)->make()->schedule(settings.pipeline());
}

}  // namespace

TrainingGraphBuilder::TrainingGraphBuilder(const TrainingSettings& settings,
                                           const TrainingParts& parts)
    : settings_(settings),
      pairs_(parts.pairs),
      graph_(static_cast<Rank>(settings.grid.tensor * settings.grid.data * settings.grid.pipeline)),
      schedule_(schedule_of(settings)),
      compute_(graph_.stream("compute")),
      tensor_(graph_.stream("tensor")),
      data_(graph_.stream("data")),
      tensor_category_(graph_.label("tensor_parallel")),
      pipeline_category_(graph_.label("pipeline_parallel")),
      data_category_(graph_.label("data_parallel")),
      activations_(graph_.label("activations")),
      buffers_(graph_.label("buffers")),
      gradients_(graph_.label("gradients")),
      weights_(graph_.label("weights")) {
  const UnitParameters parameters = unit_parameters(settings);
  embedding_ = prepare(parts.embedding, parameters.embedding);
  layer_ = prepare(parts.layer, parameters.layer);
  linear_layer_ = prepare(parts.linear_layer, parameters.linear_layer);
  head_ = prepare(parts.head, parameters.head);
  prepare_recomputation(parts.layer, layer_);
  prepare_recomputation(parts.linear_layer, linear_layer_);
}

TaskGraph TrainingGraphBuilder::build() {
  for (std::int64_t s = 0; s < settings_.grid.pipeline; ++s) add_stage(s);
  wait_for_host();
  run_schedule();
  finish();
  return std::move(graph_);
}

void TrainingGraphBuilder::add_stage(std::int64_t index) {
  const RankGrid& grid = settings_.grid;
  Stage stage;
  stage.index = index;
  stage.tensor_groups = graph_.rank_set(grid.tensor_groups(index));
  stage.data_groups = graph_.rank_set(grid.data_groups(index));
  stage.replica_groups = graph_.rank_set(grid.replica_groups(index, settings_.sharding.group));
  if (!settings_.division.documents.empty()) {
    for (std::int64_t d = 0; d < grid.data; ++d) {
      stage.replicas.push_back(graph_.rank_set(grid.tensor_group(index, d)));
    }
  }
  stage.order = schedule_.order[static_cast<std::size_t>(index)];
  for (const auto& route : schedule_.routes) {
    for (std::size_t part = 0; part < route.size(); ++part) {
      if (route[part].stage != index) continue;
      const auto chunk = static_cast<std::int64_t>(stage.chunks.size());
      ORRERY_CHECK(route[part].chunk == chunk, "the chunks of a stage are out of order");
      stage.chunks.push_back(chunk_of(static_cast<std::int64_t>(part), stage.order, chunk));
    }
  }
  add_static_memory(stage);
  stages_.push_back(std::move(stage));
}

/// Stage by stage one slot at a time, as soon as what it needs has been sent.
void TrainingGraphBuilder::run_schedule() {
  bool moved = true;
  while (moved) {
    moved = false;
    for (Stage& stage : stages_) {
      if (can_run(stage)) {
        run_slot(stage);
        moved = true;
      }
    }
  }
  for (const Stage& stage : stages_) {
    ORRERY_CHECK(stage.next == stage.order.size(), "the pipeline schedule does not come to an end");
  }
}

bool TrainingGraphBuilder::can_run(const Stage& stage) const {
  if (stage.next == stage.order.size()) return false;
  const PipelineSlot slot = stage.order[stage.next];
  const Chunk& chunk = stage.chunks[static_cast<std::size_t>(slot.chunk)];
  const auto micro_batch = static_cast<std::size_t>(slot.micro_batch);
  switch (slot.pass) {
    case Pass::forward:
      return chunk.part == 0 || chunk.activations_in[micro_batch].valid();
    case Pass::backward:
    case Pass::input_gradient:
      return chunk.part + 1 == schedule_.parts() || chunk.gradients_in[micro_batch].valid();
    case Pass::weight_gradient:
      break;
  }
  return true;
}

void TrainingGraphBuilder::run_slot(Stage& stage) {
  const PipelineSlot slot = stage.order[stage.next++];
  Chunk& chunk = stage.chunks[static_cast<std::size_t>(slot.chunk)];
  const auto micro_batch = static_cast<std::size_t>(slot.micro_batch);
  const bool last = --chunk.left[index_of(slot.pass)] == 0;
  OpId entry = slot.pass == Pass::forward           ? chunk.activations_in[micro_batch]
               : slot.pass == Pass::weight_gradient ? OpId()
                                                    : chunk.gradients_in[micro_batch];
  wait_for_sent(stage);
  if (entry.valid() && scatters()) entry = gather_received(stage, entry, slot.pass);
  run_segments(stage, chunk, slot, entry, last);
  reduce_maxima(stage, chunk, slot.pass);
  if (slot.pass != Pass::weight_gradient) send(stage, chunk, slot);
  const bool completes = slot.pass == Pass::backward || slot.pass == Pass::weight_gradient;
  if (completes && (last || settings_.sharding.gradients())) {
    flush_bucket(stage, chunk, stage.last_kernel.only(), last);
  }
}

void TrainingGraphBuilder::run_segments(Stage& stage, Chunk& chunk, const PipelineSlot& slot,
                                        OpId entry, bool last) {
  const Segments& segments = chunk.passes[index_of(slot.pass)];
  const bool counts = last || settings_.sharding.gradients();
  const bool first = !std::exchange(chunk.begun[index_of(slot.pass)], true);
  std::vector<StepOps> done;
  stage.posted = {};
  for (std::size_t s = 0; s < segments.size(); ++s) {
    const std::size_t unit = segments[s].unit;
    OpId weights;
    OpId saved;
    if (s == 0 || segments[s - 1].unit != unit) {
      weights = gather(stage, chunk, unit, slot.pass);
      saved = fetch_saved(stage, chunk, unit, slot.micro_batch);
    }
    for (const PreparedStep& step : *segments[s].steps) {
      const StepOps kernel_before = stage.last_kernel;
      const StepOps op = add_step(stage, step, slot.micro_batch);
      for (const int back : step.after) {
        if (static_cast<std::size_t>(back) <= done.size()) {
          depend_on(op, done[done.size() - static_cast<std::size_t>(back)]);
        } else {
          depend_on(op, entry);
          depend_on(op, kernel_before);  // a collective is enqueued behind the kernels so far
        }
      }
      for (const Block block : step.waits_for) depend_on(op, stage.posted[index_of(block)]);
      if (step.posts) stage.posted[index_of(*step.posts)] = op.only();
      depend_on(op, saved);
      if (step.op.kind == OpKind::compute) {
        depend_on(op, std::exchange(weights, OpId()));
        saved = OpId();  // what comes later waits for this kernel
      }
      done.push_back(op);
      if (counts && step.gradients > 0)
        add_gradients(stage, chunk, op.only(), step.gradients, last);
      if (first && step.gradients > 0) make_gradients(stage, op.only(), step.gradients);
    }
    if (s + 1 == segments.size() || segments[s + 1].unit != unit) {
      let_go(stage, chunk, unit, slot.pass, last);
      stage.unit_ends.push_back(stage.last_kernel.only());
      if (slot.pass == Pass::forward) store_saved(stage, chunk, segments[s], slot.micro_batch);
    }
  }
}

/// With fp8 the ranks of a tensor-parallel group agree on the maxima that scales come from, one
/// number for each tensor that was cast: inputs and weights of a layer's four linear maps forward,
/// gradients of their outputs backward (Transformer Engine, delayed scaling, reduces them once for
/// each pass). Nothing waits for it but what comes next on the stream.
void TrainingGraphBuilder::reduce_maxima(Stage& stage, const Chunk& chunk, Pass pass) {
  if (!settings_.division.fp8_linear || settings_.grid.tensor == 1) return;
  if (pass == Pass::weight_gradient) return;
  const std::int64_t layers = settings_.stages[static_cast<std::size_t>(chunk.part)];
  Op op;
  op.stream = tensor_;
  op.ranks = stage.tensor_groups;
  op.group_size = static_cast<std::uint32_t>(settings_.grid.tensor);
  op.label = graph_.label("fp8.maxima.all_reduce");
  op.category = tensor_category_;
  op.bytes = storage(Precision::fp32, layers * (pass == Pass::forward ? 8 : 4));
  collective(op, CollectiveKind::all_reduce, stage.last_kernel.only());
}

/// Where replicas have different work each has an op of its own.
StepOps TrainingGraphBuilder::add_step(Stage& stage, const PreparedStep& step,
                                       std::int64_t micro_batch) {
  if (step.shared) return add_shared(stage, step);
  Op op = step.op;
  StepOps added;
  if (step.staged) {
    added = add_staged(stage, step);
  } else if (step.is_triggered) {
    added = add_triggered(stage, step);
  } else if (step.by_content.empty()) {
    op.ranks = stage.tensor_groups;
    added.last = add_op(op, step.memory);
  } else {
    const std::size_t first = static_cast<std::size_t>(micro_batch) * stage.replicas.size();
    for (std::size_t replica = 0; replica < stage.replicas.size(); ++replica) {
      op.ranks = stage.replicas[replica];
      op.kernel = step.by_content[first + replica];
      added.last = add_op(op, step.memory);
    }
    added.count = stage.replicas.size();
  }
  for (const OpId sent : stage.waits_for) depend_on(added, sent);
  if (op.kind == OpKind::compute) {
    stage.waits_for.clear();  // what comes later waits for this kernel
    depend_on(added, std::exchange(stage.next_kernel_after, OpId()));
    stage.last_kernel = added;
  }
  return added;
}

OpId TrainingGraphBuilder::add_op(const Op& op, const StepMemory& memory) {
  const OpId id = graph_.add(op);
  graph_.take_memory(id, activations_, memory.saved);
  graph_.free_memory(id, activations_, memory.dropped);
  graph_.take_memory(id, buffers_, memory.buffer);
  graph_.free_memory(id, buffers_, memory.unbuffer);
  return id;
}

OpId StepOps::only() const {
  ORRERY_CHECK(count == 1, "one of several ops is not all of a step");
  return last;
}

/// Unless the stream they share orders them anyway.
void TrainingGraphBuilder::depend_on(OpId op, OpId on) {
  if (on.valid() && graph_.op(op).stream != graph_.op(on).stream) {
    graph_.depend(op, on);
  }
}

void TrainingGraphBuilder::depend_on(const StepOps& ops, OpId on) {
  if (ops.first.valid()) return depend_on(ops.first, on);
  for (std::size_t i = 0; i < ops.count; ++i) depend_on(OpId(ops.last.index() - i), on);
}

void TrainingGraphBuilder::depend_on(const StepOps& ops, const StepOps& on) {
  if (!on.last.valid()) return;
  for (std::size_t i = 0; i < on.count; ++i) depend_on(ops, OpId(on.last.index() - i));
}

TaskGraph training_graph(const TrainingSettings& settings, const TrainingParts& parts) {
  return TrainingGraphBuilder(settings, parts).build();
}

}  // namespace orrery
