#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sim/graph/observer.hpp"
#include "sim/graph/rank_class.hpp"
#include "sim/graph/task_graph.hpp"

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
  Rank rank = 0;  // of the job
  std::int64_t entries = 0;
};

/// Writes a run as Chrome JSON trace events, which ui.perfetto.dev and chrome://tracing open: a
/// process for each rank, a thread for each stream, an event for each span, an event "wait" where a
/// rank stood ready before its partners came, and a counter of memory in use, and
/// of the tracker's entries where something was tracked. Times are
/// microseconds with six decimals, so no picosecond is lost. `spans`: in order of end, as Timeline
/// keeps them. `classes`: by rank of the graph, which ranks of the job it stands for (empty:
/// itself); a process has the number of the first of them and says how many more it speaks for. The
/// receiving end of a one-sided transfer occupies no stream and is left out. The file appears whole
/// or not at all; throws IoError. Source: "Trace Event Format", Google, 2016, sections "Complete
/// Events", "Counter Events", "Metadata Events".
void write_chrome_trace(const std::string& path, const TaskGraph& graph,
                        std::span<const Span> spans, std::span<const MemoryLog::Sample> memory,
                        std::span<const RankClass> classes = {},
                        std::span<const TrackerSample> tracker = {});

}  // namespace orrery
