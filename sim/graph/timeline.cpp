#include "sim/graph/timeline.hpp"

namespace orrery {

std::uint64_t count_spans(const TaskGraph& graph) {
  std::uint64_t spans = 0;
  for (const Op& op : graph.ops()) {
    spans += graph.ranks(op.ranks).size() * (op.kind == OpKind::transfer ? 2 : 1);
  }
  return spans;
}

MemoryMeter::MemoryMeter(Rank world_size, std::size_t label_count)
    : usage_(static_cast<std::size_t>(world_size)), peaks_(static_cast<std::size_t>(world_size)) {
  for (Usage& usage : usage_) usage.by_category.assign(label_count, 0);
  for (Peak& peak : peaks_) peak.by_category.assign(label_count, Bytes(0));
}

void MemoryMeter::on_memory(Time time, Rank rank, LabelId category, std::int64_t delta) {
  Usage& usage = usage_[static_cast<std::size_t>(rank)];
  usage.total += delta;
  usage.by_category[category.index()] += delta;
  Peak& peak = peaks_[static_cast<std::size_t>(rank)];
  if (usage.total <= peak.total.count()) return;
  peak.total = Bytes(usage.total);
  peak.when = time;
  for (std::size_t c = 0; c < usage.by_category.size(); ++c) {
    peak.by_category[c] = Bytes(usage.by_category[c]);
  }
}

Bytes MemoryMeter::in_use(Rank rank, LabelId category) const {
  return Bytes(usage_[static_cast<std::size_t>(rank)].by_category[category.index()]);
}

}  // namespace orrery
