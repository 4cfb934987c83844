#include "workloads/sequence/sequence_graph.hpp"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <span>
#include <utility>

#include "sim/base/errors.hpp"

namespace orrery {
namespace {

/// FlashAttention-2's backward pass is three: row sums of dO * O, the loop over keys, dQ from fp32
/// (flash_bwd_launch_template.h, recalled).
constexpr int kBackwardLaunches = 3;
/// An index by a mask is two operations: the places that it selects, then the copy.
constexpr int kIndexLaunches = 2;

int launches_of(const Kernel& kernel) {
  if (kernel.kind == "attention_backward") return kBackwardLaunches;
  return kernel.kind == kIndexKernel ? kIndexLaunches : 1;
}

std::size_t index_of(std::int64_t number) {
  return static_cast<std::size_t>(number);
}

/// Who takes part in an op, of one side of a transfer or of both.
std::vector<Rank> participants(const TaskGraph& graph, OpId id, Side side) {
  const Op& op = graph.op(id);
  const bool is_transfer = op.kind == OpKind::transfer;
  std::vector<Rank> ranks;
  const auto append = [&](RankSetId set) {
    const std::span<const Rank> more = graph.ranks(set);
    ranks.insert(ranks.end(), more.begin(), more.end());
  };
  if (!is_transfer || side != Side::destination) append(op.ranks);
  if (is_transfer && side != Side::source) append(op.peers);
  std::sort(ranks.begin(), ranks.end());
  return ranks;
}

}  // namespace

SequenceGraph::SequenceGraph(TaskGraph& graph, std::vector<Rank> ranks, std::int64_t degree,
                             Labels labels)
    : graph_(&graph), ranks_(std::move(ranks)), degree_(degree), labels_(std::move(labels)) {
  ORRERY_CHECK(degree > 0 && ranks_.size() % index_of(degree) == 0,
               "ranks do not divide into sequence-parallel groups");
}

Places SequenceGraph::all() const {
  Places positions(index_of(degree_));
  std::iota(positions.begin(), positions.end(), 0);
  return positions;
}

SequenceGraph SequenceGraph::neighbours(std::int64_t size) const {
  return SequenceGraph(*graph_, ranks_, size, labels_);
}

SequenceGraph SequenceGraph::apart(std::int64_t size) const {
  std::vector<Rank> ranks;
  ranks.reserve(ranks_.size());
  for (std::size_t group = 0; group < ranks_.size(); group += index_of(degree_)) {
    for (std::int64_t place = 0; place < size; ++place) {
      for (std::int64_t at = place; at < degree_; at += size) {
        ranks.push_back(ranks_[group + index_of(at)]);
      }
    }
  }
  return SequenceGraph(*graph_, std::move(ranks), degree_ / size, labels_);
}

RankSetId SequenceGraph::ranks_at(const Places& where, std::int64_t hops) {
  std::vector<Rank> ranks;
  for (std::size_t group = 0; group < ranks_.size(); group += index_of(degree_)) {
    for (const std::int64_t position : where) {
      ranks.push_back(ranks_[group + index_of((position + hops) % degree_)]);
    }
  }
  return graph_->rank_set(std::move(ranks));
}

OpId SequenceGraph::kernel(const std::string& label, const Places& where, Kernel kernel) {
  Op op;
  op.kind = OpKind::compute;
  op.stream = labels_.compute;
  op.ranks = ranks_at(where);
  op.label = graph_->label(labels_.name + label);
  op.category = labels_.category;
  const int launches = launches_of(kernel);
  op.kernel = graph_->shared_kernel(std::move(kernel));
  const OpId added = graph_->add(op);
  issue({added}, labels_.host.kernel * launches);
  return added;
}

std::pair<OpId, OpId> SequenceGraph::kernels(const std::string& label, const Places& where,
                                             std::vector<Kernel> kernels, std::int64_t slices) {
  OpId first, last;
  if (slices > 0 && labels_.host.kernel > Duration(0)) {
    host_op(ranks_at(where), "take slices", labels_.host.kernel * slices);
  }
  for (Kernel& each : kernels) {
    if (each.kind == kIndexKernel && labels_.host.issues()) {
      const OpId waits = host_waits(where);
      if (!first.valid()) first = waits;
    }
    last = kernel(label, where, std::move(each));
    if (!first.valid()) first = last;
  }
  return {first, last};
}

OpId SequenceGraph::marker(const std::string& label) {
  Op op;
  op.kind = OpKind::delay;
  op.stream = labels_.compute;
  op.ranks = graph_->rank_set(ranks_);
  op.label = graph_->label(labels_.name + label);
  op.category = labels_.category;
  return graph_->add(op);
}

OpId SequenceGraph::send(const std::string& label, Lane lane, const Places& where,
                         std::int64_t hops, Bytes bytes) {
  return send(label, lane, {{where, bytes}}, hops).front();
}

std::vector<OpId> SequenceGraph::send(const std::string& label, Lane lane,
                                      const std::vector<Message>& messages, std::int64_t hops) {
  ORRERY_CHECK(hops > 0 && hops < degree_, "a message to oneself");
  std::vector<OpId> sent;
  for (const Message& message : messages) sent.push_back(put(label, lane, message, hops));
  issue(sent, labels_.host.messages);
  return sent;
}

OpId SequenceGraph::put(const std::string& label, Lane lane, const Message& message,
                        std::int64_t hops) {
  const std::string suffix = lane == Lane::around ? "" : "_back";
  Op op;
  op.kind = OpKind::transfer;
  op.movement = Movement::core_copy;
  op.stream = graph_->stream("sequence_send" + suffix);
  op.peer_stream = graph_->stream("sequence_receive" + suffix);
  op.ranks = ranks_at(message.where);
  op.peers = ranks_at(message.where, hops);
  op.label = graph_->label(labels_.name + label);
  op.category = graph_->label("sequence_parallel");
  op.bytes = message.bytes;
  return graph_->add(op);
}

OpId SequenceGraph::collective(const std::string& label, CollectiveKind kind, Bytes bytes) {
  Op op;
  op.kind = OpKind::collective;
  op.collective = kind;
  op.stream = graph_->stream("sequence");
  op.ranks = graph_->rank_set(ranks_);
  op.group_size = static_cast<std::uint32_t>(degree_);
  op.label = graph_->label(labels_.name + label);
  op.category = graph_->label("sequence_parallel");
  op.bytes = bytes;
  const OpId added = graph_->add(op);
  issue({added}, labels_.host.collective);
  return added;
}

void SequenceGraph::issue(const std::vector<OpId>& ops, Duration takes) {
  if (takes == Duration(0) || ops.empty()) return;
  std::vector<Rank> ranks;
  for (const OpId op : ops) {
    const std::vector<Rank> of_op = participants(*graph_, op, Side::both);
    ranks.insert(ranks.end(), of_op.begin(), of_op.end());
  }
  std::sort(ranks.begin(), ranks.end());
  ranks.erase(std::unique(ranks.begin(), ranks.end()), ranks.end());
  const std::string label = "issue " + graph_->text(graph_->op(ops.front()).label);
  const OpId host = host_op(graph_->rank_set(std::move(ranks)), label, takes);
  for (const OpId op : ops) graph_->depend(op, host);
}

OpId SequenceGraph::host_op(RankSetId ranks, const std::string& label, Duration takes) {
  Op host;
  host.kind = OpKind::delay;
  host.stream = graph_->stream("host");
  host.ranks = ranks;
  host.label = graph_->label(label);
  host.category = graph_->label("host");
  host.delay = takes;
  return graph_->add(host);
}

OpId SequenceGraph::host_waits(const Places& where) {
  Op reached;
  reached.kind = OpKind::delay;
  reached.stream = labels_.compute;
  reached.ranks = ranks_at(where);
  reached.label = graph_->label(labels_.name + "reached");
  reached.category = labels_.category;
  const OpId on_device = graph_->add(reached);
  graph_->depend(host_op(reached.ranks, "wait for the device", Duration(0)), on_device);
  return on_device;
}

void SequenceGraph::depend(OpId op, OpId on, Side side) {
  if (!on.valid()) return;
  const Op& of = graph_->op(op);
  if (of.kind != OpKind::transfer && of.stream == graph_->op(on).stream) return;
  if (!covers_all(op) && !covers_all(on)) {
    const std::vector<Rank> here = participants(*graph_, op, side);
    const std::vector<Rank> there = participants(*graph_, on, Side::both);
    std::vector<Rank> both;
    std::set_intersection(here.begin(), here.end(), there.begin(), there.end(),
                          std::back_inserter(both));
    if (both.empty()) return;
  }
  graph_->depend(op, on, side);
}

bool SequenceGraph::covers_all(OpId op) const {
  return graph_->ranks(graph_->op(op).ranks).size() >= ranks_.size();
}

void SequenceGraph::depend(OpId op, const std::vector<OpId>& on, Side side) {
  for (const OpId each : on) depend(op, each, side);
}

}  // namespace orrery
