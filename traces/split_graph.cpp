#include <map>
#include <set>
#include <utility>

#include "sim/graph/slots.hpp"
#include "traces/rank_programs.hpp"
#include "traces/trace_error.hpp"

namespace orrery {
namespace {

class Splitter {
 public:
  explicit Splitter(const TaskGraph& graph) : graph_(&graph), slots_(graph) {
    programs_.ranks.resize(static_cast<std::size_t>(graph.world_size()));
    programs_.kernels = graph.kernels();
    programs_.sizes = graph.size_tables();
    for (std::size_t label = 0; label < graph.label_count(); ++label) {
      labels_.push_back(programs_.names.intern(graph.text(LabelId(label))));
    }
    for (const LabelId category : graph.host_categories()) {
      programs_.host_categories.push_back(graph.text(category));
    }
    for (std::size_t s = 0; s < graph.stream_count(); ++s) {
      if (graph.stream_order(StreamId(s)) == StreamOrder::as_added) continue;
      programs_.first_ready.push_back(programs_.names.intern(graph.stream_name(StreamId(s))));
    }
    place_of_.resize(slots_.count());
  }

  RankPrograms split(std::span<const Span> spans) {
    for (std::size_t op = 0; op < graph_->ops().size(); ++op) add(OpId(op));
    for (const Span& span : spans) {
      RankOp& op = at(slots_.slot_of(span.instance, span.position));
      op.start = span.start;
      if (op.kind != RankOp::Kind::delay) op.took = span.end - span.start;
    }
    for (const Dependency& dependency : graph_->dependencies()) depend(dependency);
    for (const MemoryEffect& effect : graph_->memory_effects()) add_memory(effect);
    for (const TrackerEffect& effect : graph_->tracker_effects()) {
      slots_.on_all(effect.op, Side::both, [&](Slot slot) {
        at(slot).tracked += effect.tracked;
        at(slot).triggered += effect.triggered;
      });
    }
    for (const StaticMemory& memory : graph_->static_memory()) {
      for (const Rank rank : graph_->ranks(memory.ranks)) {
        programs_.static_memory.push_back({rank, labels_[memory.category.index()], memory.bytes});
      }
    }
    return std::move(programs_);
  }

 private:
  RankOp& at(Slot slot) {
    const Rank rank = slots_.participant(slot).rank;
    return programs_.ranks[static_cast<std::size_t>(rank)][place_of_[slot]];
  }

  void add(OpId id) {
    const Op& op = graph_->op(id);
    for (Slot slot = slots_.begin_of(id); slot < slots_.end_of(id); ++slot) {
      const SlotLayout::Participant participant = slots_.participant(slot);
      // A copy to a host has two slots on the same rank, and is one thing that the rank does.
      const bool is_copy = op.copy != CopyKind::device_to_device;
      auto& program = programs_.ranks[static_cast<std::size_t>(participant.rank)];
      if (is_copy && participant.position == 1) {
        place_of_[slot] = place_of_[slot - 1];
        continue;
      }
      place_of_[slot] = static_cast<std::uint32_t>(program.size());
      program.push_back(made(op, participant));
    }
  }

  RankOp made(const Op& op, const SlotLayout::Participant& participant) {
    RankOp made;
    made.priority = op.priority;
    made.label =
        op.label.valid() ? labels_[op.label.index()] : programs_.names.intern(to_string(op.kind));
    made.category = op.category.valid() ? labels_[op.category.index()] : RankOp::kNone;
    if (participant.stream.valid()) {
      made.stream = programs_.names.intern(graph_->stream_name(participant.stream));
    }
    made.bytes = op.bytes;
    switch (op.kind) {
      case OpKind::compute:
        made.kind = RankOp::Kind::compute;
        made.kernel = static_cast<std::uint32_t>(op.kernel.index());
        break;
      case OpKind::delay:
        made.kind = RankOp::Kind::delay;
        made.took = op.delay;
        break;
      case OpKind::transfer:
        make_transfer(op, participant, made);
        break;
      case OpKind::collective:
        made.kind = RankOp::Kind::collective;
        made.collective = op.collective;
        made.root = op.root;
        if (op.sizes.valid()) made.sizes = static_cast<std::uint32_t>(op.sizes.index());
        made.group = group_of(op, participant.instance.instance);
        break;
    }
    return made;
  }

