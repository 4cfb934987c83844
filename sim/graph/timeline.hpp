#pragma once

#include <cstdint>
#include <vector>

#include "sim/graph/observer.hpp"

namespace orrery {

/// How many spans a run of the graph has: one for each rank of an op, two for a pair of a transfer.
std::uint64_t count_spans(const TaskGraph& graph);

/// Keeps every span of a run, in order of end. What analyses and trace writers read.
class Timeline final : public Observer {
 public:
  /// Makes room for so many, which is then never taken twice.
  void reserve(std::uint64_t spans) { spans_.reserve(spans); }
  void on_span(const Span& span) override { spans_.push_back(span); }
  void on_memory(Time, Rank, LabelId, std::int64_t) override {}

  const std::vector<Span>& spans() const { return spans_; }

 private:
  std::vector<Span> spans_;
};

/// Follows memory in use on every rank and keeps what it held, by category, when it was fullest.
class MemoryMeter final : public Observer {
 public:
  struct Peak {
    Bytes total;
    Time when;
    std::vector<Bytes> by_category;  // index: LabelId; at the moment of the peak
  };

  MemoryMeter(Rank world_size, std::size_t label_count);
  void on_span(const Span&) override {}
  void on_memory(Time time, Rank rank, LabelId category, std::int64_t delta) override;

  const Peak& peak(Rank rank) const { return peaks_[static_cast<std::size_t>(rank)]; }
  Rank world_size() const { return static_cast<Rank>(peaks_.size()); }
  /// In use now; after the run: what was never freed.
  Bytes in_use(Rank rank, LabelId category) const;

 private:
  struct Usage {
    std::int64_t total = 0;
    std::vector<std::int64_t> by_category;
  };
  std::vector<Usage> usage_;
  std::vector<Peak> peaks_;
};

}  // namespace orrery
