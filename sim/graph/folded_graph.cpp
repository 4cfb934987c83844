#include "sim/graph/folded_graph.hpp"

#include <algorithm>
#include <map>

#include "sim/base/errors.hpp"
#include "sim/graph/slots.hpp"

namespace orrery {
namespace {

Rank count_classes(std::span<const std::uint32_t> class_of) {
  const auto last = std::max_element(class_of.begin(), class_of.end());
  return last == class_of.end() ? 0 : static_cast<Rank>(*last + 1);
}

}  // namespace

FoldedGraph::FoldedGraph(const TaskGraph& graph, std::span<const std::uint32_t> class_of)
    : graph_(&graph),
      class_of_(class_of.begin(), class_of.end()),
      first_rank_(static_cast<std::size_t>(count_classes(class_of)), -1),
      folded_(count_classes(class_of)),
      folded_set_(graph.rank_set_count()) {
  ORRERY_CHECK(class_of.size() == static_cast<std::size_t>(graph.world_size()),
               "every rank needs a class");
  for (std::size_t rank = 0; rank < class_of_.size(); ++rank) {
    Rank& first = first_rank_[class_of_[rank]];
    if (first < 0) first = static_cast<Rank>(rank);
  }
  // Interned in the same order, names keep their ids.
  for (std::size_t s = 0; s < graph.stream_count(); ++s)
    folded_.stream(graph.stream_name(StreamId(s)), graph.stream_order(StreamId(s)));
  for (std::size_t l = 0; l < graph.label_count(); ++l) folded_.label(graph.text(LabelId(l)));
  for (const LabelId category : graph.host_categories())
    folded_.host_category(graph.text(category));
  for (const Kernel& kernel : graph.kernels()) folded_.kernel(kernel);
  for (const auto& table : graph.size_tables()) folded_.sizes(table);
  first_folded_.reserve(graph.ops().size() + 1);
  for (std::size_t op = 0; op < graph.ops().size(); ++op) {
    first_folded_.push_back(static_cast<std::uint32_t>(parts_.size()));
    fold_op(OpId(op));
  }
  first_folded_.push_back(static_cast<std::uint32_t>(parts_.size()));
  fold_dependencies();
  fold_memory();
}

/// The classes of a set, in the order of their first ranks in it.
RankSetId FoldedGraph::fold_set(RankSetId set) {
  RankSetId& folded = folded_set_[set.index()];
  if (folded.valid()) return folded;
  std::vector<bool> seen(first_rank_.size(), false);
  std::vector<Rank> classes;
  for (const Rank rank : graph_->ranks(set)) {
    const std::uint32_t of = class_of_[static_cast<std::size_t>(rank)];
    if (!seen[of]) classes.push_back(static_cast<Rank>(of));
    seen[of] = true;
  }
  folded = folded_.rank_set(std::move(classes));
  return folded;
}

void FoldedGraph::add_op(OpId original, Op op, std::span<const std::uint32_t> instances) {
  folded_.add(op);
  parts_.push_back(Part{original, static_cast<std::uint32_t>(instances_.size())});
  instances_.insert(instances_.end(), instances.begin(), instances.end());
}

void FoldedGraph::fold_op(OpId id) {
  switch (graph_->op(id).kind) {
    case OpKind::compute:
    case OpKind::delay: {
      Op op = graph_->op(id);
      op.ranks = fold_set(op.ranks);
      add_op(id, op, {});  // instances by class: the first rank of it will do
      break;
    }
    case OpKind::transfer:
      fold_transfer(id);
      break;
    case OpKind::collective:
      fold_collective(id);
      break;
  }
}

void FoldedGraph::fold_transfer(OpId id) {
  Op op = graph_->op(id);
  const std::span<const Rank> sources = graph_->ranks(op.ranks);
  const std::span<const Rank> destinations = graph_->ranks(op.peers);
  std::vector<bool> seen(first_rank_.size(), false);
  std::vector<Rank> from;
  std::vector<Rank> to;
  std::vector<std::uint32_t> instances;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const std::uint32_t of = class_of_[static_cast<std::size_t>(sources[i])];
    if (seen[of]) continue;
    seen[of] = true;
    from.push_back(static_cast<Rank>(of));
    to.push_back(static_cast<Rank>(class_of_[static_cast<std::size_t>(destinations[i])]));
    instances.push_back(static_cast<std::uint32_t>(i));
  }
  op.ranks = folded_.rank_set(std::move(from));
  op.peers = folded_.rank_set(std::move(to));
  add_op(id, op, instances);
}