  void make_transfer(const Op& op, const SlotLayout::Participant& participant, RankOp& made) {
    const std::size_t pair = participant.instance.instance;
    const Rank source = graph_->ranks(op.ranks)[pair];
    const Rank destination = graph_->ranks(op.peers)[pair];
    made.copy = op.copy;
    made.movement = op.movement;
    if (op.copy != CopyKind::device_to_device) {
      made.kind = RankOp::Kind::copy;
      return;
    }
    made.kind = participant.position == 0 ? RankOp::Kind::send : RankOp::Kind::receive;
    made.peer = participant.position == 0 ? destination : source;
    // Tags number the messages of a pair, so that it does not matter in which order they are met.
    std::uint64_t& next = next_tag_[{source, destination}];
    made.tag = participant.position == 0 ? next : next++;
  }

  std::uint32_t group_of(const Op& op, std::uint32_t instance) {
    const std::span<const Rank> ranks =
        graph_->ranks(op.ranks).subspan(std::size_t{instance} * op.group_size, op.group_size);
    std::vector<Rank> group(ranks.begin(), ranks.end());
    const auto [place, is_new] =
        groups_.try_emplace(group, static_cast<std::uint32_t>(programs_.groups.size()));
    if (is_new) programs_.groups.push_back(std::move(group));
    return place->second;
  }

  void depend(const Dependency& dependency) {
    bool found = false;
    slots_.on_all(dependency.op, dependency.side, [&](Slot slot) {
      const Rank rank = slots_.participant(slot).rank;
      slots_.on_rank(dependency.on, rank, Side::both, [&](Slot before) {
        found = true;
        if (before != slot) at(slot).after.push_back(place_of_[before]);
      });
    });
    if (found) return;
    const auto name = [this](OpId id) {
      const Op& op = graph_->op(id);
      return op.label.valid() ? graph_->text(op.label) : std::string(to_string(op.kind));
    };
    throw TraceError("\"" + name(dependency.op) + "\" waits for \"" + name(dependency.on) +
                     "\" on other ranks, which formats with a program for each rank cannot say");
  }

  void add_memory(const MemoryEffect& effect) {
    const bool once = graph_->op(effect.op).copy != CopyKind::device_to_device;
    slots_.on_all(effect.op, once ? Side::source : Side::both, [&](Slot slot) {
      at(slot).memory.push_back({labels_[effect.category.index()], effect.taken, effect.freed});
    });
  }

  const TaskGraph* graph_;
  SlotLayout slots_;
  RankPrograms programs_;
  std::vector<std::uint32_t> labels_;
  std::vector<std::uint32_t> place_of_;  // by slot, in its rank's program
  std::map<std::pair<Rank, Rank>, std::uint64_t> next_tag_;
  std::map<std::vector<Rank>, std::uint32_t> groups_;
};

}  // namespace

RankPrograms split(const TaskGraph& graph, std::span<const Span> spans) {
  return Splitter(graph).split(spans);
}

void order_streams(RankPrograms& programs) {
  const std::set<std::uint32_t> any_order(programs.first_ready.begin(), programs.first_ready.end());
  for (std::vector<RankOp>& program : programs.ranks) {
    std::map<std::uint32_t, std::uint32_t> last;  // by stream
    for (std::uint32_t i = 0; i < program.size(); ++i) {
      if (program[i].stream == RankOp::kNone || any_order.contains(program[i].stream)) continue;
      const auto [tail, is_first] = last.try_emplace(program[i].stream, i);
      if (!is_first) program[i].after.push_back(std::exchange(tail->second, i));
    }
  }
}

}  // namespace orrery
