#include "traces/kineto.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "traces/trace_error.hpp"

namespace orrery {
namespace {

using Recorded = RecordedTrace::Collective;

struct Named {
  std::string_view name;
  CollectiveKind kind;
  bool by_output;  // the full buffer is what comes out
};

/// Names that torch.distributed gives to its collectives. Source: pytorch,
/// torch/csrc/distributed/c10d/ProcessGroupNCCL.cpp, RECORD_PARAM_COMMS calls, as remembered.
constexpr std::array<Named, 17> kNames = {{
    {"allreduce", CollectiveKind::all_reduce, false},
    {"all_reduce", CollectiveKind::all_reduce, false},
    {"allreduce_coalesced", CollectiveKind::all_reduce, false},
    {"allgather", CollectiveKind::all_gather, true},
    {"all_gather", CollectiveKind::all_gather, true},
    {"_allgather_base", CollectiveKind::all_gather, true},
    {"allgather_into_tensor_coalesced", CollectiveKind::all_gather, true},
    {"reduce_scatter", CollectiveKind::reduce_scatter, false},
    {"_reduce_scatter_base", CollectiveKind::reduce_scatter, false},
    {"reduce_scatter_tensor_coalesced", CollectiveKind::reduce_scatter, false},
    {"all_to_all", CollectiveKind::all_to_all, false},
    {"alltoall", CollectiveKind::all_to_all, false},
    {"alltoall_base", CollectiveKind::all_to_all, false},
    {"all_to_allv", CollectiveKind::all_to_all, false},
    {"broadcast", CollectiveKind::broadcast, false},
    {"reduce", CollectiveKind::reduce, false},
    {"barrier", CollectiveKind::barrier, false},
}};

/// Bytes of one element of a torch.dtype; 0 when unknown.
std::int64_t element_bytes(const std::string& type) {
  constexpr std::array<std::pair<std::string_view, std::int64_t>, 11> kBytes = {{{"BFloat16", 2},
                                                                                 {"Half", 2},
                                                                                 {"Float", 4},
                                                                                 {"Double", 8},
                                                                                 {"Long", 8},
                                                                                 {"Int", 4},
                                                                                 {"Short", 2},
                                                                                 {"Byte", 1},
                                                                                 {"Char", 1},
                                                                                 {"Bool", 1},
                                                                                 {"Float8", 1}}};
  for (const auto& [name, bytes] : kBytes) {
    if (type == name || (name == "Float8" && type.starts_with(name))) return bytes;
  }
  return 0;
}

class Converter {
 public:
  Converter(std::span<const RecordedTrace> traces, const KinetoOptions& options)
      : traces_(traces), options_(&options) {
    const auto recorded = static_cast<Rank>(std::min<std::int64_t>(traces[0].world_size, 1 << 24));
    world_ = static_cast<Rank>(traces.size());
    if (traces.size() == 1) world_ = options.ranks > 0 ? options.ranks : std::max(recorded, 1);
    programs_.ranks.resize(static_cast<std::size_t>(world_));
  }

  RankPrograms convert() {
    for (Rank rank = 0; rank < world_; ++rank) {
      convert(traces_.size() == 1 ? traces_[0] : traces_[static_cast<std::size_t>(rank)], rank);
    }
    if (unsized_ > 0) {
      programs_.left_out.push_back(
          {"left_out_communication", unsized_,
           "Communication kernels that took the time that was recorded, as they have no arguments "
           "of a collective, or are of messages between two ranks."});
    }
    std::uint64_t untimed = 0;
    for (const RecordedTrace& trace : traces_) untimed += trace.left_out;
    if (untimed > 0) {
      programs_.left_out.push_back(
          {"left_out_events", untimed, "Events of which the time cannot be read were left out."});
    }
    return std::move(programs_);
  }

 private:
  struct Tail {
    Time end;
    std::uint32_t op = 0;
  };

  void convert(const RecordedTrace& trace, Rank rank) {
    std::vector<const RecordedTrace::Span*> spans;
    for (const RecordedTrace::Span& span : trace.spans) {
      if (span.work != Work::host && span.work != Work::wait) spans.push_back(&span);
    }
    if (spans.empty()) throw TraceError("a trace has no kernels: was the device profiled?");
    const auto by_start = [](const auto* a, const auto* b) { return a->start < b->start; };
    std::stable_sort(spans.begin(), spans.end(), by_start);
    const Time begin = spans.front()->start;
    std::vector<const RecordedTrace::Span*> by_end = spans;
    std::stable_sort(by_end.begin(), by_end.end(), [](const auto* a, const auto* b) {
      return a->start + a->duration < b->start + b->duration;
    });
    std::map<const RecordedTrace::Span*, std::uint32_t> op_of;
    std::map<std::uint32_t, Tail> ended;  // by track: the last that has
    std::map<std::uint32_t, Tail> tails;  // by track: the last that began
    auto next_end = by_end.begin();
    auto& program = programs_.ranks[static_cast<std::size_t>(rank)];
    for (const RecordedTrace::Span* span : spans) {
      for (; next_end != by_end.end() && (*next_end)->start + (*next_end)->duration <= span->start;
           ++next_end) {
        const auto known = op_of.find(*next_end);
        if (known == op_of.end()) break;  // it begins and ends at this instant
        ended[(*next_end)->track] = {(*next_end)->start + (*next_end)->duration, known->second};
      }
      RankOp op = op_from(trace, *span, rank);
      Time ready = begin;
      const auto before = tails.find(span->track);
      if (before != tails.end()) ready = std::max(ready, before->second.end);
      const Tail* other = nullptr;
      for (const auto& [track, tail] : ended) {
        if (track != span->track && tail.end > ready) {
          ready = tail.end;
          other = &tail;
        }
      }
      if (other != nullptr) op.after.push_back(other->op);
      if (span->start > ready) {
        RankOp gap{.stream = op.stream, .took = span->start - ready, .start = ready};
        gap.label = programs_.names.intern("host");
        gap.category = programs_.names.intern("host");
        gap.after = std::exchange(op.after, {});
        program.push_back(std::move(gap));
      }
      op_of[span] = static_cast<std::uint32_t>(program.size());
      tails[span->track] = {span->start + span->duration,
                            static_cast<std::uint32_t>(program.size())};
      program.push_back(std::move(op));
    }
  }