void FoldedGraph::fold_collective(OpId id) {
  const Op& op = graph_->op(id);
  const std::span<const Rank> ranks = graph_->ranks(op.ranks);
  struct Sized {
    std::vector<Rank> classes;
    std::vector<std::uint32_t> instances;
  };
  std::map<std::size_t, Sized> by_size;
  std::vector<bool> seen(first_rank_.size(), false);
  std::vector<Rank> classes;
  for (std::size_t begin = 0; begin < ranks.size(); begin += op.group_size) {
    if (seen[class_of_[static_cast<std::size_t>(ranks[begin])]]) continue;  // the group is known
    classes.clear();
    for (const Rank rank : ranks.subspan(begin, op.group_size)) {
      const std::uint32_t of = class_of_[static_cast<std::size_t>(rank)];
      if (!seen[of]) classes.push_back(static_cast<Rank>(of));
      seen[of] = true;
    }
    Sized& sized = by_size[classes.size()];
    sized.classes.insert(sized.classes.end(), classes.begin(), classes.end());
    sized.instances.push_back(static_cast<std::uint32_t>(begin / op.group_size));
  }
  for (auto& [size, sized] : by_size) {
    Op folded = op;
    folded.group_size = static_cast<std::uint32_t>(size);
    folded.ranks = folded_.rank_set(std::move(sized.classes));
    add_op(id, folded, sized.instances);
  }
}

void FoldedGraph::fold_dependencies() {
  const SlotLayout folded_slots(folded_);
  for (const Dependency& d : graph_->dependencies()) {
    const std::uint32_t op_begin = first_folded_[d.op.index()];
    const std::uint32_t op_end = first_folded_[d.op.index() + 1];
    const std::uint32_t on_begin = first_folded_[d.on.index()];
    const std::uint32_t on_end = first_folded_[d.on.index() + 1];
    if (op_end - op_begin == 1 && on_end - on_begin == 1) {
      folded_.depend(OpId(op_begin), OpId(on_begin), d.side);
      continue;
    }
    // Rank by rank stays rank by rank: then parts without a common class have nothing to wait for.
    std::vector<std::pair<std::uint32_t, std::uint32_t>> meeting;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> all;
    for (std::uint32_t op = op_begin; op < op_end; ++op) {
      for (std::uint32_t on = on_begin; on < on_end; ++on) {
        all.emplace_back(op, on);
        if (folded_slots.share_a_rank(folded_.op(OpId(op)), folded_.op(OpId(on)), d.side)) {
          meeting.emplace_back(op, on);
        }
      }
    }
    for (const auto& [op, on] : meeting.empty() ? all : meeting) {
      folded_.depend(OpId(op), OpId(on), d.side);
    }
  }
}

void FoldedGraph::fold_memory() {
  for (const MemoryEffect& effect : graph_->memory_effects()) {
    const std::size_t id = effect.op.index();
    for (std::uint32_t op = first_folded_[id]; op < first_folded_[id + 1]; ++op) {
      folded_.take_memory(OpId(op), effect.category, effect.taken);
      folded_.free_memory(OpId(op), effect.category, effect.freed);
    }
  }
  for (const TrackerEffect& effect : graph_->tracker_effects()) {
    const OpId op(first_folded_[effect.op.index()]);  // a compute stays one op
    effect.triggered > Bytes(0) ? folded_.trigger(op, effect.triggered)
                                : folded_.track(op, effect.tracked);
  }
  for (const StaticMemory& memory : graph_->static_memory()) {
    folded_.add_static_memory(fold_set(memory.ranks), memory.category, memory.bytes);
  }
}

void FoldedGraph::start_compute(InstanceId instance, const Op& op, Rank rank) {
  runner_->start_compute(instance, op, first_rank_[static_cast<std::size_t>(rank)]);
}

void FoldedGraph::start_transfer(InstanceId instance, const Op& op, Rank, Rank) {
  const Part& part = parts_[instance.op.index()];
  const Op& original = graph_->op(part.original);
  const std::uint32_t pair = instances_[part.first_instance + instance.instance];
  runner_->start_transfer(instance, op, graph_->ranks(original.ranks)[pair],
                          graph_->ranks(original.peers)[pair]);
}

std::span<const Rank> FoldedGraph::real_group(InstanceId instance) const {
  const Part& part = parts_[instance.op.index()];
  const Op& original = graph_->op(part.original);
  const std::size_t group = instances_[part.first_instance + instance.instance];
  return graph_->ranks(original.ranks).subspan(group * original.group_size, original.group_size);
}

void FoldedGraph::join_collective(InstanceId instance, const Op& op, std::span<const Rank>,
                                  Rank member) {
  runner_->join_collective(instance, op, real_group(instance),
                           first_rank_[static_cast<std::size_t>(member)]);
}

void FoldedGraph::start_collective(InstanceId instance, const Op& op, std::span<const Rank>) {
  runner_->start_collective(instance, op, real_group(instance));
}

}  // namespace orrery
