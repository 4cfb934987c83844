#include "workloads/training_graph.hpp"

#include <string>
#include <utility>
#include <vector>

#include "workloads/layer_parts.hpp"
#include "workloads/training_graph_builder.hpp"

namespace orrery {

PreparedSteps TrainingGraphBuilder::prepare(const Steps& steps, const std::string& pass) {
  PreparedSteps result;
  for (const Step& step : steps) {
    PreparedStep prepared = {{}, step.memory, step.gradients, step.after};
    Op& op = prepared.op;
    op.label = graph_.label(pass + "." + step.label);
    if (step.collective) {
      op.kind = OpKind::collective;
      op.collective = *step.collective;
      op.stream = tensor_;
      op.group_size = static_cast<std::uint32_t>(settings_.grid.tensor);
      op.category = tensor_category_;
      op.bytes = step.bytes;
    } else {
      op.kind = OpKind::compute;
      op.stream = compute_;
      op.category = graph_.label(pass);
      op.kernel = graph_.kernel(step.kernel);
    }
    result.push_back(std::move(prepared));
  }
  return result;
}

void TrainingGraphBuilder::add_stage(std::int64_t index) {
  const RankGrid& grid = settings_.grid;
  const auto micro_batches = static_cast<std::size_t>(settings_.micro_batches);
  const auto layers = static_cast<std::size_t>(settings_.network.layers / grid.pipeline);
  Stage stage;
  stage.index = index;
  stage.tensor_groups = graph_.rank_set(grid.tensor_groups(index));
  stage.data_groups = graph_.rank_set(grid.data_groups(index));
  stage.order = one_forward_one_backward(index, grid.pipeline, settings_.micro_batches);
  stage.activations_in.resize(micro_batches);
  stage.gradients_in.resize(micro_batches);
  stage.forward.assign(layers, &layer_.forward);
  stage.backward.assign(layers, &layer_.backward);
  if (index == 0) {
    stage.forward.insert(stage.forward.begin(), &embedding_.forward);
    stage.backward.push_back(&embedding_.backward);
  }
  if (index == grid.pipeline - 1) {
    stage.forward.push_back(&head_.forward);
    stage.backward.insert(stage.backward.begin(), &head_.backward);
  }
  add_static_memory(stage);
  stages_.push_back(std::move(stage));
}

void TrainingGraphBuilder::add_static_memory(const Stage& stage) {
  const std::int64_t parameters =
      stage_parameters(settings_, stage.index).on_rank(settings_.grid.tensor);
  graph_.add_static_memory(stage.tensor_groups, graph_.label("weights"), Bytes(2) * parameters);
  graph_.add_static_memory(stage.tensor_groups, graph_.label("gradients"),
                           settings_.division.gradient_element * parameters);
  // fp32 master weight, momentum and variance (Rajbhandari et al. 2020, arXiv:1910.02054, §3.1)
  graph_.add_static_memory(stage.tensor_groups, graph_.label("optimizer"), Bytes(12) * parameters);
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
  if (stage.next == stage.order.size()) {
    return false;
  }
  const PipelineSlot slot = stage.order[stage.next];
  const auto micro_batch = static_cast<std::size_t>(slot.micro_batch);
  if (slot.pass == Pass::forward) {
    return stage.index == 0 || stage.activations_in[micro_batch].valid();
  }
  return stage.index == settings_.grid.pipeline - 1 || stage.gradients_in[micro_batch].valid();
}

void TrainingGraphBuilder::run_slot(Stage& stage) {
  const PipelineSlot slot = stage.order[stage.next++];
  const auto micro_batch = static_cast<std::size_t>(slot.micro_batch);
  const bool forward = slot.pass == Pass::forward;
  const OpId entry = (forward ? stage.activations_in : stage.gradients_in)[micro_batch];
  const bool counts = !forward && slot.micro_batch == settings_.micro_batches - 1;
  std::vector<OpId> done;
  for (const PreparedSteps* part : forward ? stage.forward : stage.backward) {
    for (const PreparedStep& step : *part) {
      const OpId kernel_before = stage.last_kernel;
      const OpId op = add_step(stage, step);
      for (const int back : step.after) {
        if (static_cast<std::size_t>(back) <= done.size()) {
          depend_on(op, done[done.size() - static_cast<std::size_t>(back)]);
        } else {
          depend_on(op, entry);
          depend_on(op, kernel_before);  // a collective is enqueued behind the kernels so far
        }
      }
      done.push_back(op);
      if (counts && step.gradients > 0) {
        add_gradients(stage, op, step.gradients);
      }
    }
  }
  const std::int64_t next = stage.index + (forward ? 1 : -1);
  if (next >= 0 && next < settings_.grid.pipeline) {
    send(stage, stages_[static_cast<std::size_t>(next)], slot);
  }
  if (counts) {
    flush_bucket(stage, stage.last_kernel);
  }
}

OpId TrainingGraphBuilder::add_step(Stage& stage, const PreparedStep& step) {
  Op op = step.op;
  op.ranks = stage.tensor_groups;
  const OpId id = graph_.add(op);
  graph_.take_memory(id, activations_, step.memory.saved);
  graph_.free_memory(id, activations_, step.memory.dropped);
  graph_.take_memory(id, buffers_, step.memory.buffer);
  graph_.free_memory(id, buffers_, step.memory.unbuffer);
  if (op.kind == OpKind::compute) {
    stage.last_kernel = id;
  }
  return id;
}

/// Unless the stream they share orders them anyway.
void TrainingGraphBuilder::depend_on(OpId op, OpId on) {
  if (on.valid() && graph_.op(op).stream != graph_.op(on).stream) {
    graph_.depend(op, on);
  }
}

void TrainingGraphBuilder::send(Stage& from, Stage& to, const PipelineSlot& slot) {
  const std::string pass = slot.pass == Pass::forward ? "forward" : "backward";
  Op op;
  op.kind = OpKind::transfer;
  op.stream = graph_.stream("pipeline_" + pass + "_send");
  op.peer_stream = graph_.stream("pipeline_" + pass + "_receive");
  op.ranks = from.tensor_groups;
  op.peers = to.tensor_groups;
  op.label = graph_.label(pass + ".pipeline");
  op.category = pipeline_category_;
  op.bytes = hidden_state(settings_.network, settings_.division);
  const OpId id = graph_.add(op);
  graph_.depend(id, from.last_kernel, Side::source);
  graph_.take_memory(id, buffers_, op.bytes);
  graph_.free_memory(id, buffers_, op.bytes);
  (slot.pass == Pass::forward ? to.activations_in
                              : to.gradients_in)[static_cast<std::size_t>(slot.micro_batch)] = id;
}

TaskGraph training_graph(const TrainingSettings& settings, const TrainingParts& parts) {
  return TrainingGraphBuilder(settings, parts).build();
}

}  // namespace orrery
