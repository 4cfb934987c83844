#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "traces/perfetto.hpp"
#include "traces/run_trace.hpp"
#include "traces/trigger_flows.hpp"

namespace orrery {

/// Writes a run in Perfetto's format while it runs, so that nothing of the trace is kept: what
/// write_perfetto_trace writes of a run that is over, whose description stands there. The file
/// appears with `finish`, whole; without it there is none. Throws IoError.
class PerfettoRecorder final : public Observer {
 public:
  /// `run`: its graph and classes, which must outlive this, and the selection; nothing else is
  /// read. Threads are those that the graph uses, in order of rank and stream.
  PerfettoRecorder(const std::string& path, const RunTrace& run);

  void on_span(const Span& span) override;
  void on_memory(Time time, Rank rank, LabelId category, std::int64_t delta) override;
  /// In use on a rank from a time on, in order of time.
  void set_memory(Time time, Rank rank, std::int64_t bytes);
  void finish(std::span<const UtilisationTrack> utilisation,
              std::span<const TrackerSample> tracker);

 private:
  using Track = PerfettoWriter::Track;
  static constexpr Track kNone = UINT32_MAX;
  static constexpr std::size_t kKinds = 4;

  /// What a rank holds: written when the instant is over, as what an op frees another may take.
  struct Memory {
    std::int64_t bytes = 0;
    Time since;
    std::int64_t shown = 0;  // by the last sample
    bool is_written = true;
    Track counter = kNone;
  };

  void add_tracks();
  void add_tracker(std::span<const TrackerSample> tracker);
  Track process_of(Rank rank);
  PerfettoWriter::Slice slice_of(const Span& span) const;
  void write_memory(Rank rank, Memory& memory);

  RunTrace run_;
  PerfettoWriter writer_;
  TriggerFlows flows_;
  std::vector<Track> tracks_;     // by rank and stream
  std::vector<Track> processes_;  // by rank
  std::vector<Memory> memory_;    // by rank
  std::vector<std::uint32_t> labels_;
  std::array<std::uint32_t, kKinds> kinds_{};
  std::uint32_t wait_ = 0;
};

}  // namespace orrery
