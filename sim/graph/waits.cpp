#include "sim/graph/waits.hpp"

#include <algorithm>
#include <tuple>
#include <unordered_map>

#include "sim/base/hash.hpp"
#include "sim/graph/slots.hpp"

namespace orrery {
namespace {

/// Adds waits up by (waiting, waited for, category).
class Ledger {
 public:
  explicit Ledger(std::span<const RankClass> classes) : classes_(classes) {
    waits_.ranks.resize(classes.size());
  }

  void add(Rank waiting, Rank waited_for, LabelId category, Duration time) {
    const auto [place, is_new] =
        index_.try_emplace(Key{waiting, waited_for, category}, waits_.pairs.size());
    if (is_new) waits_.pairs.push_back({waiting, waited_for, category, Duration(0), 0});
    Waits::Pair& pair = waits_.pairs[place->second];
    pair.time += time;
    ++pair.times;
    waits_.ranks[static_cast<std::size_t>(waiting)].waited += time;
    const double of_all_s = to_seconds(time) * classes_[static_cast<std::size_t>(waiting)].count;
    waits_.ranks[static_cast<std::size_t>(waited_for)].caused_s += of_all_s;
    waits_.total_s += of_all_s;
  }

  Waits close() {
    const auto order = [](const Waits::Pair& pair) {
      return std::tuple(-pair.time.count(), pair.waiting, pair.waited_for, pair.category);
    };
    std::sort(waits_.pairs.begin(), waits_.pairs.end(),
              [&](const auto& a, const auto& b) { return order(a) < order(b); });
    return std::move(waits_);
  }

 private:
  using Key = std::tuple<Rank, Rank, LabelId>;
  struct Hash {
    std::size_t operator()(const Key& key) const {
      const auto [waiting, waited_for, category] = key;
      const std::uint64_t ranks =
          static_cast<std::uint64_t>(waiting) << 32U | static_cast<std::uint64_t>(waited_for);
      const std::uint64_t label = category.valid() ? category.index() + 1 : 0;
      return scramble(fnv1a_step(ranks, label));
    }
  };

  std::span<const RankClass> classes_;
  Waits waits_;
  std::unordered_map<Key, std::size_t, Hash> index_;  // only looked up
};

/// By first slot of an instance: the span of the participant that came last; of several, the first.
std::vector<const Span*> last_comers(const SlotLayout& slots, std::span<const Span> spans) {
  std::vector<const Span*> last(slots.count(), nullptr);
  for (const Span& span : spans) {
    const Span*& known = last[slots.slot_of(span.instance, 0)];
    const bool later = known == nullptr || span.ready > known->ready ||
                       (span.ready == known->ready && span.position < known->position);
    if (later) known = &span;
  }
  return last;
}

/// Of the spans from `first` on that start together, the one that waited longest for partners.
const Span* longest_waiting(std::span<const Span* const> spans, std::size_t first) {
  const Span* longest = spans[first];
  for (std::size_t i = first + 1; i < spans.size() && spans[i]->start == longest->start; ++i) {
    if (spans[i]->ready < longest->ready) longest = spans[i];
  }
  return longest;
}

}  // namespace

Waits find_waits(const TaskGraph& graph, std::span<const Span> spans,
                 std::span<const RankClass> classes) {
  const SlotLayout slots(graph);
  const std::vector<const Span*> last = last_comers(slots, spans);
  std::vector<std::vector<const Span*>> by_rank(static_cast<std::size_t>(graph.world_size()));
  for (const Span& span : spans) {
    if (span.stream.valid()) by_rank[static_cast<std::size_t>(span.rank)].push_back(&span);
  }
  Ledger ledger(classes);
  for (std::vector<const Span*>& of_rank : by_rank) {
    std::stable_sort(of_rank.begin(), of_rank.end(),
                     [](const Span* a, const Span* b) { return a->start < b->start; });
    Time busy_until;
    for (std::size_t i = 0; i < of_rank.size(); ++i) {
      if (of_rank[i]->start > busy_until) {
        const Span& ender = *longest_waiting(of_rank, i);
        const Span& partner = *last[slots.slot_of(ender.instance, 0)];
        const Duration wait = std::min(ender.start - busy_until, ender.start - ender.ready);
        if (wait > Duration(0)) {
          ledger.add(ender.rank, partner.rank, graph.op(ender.instance.op).category, wait);
        }
      }
      busy_until = std::max(busy_until, of_rank[i]->end);
    }
  }
  return ledger.close();
}

}  // namespace orrery
