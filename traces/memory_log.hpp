#pragma once

#include <cstdint>
#include <vector>

#include "sim/graph/observer.hpp"

namespace orrery {

/// Keeps the memory in use on every rank over time, one sample for each instant at which it
/// changes.
class MemoryLog final : public Observer {
 public:
  struct Sample {
    Time time;
    Rank rank = 0;
    std::int64_t bytes = 0;
  };

  explicit MemoryLog(Rank world_size) : last_(static_cast<std::size_t>(world_size)) {}
  void on_span(const Span&) override {}
  void on_memory(Time time, Rank rank, LabelId category, std::int64_t delta) override;

  /// In order of time.
  const std::vector<Sample>& samples() const { return samples_; }

 private:
  struct Last {
    std::int64_t bytes = 0;
    std::size_t sample = SIZE_MAX;
  };
  std::vector<Last> last_;  // by rank
  std::vector<Sample> samples_;
};

/// Entries of a rank's tracker that are in use from a time on.
struct TrackerSample {
  Time time;
  Rank rank = 0;  // of the graph
  std::int64_t entries = 0;
};

}  // namespace orrery
