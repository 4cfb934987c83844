#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "sim/base/errors.hpp"
#include "sim/graph/analysis.hpp"
#include "sim/graph/slots.hpp"

namespace orrery {
namespace {

/// Finds what a span's instance waited for.
class Backtrack {
 public:
  Backtrack(const TaskGraph& graph, std::span<const Span> spans)
      : graph_(&graph), slots_(graph), spans_(spans), span_of_(slots_.count(), kNoSpan) {
    for (std::size_t i = 0; i < spans.size(); ++i) {
      span_of_[slots_.slot_of(spans[i].instance, spans[i].position)] =
          static_cast<std::uint32_t>(i);
    }
    const std::vector<Slot> next = slots_.next_in_stream();
    ahead_.assign(slots_.count(), kNoSlot);
    for (Slot slot = 0; slot < next.size(); ++slot) {
      if (next[slot] != kNoSlot) ahead_[next[slot]] = slot;
    }
    find_those_served_before();
    first_dependency_.assign(graph.ops().size() + 1, 0);
    for (const Dependency& d : graph.dependencies()) ++first_dependency_[d.op.index() + 1];
    std::partial_sum(first_dependency_.begin(), first_dependency_.end(), first_dependency_.begin());
    std::vector<std::uint32_t> place(first_dependency_.begin(), first_dependency_.end() - 1);
    dependencies_.resize(graph.dependencies().size());
    for (const Dependency& d : graph.dependencies()) dependencies_[place[d.op.index()]++] = d;
  }

  /// The span that let `span` start: the latest to end of all that its instance waited for; nullptr
  /// when it waited for nothing.
  const Span* before(const Span& span) {
    latest_ = nullptr;
    const std::size_t positions = slots_.positions(graph_->op(span.instance.op));
    for (std::size_t position = 0; position < positions; ++position) {
      look_behind(slots_.slot_of(span.instance, position));
    }
    return latest_;
  }

 private:
  /// On streams that run what is ready first: in the order in which they ended.
  void find_those_served_before() {
    std::map<std::pair<Rank, std::size_t>, Slot> last;  // by rank and stream
    for (const Span& span : spans_) {
      if (!span.stream.valid()) continue;
      if (graph_->stream_order(span.stream) != StreamOrder::first_ready) continue;
      const Slot slot = slots_.slot_of(span.instance, span.position);
      const auto [tail, is_first] = last.try_emplace({span.rank, span.stream.index()}, slot);
      if (!is_first) ahead_[slot] = std::exchange(tail->second, slot);
    }
  }

  static constexpr std::uint32_t kNoSpan = UINT32_MAX;

  void look_behind(Slot slot) {
    const SlotLayout::Participant who = slots_.participant(slot);
    const std::size_t op = who.instance.op.index();
    for (std::uint32_t i = first_dependency_[op]; i < first_dependency_[op + 1]; ++i) {
      const Dependency& d = dependencies_[i];
      const bool holds = d.side == Side::both || graph_->op(d.op).kind != OpKind::transfer ||
                         (who.position == 1) == (d.side == Side::destination);
      if (!holds) continue;
      const auto look = [this](Slot on) { consider(on); };
      if (slots_.share_a_rank(graph_->op(d.op), graph_->op(d.on), d.side)) {
        slots_.on_rank(d.on, who.rank, Side::both, look);
      } else {
        slots_.on_all(d.on, Side::both, look);
      }
    }
    if (ahead_[slot] != kNoSlot) consider(ahead_[slot]);
  }

  void consider(Slot slot) {
    ORRERY_CHECK(span_of_[slot] != kNoSpan, "a span is missing from the timeline");
    const Span& span = spans_[span_of_[slot]];
    if (latest_ == nullptr || span.end > latest_->end) latest_ = &span;
  }

  const TaskGraph* graph_;
  SlotLayout slots_;
  std::span<const Span> spans_;
  std::vector<std::uint32_t> span_of_;  // by slot
  std::vector<Slot> ahead_;             // by slot: the one before it on its stream
  std::vector<std::uint32_t> first_dependency_;
  std::vector<Dependency> dependencies_;
  const Span* latest_ = nullptr;
};

}  // namespace

std::vector<CriticalStep> critical_path(const TaskGraph& graph, std::span<const Span> spans) {
  std::vector<CriticalStep> path;
  if (spans.empty()) return path;
  Backtrack backtrack(graph, spans);
  const Span* span = &*std::max_element(spans.begin(), spans.end(),
                                        [](const Span& a, const Span& b) { return a.end < b.end; });
  while (span != nullptr) {
    const Span* previous = backtrack.before(*span);
    const Time since = previous == nullptr ? Time() : previous->end;
    path.push_back(CriticalStep{*span, span->start - since});
    span = previous;
  }
  std::reverse(path.begin(), path.end());
  return path;
}

}  // namespace orrery
