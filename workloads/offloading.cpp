#include <algorithm>
#include <string>

#include "workloads/training_graph_builder.hpp"
#include "workloads/transformer_ends.hpp"

namespace orrery {
namespace {

/// Pieces of the optimizer's states that are on the device at a time: one comes, one is updated,
/// one goes. With fewer the link would wait for the kernel.
constexpr std::size_t kPiecesAtATime = 3;

/// What a pass over these steps leaves for the backward pass.
Bytes saved_by(const PreparedSteps& steps) {
  Bytes sum;
  for (const PreparedStep& step : steps) sum += step.memory.saved - step.memory.dropped;
  return sum;
}

}  // namespace

/// Between a rank's device and its host, each way on a stream of its own.
OpId TrainingGraphBuilder::host_copy(const Stage& stage, CopyKind kind, const std::string& label,
                                     Bytes bytes) {
  const bool leaves = kind == CopyKind::device_to_host;
  Op op;
  op.kind = OpKind::transfer;
  op.copy = kind;
  op.stream = graph_.stream(leaves ? "host_store" : "host_fetch");
  op.ranks = stage.tensor_groups;
  op.peers = stage.tensor_groups;
  op.label = graph_.label(label + (leaves ? ".store" : ".fetch"));
  op.category = graph_.label("host_offload");
  op.bytes = bytes;
  return graph_.add(op);
}

/// Behind the forward pass of one of a stage's first layers: what it saved leaves the device as
/// soon as the link allows. Nothing waits for that, so how full the device gets is an outcome;
/// Transformer Engine (cpu_offload.py) makes later layers wait.
void TrainingGraphBuilder::store_saved(Stage& stage, Chunk& chunk, const Segment& segment,
                                       std::int64_t micro_batch) {
  const std::size_t first = chunk.part == 0 ? 1 : 0;  // unit of the first layer
  const auto layers = static_cast<std::size_t>(settings_.offload.layers);
  if (!is_layer(*chunk.units[segment.unit]) || segment.unit >= first + layers) return;
  const Bytes bytes = saved_by(*segment.steps);
  if (bytes == Bytes(0)) return;
  const OpId store = host_copy(stage, CopyKind::device_to_host, "activations", bytes);
  depend_on(store, stage.last_kernel.only());
  graph_.take_memory(store, graph_.host_category("activations_on_host"), bytes);
  graph_.free_memory(store, activations_, bytes);
  chunk.stored[{segment.unit, micro_batch}] = store;
}

/// Before the first step that needs what a layer saved: it comes back, as soon as the unit that
/// runs `prefetch` units before on the rank begins. Returns what the layer has to wait for.
OpId TrainingGraphBuilder::fetch_saved(Stage& stage, Chunk& chunk, std::size_t unit,
                                       std::int64_t micro_batch) {
  const auto stored = chunk.stored.find({unit, micro_batch});
  if (stored == chunk.stored.end()) return {};
  const OpId store = stored->second;
  chunk.stored.erase(stored);
  const Bytes bytes = graph_.op(store).bytes;
  const OpId fetch = host_copy(stage, CopyKind::host_to_device, "activations", bytes);
  const auto ahead = static_cast<std::size_t>(settings_.offload.prefetch);
  const std::size_t ended = stage.unit_ends.size();
  depend_on(fetch, store);
  if (ended > ahead) depend_on(fetch, stage.unit_ends[ended - 1 - ahead]);
  graph_.take_memory(fetch, activations_, bytes);
  graph_.free_memory(fetch, graph_.host_category("activations_on_host"), bytes);
  return fetch;
}

/// The optimizer's states stay in the host's memory. For the step they come to the device and go
/// back, in as many equal pieces as the stage has units, through three buffers. `adam` is the
/// kernel's op without its kernel. The host's processors do nothing: Adam on them, as in
/// ZeRO-Offload (Ren et al. 2021, arXiv:2101.06840, §5), is left out.
OpId TrainingGraphBuilder::update_from_host(const Stage& stage, Op adam, OpId ready, OpId norm) {
  const std::int64_t own = shard(parameters_on_rank(stage));
  std::size_t units = 0;
  for (const Chunk& chunk : stage.chunks) units += chunk.units.size();
  const auto pieces = static_cast<std::int64_t>(std::max<std::size_t>(1, units));
  const LabelId optimizer = graph_.label("optimizer");
  std::vector<OpId> stores;
  OpId updated;
  for (std::int64_t piece = 0; piece < pieces; ++piece) {
    const std::int64_t count = own * (piece + 1) / pieces - own * piece / pieces;
    const Bytes states = optimizer_states(count);
    const OpId fetch = host_copy(stage, CopyKind::host_to_device, "optimizer", states);
    depend_on(fetch, ready);
    if (stores.size() >= kPiecesAtATime) depend_on(fetch, stores[stores.size() - kPiecesAtATime]);
    graph_.take_memory(fetch, optimizer, states);
    adam.kernel = graph_.kernel(adam_kernel(count));
    updated = graph_.add(adam);
    depend_on(updated, fetch);
    depend_on(updated, ready);
    depend_on(updated, norm);
    stores.push_back(host_copy(stage, CopyKind::device_to_host, "optimizer", states));
    depend_on(stores.back(), updated);
    graph_.free_memory(stores.back(), optimizer, states);
  }
  return updated;
}

}  // namespace orrery
