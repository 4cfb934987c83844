#include "sim/graph/ready_streams.hpp"

namespace orrery {

ReadyStreams::ReadyStreams(const TaskGraph& graph, const SlotLayout& slots)
    : graph_(&graph), slots_(&slots) {
  for (std::size_t s = 0; s < graph.stream_count(); ++s) {
    any_ = any_ || graph.stream_order(StreamId(s)) == StreamOrder::first_ready;
  }
}

bool ReadyStreams::has(Slot slot) const {
  if (!any_) return false;
  const StreamId stream = slots_->participant(slot).stream;
  return stream.valid() && graph_->stream_order(stream) == StreamOrder::first_ready;
}

bool ReadyStreams::take(InstanceId instance) {
  if (!any_) return true;
  const Slot first = slots_->slot_of(instance, 0);
  const std::size_t count = slots_->positions(graph_->op(instance.op));
  for (Slot slot = first; slot < first + count; ++slot) {
    if (!has(slot) || !server_of(slot).taken) continue;
    server_of(slot).waiting.insert(first);
    return false;
  }
  for (Slot slot = first; slot < first + count; ++slot) {
    if (has(slot)) server_of(slot).taken = true;
  }
  return true;
}

ReadyStreams::Server& ReadyStreams::server_of(Slot slot) {
  const SlotLayout::Participant who = slots_->participant(slot);
  return servers_[{who.rank, who.stream.index()}];
}

}  // namespace orrery
