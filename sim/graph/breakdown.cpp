#include <algorithm>

#include "sim/base/errors.hpp"
#include "sim/graph/analysis.hpp"

namespace orrery {
namespace {

/// Walks one rank's spans through time.
class RankWalk {
 public:
  RankWalk(const TaskGraph& graph, bool pipelined) : graph_(&graph), pipelined_(pipelined) {
    result_.exposed.resize(graph.label_count());
    for (std::size_t label = 0; label < graph.label_count(); ++label) {
      if (graph.text(LabelId(label)) == "host") host_ = LabelId(label);
    }
    for (std::size_t stream = 0; stream < graph.stream_count(); ++stream) {
      if (graph.stream_name(StreamId(stream)) == "host") host_stream_ = StreamId(stream);
    }
    for (const TrackerEffect& effect : graph.tracker_effects()) {
      if (effect.triggered == Bytes(0)) continue;
      if (is_trigger_.empty()) is_trigger_.resize(graph.ops().size());
      is_trigger_[effect.op.index()] = true;
    }
  }

  RankBreakdown walk(std::span<const Span* const> by_start, Time total) {
    Time now;
    std::size_t next = 0;
    while (now < total) {
      while (next < by_start.size() && by_start[next]->start <= now) begin(*by_start[next++]);
      forget_ended(now);
      const bool more = next < by_start.size();
      Time until = more ? std::min(by_start[next]->start, total) : total;
      for (const Span* span : running_) until = std::min(until, span->end);
      account(now, until, more && until == by_start[next]->start ? by_start[next] : nullptr);
      now = until;
    }
    return result_;
  }

 private:
  void begin(const Span& span) {
    if (span.end > span.start) running_.push_back(&span);
  }

  void forget_ended(Time now) {
    std::erase_if(running_, [now](const Span* span) { return span->end <= now; });
  }

  /// A trigger is part of the communication that it starts: no core works on it. Nor on a delay of
  /// the category "host", which the device waits for as for a communication.
  bool is_work(OpId op) const {
    const OpKind kind = graph_->op(op).kind;
    if (kind == OpKind::delay) return !host_.valid() || graph_->op(op).category != host_;
    return kind == OpKind::compute && (is_trigger_.empty() || !is_trigger_[op.index()]);
  }

  /// `ender`: the span whose start ends this stretch, if one does. A host that issues beside the
  /// device counts where nothing else runs and what comes next waited for it.
  void account(Time now, Time until, const Span* ender) {
    const Duration stretch = until - now;
    const Span* communication = nullptr;  // running_ is in order of start
    const Span* issuing = nullptr;
    for (const Span* span : running_) {
      if (is_work(span->instance.op)) {
        result_.compute += stretch;
        return;
      }
      if (span->stream == host_stream_) {
        if (span->end == until) issuing = span;
      } else if (communication == nullptr) {
        communication = span;
      }
    }
    if (communication == nullptr) communication = issuing;
    if (communication != nullptr) {
      const LabelId category = graph_->op(communication->instance.op).category;
      ORRERY_CHECK(category.index() < result_.exposed.size(), "a communication needs a category");
      result_.exposed[category.index()] += stretch;
      return;
    }
    Duration for_partners;  // of a collective that ends the stretch
    if (ender != nullptr && graph_->op(ender->instance.op).kind == OpKind::collective) {
      for_partners = std::min(stretch, ender->start - ender->ready);
    }
    (pipelined_ ? result_.bubble : result_.idle) += stretch - for_partners;
    result_.idle += for_partners;
  }

  const TaskGraph* graph_;
  bool pipelined_;
  RankBreakdown result_;
  LabelId host_;
  StreamId host_stream_;          // none: no span has it
  std::vector<bool> is_trigger_;  // by op; empty: none is
  std::vector<const Span*> running_;
};

}  // namespace

std::vector<RankBreakdown> break_down(const TaskGraph& graph, std::span<const Span> spans,
                                      Time total, bool pipelined) {
  std::vector<std::vector<const Span*>> by_rank(static_cast<std::size_t>(graph.world_size()));
  for (const Span& span : spans) {
    // What a one-sided transfer brings in occupies no stream: the rank does not take part.
    if (span.stream.valid()) by_rank[static_cast<std::size_t>(span.rank)].push_back(&span);
  }
  std::vector<RankBreakdown> result;
  result.reserve(by_rank.size());
  for (std::vector<const Span*>& of_rank : by_rank) {
    std::stable_sort(of_rank.begin(), of_rank.end(),
                     [](const Span* a, const Span* b) { return a->start < b->start; });
    result.push_back(RankWalk(graph, pipelined).walk(of_rank, total));
  }
  return result;
}

}  // namespace orrery