  RankOp op_from(const RecordedTrace& trace, const RecordedTrace::Span& span, Rank rank) {
    RankOp op;
    op.label = programs_.names.intern(trace.names.text(span.name));
    op.category = programs_.names.intern(to_string(span.work));
    op.stream = programs_.names.intern(trace.tracks[span.track].name);
    op.took = span.duration;
    op.start = span.start;
    if (span.work != Work::communication ||
        options_->communication == KinetoOptions::Communication::recorded) {
      return op;
    }
    if (span.arguments == UINT32_MAX || !make_collective(trace, span.arguments, rank, op)) {
      ++unsized_;
    }
    return op;
  }

  bool make_collective(const RecordedTrace& trace, std::uint32_t arguments, Rank rank, RankOp& op) {
    const Recorded& recorded = trace.collectives[arguments];
    const auto named = std::find_if(kNames.begin(), kNames.end(),
                                    [&](const Named& n) { return n.name == recorded.name; });
    const std::int64_t width = element_bytes(recorded.type);
    if (named == kNames.end() || (width == 0 && named->kind != CollectiveKind::barrier)) {
      return false;
    }
    const std::vector<Rank> group = group_of(recorded, rank);
    if (std::find(group.begin(), group.end(), rank) == group.end()) {
      throw TraceError("rank " + std::to_string(rank) + " runs \"" + recorded.name +
                       "\" in group \"" + recorded.group + "\", which it is not in");
    }
    const std::int64_t elements = named->by_output ? recorded.out_elements : recorded.in_elements;
    op.kind = RankOp::Kind::collective;
    op.collective = named->kind;
    op.bytes = std::max<std::int64_t>(0, elements) * Bytes(width);
    const auto [place, is_new] = groups_.try_emplace(
        {recorded.group, group}, static_cast<std::uint32_t>(programs_.groups.size()));
    if (is_new) programs_.groups.push_back(group);
    op.group = place->second;
    return true;
  }

  /// The group as it was recorded; with one trace for all, that of `rank` in its place.
  std::vector<Rank> group_of(const Recorded& recorded, Rank rank) const {
    std::vector<Rank> ranks = recorded.ranks;
    const auto size = static_cast<std::size_t>(
        std::max<std::int64_t>(recorded.group_size, static_cast<std::int64_t>(ranks.size())));
    if (size > static_cast<std::size_t>(world_)) {
      throw TraceError("a group of " + std::to_string(size) + " ranks does not fit into " +
                       std::to_string(world_));
    }
    const Rank stride = ranks.size() > 1 ? ranks[1] - ranks[0] : 1;
    const bool has_all = ranks.size() == size;
    for (std::size_t i = 1; i < ranks.size() && (!has_all || traces_.size() == 1); ++i) {
      if (stride > 0 && ranks[i] == ranks[i - 1] + stride) continue;
      if (ranks[i] < ranks[i - 1] || !has_all) break;  // the list was cut: "[0, 1, ..., 63]"
      throw TraceError("group \"" + recorded.group +
                       "\" has no constant stride: one trace cannot stand for all ranks");
    }
    if (has_all && traces_.size() > 1) return checked(std::move(ranks), recorded);
    Rank first = ranks.empty() ? 0 : ranks.front();
    if (traces_.size() == 1) {
      const Rank block = stride * static_cast<Rank>(size);
      first = rank / block * block + rank % stride;
    }
    ranks.clear();
    for (std::size_t i = 0; i < size; ++i) ranks.push_back(first + stride * static_cast<Rank>(i));
    return checked(std::move(ranks), recorded);
  }

  std::vector<Rank> checked(std::vector<Rank> ranks, const Recorded& recorded) const {
    for (const Rank rank : ranks) {
      if (rank >= 0 && rank < world_) continue;
      throw TraceError("group \"" + recorded.group + "\" has rank " + std::to_string(rank) +
                       ", and there are " + std::to_string(world_));
    }
    return ranks;
  }

  std::span<const RecordedTrace> traces_;
  const KinetoOptions* options_;
  Rank world_ = 1;
  RankPrograms programs_;
  /// By name too: the same ranks may have several, each with an order of its own.
  std::map<std::pair<std::string, std::vector<Rank>>, std::uint32_t> groups_;
  std::uint64_t unsized_ = 0;
};

}  // namespace

RankPrograms kineto_programs(std::span<const RecordedTrace> traces, const KinetoOptions& options) {
  return Converter(traces, options).convert();
}

}  // namespace orrery
