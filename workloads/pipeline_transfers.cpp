#include <string>
#include <utility>

#include "workloads/layer_parts.hpp"
#include "workloads/training_graph_builder.hpp"

namespace orrery {

/// To where the next part of the network is held, on the way of this micro-batch.
void TrainingGraphBuilder::send(Stage& from, const Chunk& chunk, const PipelineSlot& slot) {
  const bool forward = slot.pass == Pass::forward;
  const std::int64_t next = chunk.part + (forward ? 1 : -1);
  if (next < 0 || next >= schedule_.parts()) return;
  const PipelinePlace place = schedule_.route_of(slot.micro_batch)[static_cast<std::size_t>(next)];
  Stage& to = stages_[static_cast<std::size_t>(place.stage)];
  Chunk& there = to.chunks[static_cast<std::size_t>(place.chunk)];
  const std::string pass = forward ? "forward" : "backward";
  const std::size_t routes = schedule_.routes.size();
  const std::size_t route = static_cast<std::size_t>(slot.micro_batch) % routes;
  const std::string way = route == 0 ? "" : "_" + std::to_string(route + 1);
  Op op;
  op.kind = OpKind::transfer;
  op.stream = graph_.stream("pipeline_" + pass + "_send" + way);
  op.peer_stream = graph_.stream("pipeline_" + pass + "_receive" + way);
  op.ranks = from.tensor_groups;
  op.peers = to.tensor_groups;
  op.label = graph_.label(pass + ".pipeline");
  op.category = pipeline_category_;
  op.bytes = hidden_state(settings_.network, settings_.division);
  if (scatters()) op.bytes = (op.bytes + Bytes(settings_.grid.tensor - 1)) / settings_.grid.tensor;
  const OpId id = graph_.add(op);
  graph_.depend(id, from.last_kernel.only(), Side::source);
  graph_.take_memory(id, buffers_, op.bytes);
  graph_.free_memory(id, buffers_, op.bytes);
  if (settings_.transfers.blocking) from.sent.push_back(id);
  (forward ? there.activations_in
           : there.gradients_in)[static_cast<std::size_t>(slot.micro_batch)] = id;
}

/// Without sequence parallelism all tensor ranks of a stage hold the same hidden state; each sends
/// its part of it to its counterpart (Narayanan et al. 2021, arXiv:2104.04473, §4.1).
bool TrainingGraphBuilder::scatters() const {
  return settings_.transfers.scatter_gather && settings_.grid.tensor > 1 &&
         !settings_.division.sequence_parallel;
}

/// Puts the parts that arrived together, before the pass that needs them.
OpId TrainingGraphBuilder::gather_received(const Stage& stage, OpId transfer, Pass pass) {
  Op op;
  op.stream = tensor_;
  op.ranks = stage.tensor_groups;
  op.group_size = static_cast<std::uint32_t>(settings_.grid.tensor);
  op.label = graph_.label(pass == Pass::forward ? "forward.pipeline.all_gather"
                                                : "backward.pipeline.all_gather");
  op.category = pipeline_category_;
  op.bytes = hidden_state(settings_.network, settings_.division);
  const OpId id = collective(op, CollectiveKind::all_gather, transfer);
  depend_on(id, stage.last_kernel.only());  // enqueued behind the kernels so far
  for (const OpId sent : stage.waits_for) depend_on(id, sent);
  graph_.take_memory(id, buffers_, op.bytes);
  graph_.free_memory(id, buffers_, op.bytes);
  return id;
}

/// Where transfers block, the host sees one through before it launches what comes next (Megatron-LM
/// v3.0, p2p_communication.py, _communicate: waits, then torch.cuda.synchronize). With interleaved
/// stages a forward pass and the backward pass behind it hand over together, behind the latter
/// (schedules.py, send_forward_backward_recv_forward_backward); here the forward pass sends at once
/// and is waited for then. Leaves out: the time until the host has filled the queue of kernels
/// again.
void TrainingGraphBuilder::wait_for_sent(Stage& stage) {
  const PipelineSlot& now = stage.order[stage.next - 1];  // has begun
  const bool together = settings_.schedule == "interleaved" && stage.next > 1 &&
                        now.pass != Pass::forward &&
                        stage.order[stage.next - 2].pass == Pass::forward;
  if (!together) stage.waits_for = std::exchange(stage.sent, {});
}

}  // namespace orrery
