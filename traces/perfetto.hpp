#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/units.hpp"
#include "traces/atomic_file.hpp"
#include "traces/protobuf.hpp"
#include "traces/recorded_trace.hpp"
#include "traces/run_trace.hpp"

namespace orrery {

/// Writes a trace in Perfetto's protobuf format, piece by piece: memory grows with the tracks and
/// the names, not with the events.
///
/// Every track is a packet sequence of its own, with an incremental clock (times are differences to
/// the packet before), its track as a default, and names interned where they are first used: 18
/// bytes for a begin, 13 for an end, 10 more for an amount and for a flow. Packets do not say
/// SEQ_NEEDS_INCREMENTAL_STATE (2 bytes each): it asks a reader to pass over them where it has lost
/// what the sequence said before, and a file that is read whole loses nothing. Times are rounded to
/// nanoseconds, the finest that the format has; the rounding does not add up. Source: Perfetto,
/// protos/perfetto/trace: trace.proto, trace_packet.proto, clock_snapshot.proto,
/// trace_packet_defaults.proto, interned_data.proto, track_event/{track_event, track_descriptor,
/// process_descriptor, thread_descriptor, counter_descriptor, debug_annotation}.proto (the numbers
/// stand in perfetto.cpp); "Synthetic Track Event", sections "Interning", "Incremental timestamps".
class PerfettoWriter {
 public:
  using Track = std::uint32_t;
  enum class Unit { none, bytes };

  explicit PerfettoWriter(const std::string& path) : file_(path) {}

  /// Interned texts; equal ones need not be given the same number.
  std::uint32_t name(std::string_view text);
  Track process(std::int32_t pid, std::string_view name);
  Track thread(Track process, std::string_view name);
  Track counter(std::optional<Track> process, std::string_view name, Unit unit);

  struct Slice {
    std::uint32_t name = 0;
    std::optional<std::uint32_t> category{};
    std::optional<Bytes> bytes{};
    std::uint64_t flow = 0;              // leaves here for where it arrives; 0: none
    std::uint64_t terminating_flow = 0;  // arrives here
  };
  /// Times of one track never go back; slices of one track nest.
  void begin(Track track, Time time, const Slice& slice);
  void end(Track track, Time time);
  void count(Track track, Time time, std::int64_t value);
  void count(Track track, Time time, double value);
  void commit() { file_.commit(); }

 private:
  struct State {
    std::uint64_t uuid = 0;
    std::int32_t pid = 0;
    std::int64_t nanoseconds = 0;  // of the packet before
    bool begun = false;
    bool names_bytes = false;
    std::vector<bool> knows_name{};
    std::vector<bool> knows_category{};
  };

  Track add_track(std::int32_t pid, const ProtobufWriter& descriptor);
  char* put_head(char* out, Track track, Time time);
  void put_packet(Track track, Time time, std::string_view event, std::string_view interned);
  void begin_sequence(Track track);
  std::uint64_t next_uuid() const { return tracks_.size() + 1; }

  AtomicFile file_;
  std::vector<State> tracks_;
  std::vector<std::string> names_;
  ProtobufWriter interned_;
};

/// A run as such a trace: a process for each rank (or class of them), a thread for each stream, a
/// slice for each span, "wait" where a rank stood ready before its partners came; memory in use and
/// utilisations and entries of trackers as counters; flows from the sending end of a transfer to
/// the receiving one, and to a one-sided transfer from what it waits for on another stream of its
/// rank (a trigger). Utilisations are written where they change by 0.1 % of the capacity or more.
/// The file appears whole or not at all; throws IoError.
void write_perfetto_trace(const std::string& path, const RunTrace& run);
/// The same of a trace that was read.
void write_perfetto_trace(const std::string& path, const RecordedTrace& trace);

/// Reads what the writer writes, and traces of others as far as track events go: absolute or
/// incremental times, names interned or in place, tracks nested in tracks. Throws TraceError.
RecordedTrace read_perfetto_trace(const std::string& bytes, const std::string& file);

}  // namespace orrery
