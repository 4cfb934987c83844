#include "workloads/heterogeneous_graph.hpp"

#include <numeric>
#include <utility>

#include "workloads/kernel_forms.hpp"
#include "workloads/parameter_count.hpp"
#include "workloads/transformer_ends.hpp"
#include "workloads/transformer_layer.hpp"

namespace orrery {
namespace {

constexpr Bytes kWeight{2};  // and its gradient

std::int64_t rounded_up(std::int64_t tokens, std::int64_t multiple) {
  return (tokens + multiple - 1) / multiple * multiple;
}

/// An all-to-all of tensors whose parts for one rank do not lie together: they are put together
/// before and apart after it, out of place (DeepSpeed, sequence/layer.py, single_all_to_all: a
/// transpose made contiguous on both sides).
void exchange(Steps& steps, const std::string& label, Bytes bytes) {
  const Kernel copy = elementwise({.read = bytes, .written = bytes});
  steps.push_back(kernel_step(label + ".pack", copy));
  steps.push_back(collective_step(label, CollectiveKind::all_to_all, bytes));
  steps.push_back(kernel_step(label + ".unpack", copy));
}

/// Attention over whole sequences with a part of the heads; a group of several between two
/// all-to-alls.
Steps with_exchanges(const Steps& steps, const Kernel& attention, bool several, Bytes before,
                     Bytes after) {
  Steps result;
  for (const Step& step : steps) {
    const bool is_attention = step.label == "attention.flash";
    if (is_attention && several) exchange(result, "attention.exchange_in", before);
    result.push_back(step);
    if (!is_attention) continue;
    result.back().kernel = attention;
    if (several) exchange(result, "attention.exchange_out", after);
  }
  return result;
}

}  // namespace

std::vector<std::int64_t> unit_parameters_of(const NetworkShape& shape) {
  std::vector<std::int64_t> units = {embedding_parameters(shape, shape.vocabulary).total()};
  units.insert(units.end(), static_cast<std::size_t>(shape.layers),
               layer_parameters(shape).total());
  units.push_back(head_parameters(shape, shape.vocabulary, !shape.tied_embeddings).total());
  return units;
}

HeterogeneousGraph::HeterogeneousGraph(const HeterogeneousSettings& settings,
                                       const SequencePlan& plan)
    : settings_(settings),
      plan_(plan),
      graph_(static_cast<Rank>(settings.plan.devices)),
      compute_(graph_.stream("compute")),
      exchange_(graph_.stream("sequence")),
      compute_category_(graph_.label("compute")),
      exchange_category_(graph_.label("sequence_parallel")),
      data_category_(graph_.label("data_parallel")),
      activations_(graph_.label("activations")),
      buffers_(graph_.label("buffers")),
      gradients_(graph_.label("gradients")),
      weights_(graph_.label("weights")),
      unit_parameters_(unit_parameters_of(settings.network)) {
  std::vector<Rank> ranks(static_cast<std::size_t>(settings.plan.devices));
  std::iota(ranks.begin(), ranks.end(), 0);
  all_ = graph_.rank_set(std::move(ranks));
}

TaskGraph HeterogeneousGraph::build() {
  add_static_memory();
  for (const SequenceMicroBatch& micro_batch : plan_.micro_batches) {
    std::vector<Group> groups = groups_of(micro_batch);
    for (std::size_t unit = 0; unit < units(); ++unit) run(groups, unit, Pass::forward);
    for (std::size_t unit = units(); unit-- > 0;) run(groups, unit, Pass::backward);
  }
  update();
  return std::move(graph_);
}

void HeterogeneousGraph::add_static_memory() {
  const std::int64_t all =
      std::accumulate(unit_parameters_.begin(), unit_parameters_.end(), std::int64_t{0});
  const std::int64_t own = (all + settings_.plan.devices - 1) / settings_.plan.devices;
  graph_.add_static_memory(all_, weights_, kWeight * own);
  graph_.add_static_memory(all_, gradients_, kWeight * own);
  graph_.add_static_memory(all_, graph_.label("optimizer"), optimizer_states(own));
}

HeterogeneousGraph::GroupPasses HeterogeneousGraph::passes_of(const SequenceGroup& group) const {
  const NetworkShape& shape = settings_.network;
  const std::int64_t tokens = rounded_up(group.tokens, group.devices);
  const Division own = {.sequence_length = tokens / group.devices,
                        .precision = settings_.precision,
                        .gradient_element = kWeight};
  GroupPasses passes = {.embedding = embedding_passes(shape, own, shape.vocabulary),
                        .layer = layer_passes(shape, own),
                        .head = head_passes(shape, own, shape.vocabulary, !shape.tied_embeddings)};
  Division heads = own;
  heads.sequence_length = tokens;
  heads.tensor = group.devices;
  heads.packed = group.lengths;
  if (tokens > group.tokens) heads.packed.push_back(tokens - group.tokens);
  const Bytes in = matrix_bytes(settings_.precision, own.tokens(), shape.qkv_size());
  const Bytes out = matrix_bytes(settings_.precision, own.tokens(), shape.context_size());
  const bool several = group.devices > 1;
  passes.layer.forward =
      with_exchanges(passes.layer.forward, flash_attention_forward(shape, heads), several, in, out);
  passes.layer.backward = with_exchanges(passes.layer.backward,
                                         flash_attention_backward(shape, heads), several, out, in);
  return passes;
}

std::vector<HeterogeneousGraph::Group> HeterogeneousGraph::groups_of(
    const SequenceMicroBatch& micro_batch) {
  std::vector<Group> groups;
  Rank next = 0;
  const auto add = [&](std::int64_t devices) {
    std::vector<Rank> ranks(static_cast<std::size_t>(devices));
    std::iota(ranks.begin(), ranks.end(), next);
    next += static_cast<Rank>(devices);
    groups.push_back({.ranks = graph_.rank_set(std::move(ranks)),
                      .devices = static_cast<std::uint32_t>(devices)});
  };
  for (const SequenceGroup& group : micro_batch.groups) {
    add(group.devices);
    groups.back().passes = passes_of(group);
  }
  if (const std::int64_t idle = settings_.plan.devices - next; idle > 0) {
    add(idle);
    groups.back().idle = true;
  }
  return groups;
}

void HeterogeneousGraph::run(std::vector<Group>& groups, std::size_t unit, Pass pass) {
  const OpId weights = gather(unit);
  const OpId reduction = std::exchange(wait_for_reduction_, OpId());
  const Bytes bytes = kWeight * unit_parameters_[unit];
  std::vector<OpId> ends;
  for (Group& group : groups) {
    const std::size_t first = graph_.ops().size();
    if (group.idle) {
      Op op;
      op.kind = OpKind::delay;
      op.stream = compute_;
      op.ranks = group.ranks;
      op.label = op.category = graph_.label("idle");
      group.last = graph_.add(op);
      graph_.depend(group.last, weights);
    } else {
      const Passes& passes = group.passes.of(unit, units());
      run(group, pass == Pass::forward ? passes.forward : passes.backward, pass, weights);
    }
    const OpId begin(first);
    if (reduction.valid()) graph_.depend(begin, reduction);
    if (pass == Pass::backward) graph_.take_memory(begin, gradients_, bytes);
    graph_.free_memory(group.last, weights_, bytes);
    ends.push_back(group.last);
  }
  last_of_use_.push_back(std::move(ends));
  if (pass == Pass::backward) reduce(groups, unit);
}

void HeterogeneousGraph::run(Group& group, const Steps& steps, Pass pass, OpId weights) {
  OpId before = group.last;
  for (const Step& step : steps) {
    const OpId id = add(group, step, pass);
    if (before.valid() && graph_.op(before).stream != graph_.op(id).stream) {
      graph_.depend(id, before);
    }
    if (weights.valid()) graph_.depend(id, std::exchange(weights, OpId()));
    before = id;
  }
  group.last = before;
}

OpId HeterogeneousGraph::add(const Group& group, const Step& step, Pass pass) {
  const std::string label = step.label + (pass == Pass::forward ? "" : ".backward");
  Op op;
  if (step.collective) {
    op = collective(*step.collective, exchange_, label);
    op.ranks = group.ranks;
    op.group_size = group.devices;
    op.category = exchange_category_;
    op.bytes = step.bytes;
  } else {
    op.kind = OpKind::compute;
    op.stream = compute_;
    op.ranks = group.ranks;
    op.label = graph_.label(label);
    op.category = compute_category_;
    op.kernel = graph_.kernel(step.kernel);
  }
  const OpId id = graph_.add(op);
  graph_.take_memory(id, activations_, step.memory.saved);
  graph_.free_memory(id, activations_, step.memory.dropped);
  graph_.take_memory(id, buffers_, step.memory.buffer);
  graph_.free_memory(id, buffers_, step.memory.unbuffer);
  return id;
}

Op HeterogeneousGraph::collective(CollectiveKind kind, StreamId stream, const std::string& label) {
  Op op;
  op.kind = OpKind::collective;
  op.collective = kind;
  op.stream = stream;
  op.ranks = all_;
  op.group_size = static_cast<std::uint32_t>(settings_.plan.devices);
  op.label = graph_.label(label);
  op.category = data_category_;
  return op;
}

/// As soon as the use `prefetch` uses before the last one is over: prefetch + 1 units are whole.
/// With none ahead, behind the reduction of what was used before: one communicator takes both in
/// the order in which they come (PyTorch, FSDP, BackwardPrefetch: it is prefetching that has "the
/// next all-gather … reordered to be before the current reduce-scatter"; recalled).
OpId HeterogeneousGraph::gather(std::size_t unit) {
  Op op =
      collective(CollectiveKind::all_gather, graph_.stream("data_gather"), "weights.all_gather");
  op.bytes = kWeight * unit_parameters_[unit];
  const OpId id = graph_.add(op);
  const auto ahead = static_cast<std::size_t>(settings_.prefetch);
  if (last_of_use_.size() > ahead) {
    for (const OpId over : last_of_use_[last_of_use_.size() - 1 - ahead]) graph_.depend(id, over);
  }
  if (ahead == 0 && last_reduction_.valid()) graph_.depend(id, last_reduction_);
  graph_.take_memory(id, weights_, op.bytes);
  return id;
}

/// Each pass reads all of a unit's gradient and writes it, on every rank. With PyTorch's FSDP there
/// are two (recalled): weights are views that torch.split makes of a flat parameter, whose backward
/// pass puts their gradients together (_flat_param.py); and that is divided before its reduction,
/// by a power of two near the root of the group's size (_runtime_utils.py, _reduce_grad).
OpId HeterogeneousGraph::pass_over_gradient(Bytes bytes) {
  Op op;
  op.kind = OpKind::compute;
  op.stream = compute_;
  op.ranks = all_;
  op.label = graph_.label("gradients.pass");
  op.category = compute_category_;
  op.kernel = graph_.kernel(elementwise({.read = bytes, .written = bytes}));
  return graph_.add(op);
}

/// The next unit's kernels wait for the reduction before this one, so that two are whole at a time
/// (as in transformer_training).
void HeterogeneousGraph::reduce(const std::vector<Group>& groups, std::size_t unit) {
  wait_for_reduction_ = last_reduction_;
  Op op =
      collective(CollectiveKind::reduce_scatter, graph_.stream("data"), "gradients.reduce_scatter");
  op.bytes = kWeight * unit_parameters_[unit];
  OpId passed;
  for (std::int64_t n = 0; n < settings_.gradient_passes; ++n)
    passed = pass_over_gradient(op.bytes);
  last_reduction_ = graph_.add(op);
  if (passed.valid()) graph_.depend(last_reduction_, passed);
  for (const Group& group : groups) graph_.depend(last_reduction_, group.last);
  graph_.free_memory(last_reduction_, gradients_, op.bytes);
}

void HeterogeneousGraph::update() {
  const std::int64_t all =
      std::accumulate(unit_parameters_.begin(), unit_parameters_.end(), std::int64_t{0});
  Op op;
  op.kind = OpKind::compute;
  op.stream = compute_;
  op.ranks = all_;
  op.label = graph_.label("optimizer.adam");
  op.category = graph_.label("optimizer");
  op.kernel = graph_.kernel(
      optimizer_kernel((all + settings_.plan.devices - 1) / settings_.plan.devices, kWeight));
  const OpId id = graph_.add(op);
  if (last_reduction_.valid()) graph_.depend(id, last_reduction_);
}

}  // namespace orrery
