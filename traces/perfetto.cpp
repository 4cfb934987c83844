#include "traces/perfetto.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "sim/base/errors.hpp"
#include "traces/perfetto_fields.hpp"

namespace orrery {
namespace {

using namespace perfetto;

constexpr std::uint64_t kBytesAnnotation = 1;  // iid of the one name of an annotation
// Tags, lengths and numbers of one packet without its texts; see put_packet and begin.
constexpr std::size_t kMaximumPacket = 160;

std::int64_t nanoseconds(Time time) {
  return (time.picoseconds() + 500) / 1000;
}

char* put(char* out, std::uint32_t field, std::uint64_t value) {
  return put_varint(put_varint(out, wire_tag(field, WireType::varint)), value);
}
char* put_bytes(char* out, std::uint32_t field, std::string_view value) {
  out = put_varint(put_varint(out, wire_tag(field, WireType::bytes)), value.size());
  return std::copy(value.begin(), value.end(), out);
}
char* put_fixed(char* out, std::uint32_t field, std::uint64_t value) {
  return put_fixed64(put_varint(out, wire_tag(field, WireType::fixed64)), value);
}

void add_interned(ProtobufWriter& interned, std::uint32_t list, std::uint64_t iid,
                  std::string_view text) {
  ProtobufWriter entry;
  entry.varint(kInternedIid, iid);
  entry.bytes(kInternedName, text);
  interned.message(list, entry);
}

/// Whether `name` is new to `known`, which it then is not any more.
bool is_new(std::vector<bool>& known, std::uint32_t name) {
  if (name >= known.size()) known.resize(name + 1);
  if (known[name]) return false;
  known[name] = true;
  return true;
}

}  // namespace

std::uint32_t PerfettoWriter::name(std::string_view text) {
  names_.emplace_back(text);
  return static_cast<std::uint32_t>(names_.size() - 1);
}

PerfettoWriter::Track PerfettoWriter::add_track(std::int32_t pid,
                                                const ProtobufWriter& descriptor) {
  ProtobufWriter packet;
  packet.message(kPacketTrackDescriptor, descriptor);
  packet.varint(kPacketSequence, tracks_.size() + 1);
  ProtobufWriter record;
  record.message(kTracePacket, packet);
  file_.write(record.text());
  tracks_.push_back({.uuid = next_uuid(), .pid = pid});
  return static_cast<Track>(tracks_.size() - 1);
}

PerfettoWriter::Track PerfettoWriter::process(std::int32_t pid, std::string_view name) {
  ProtobufWriter process;
  process.integer(kProcessPid, pid);
  process.bytes(kProcessName, name);
  ProtobufWriter track;
  track.varint(kTrackUuid, next_uuid());
  track.message(kTrackProcess, process);
  return add_track(pid, track);
}

/// Perfetto knows threads by their numbers alone, over all processes.
PerfettoWriter::Track PerfettoWriter::thread(Track process, std::string_view name) {
  const State& parent = tracks_[process];
  ProtobufWriter thread;
  thread.integer(kThreadPid, parent.pid);
  thread.varint(kThreadTid, (std::uint64_t{1} << 30U) + next_uuid());
  thread.bytes(kThreadName, name);
  ProtobufWriter track;
  track.varint(kTrackUuid, next_uuid());
  track.varint(kTrackParent, parent.uuid);
  track.message(kTrackThread, thread);
  return add_track(parent.pid, track);
}

PerfettoWriter::Track PerfettoWriter::counter(std::optional<Track> process, std::string_view name,
                                              Unit unit) {
  ProtobufWriter counter;
  if (unit == Unit::bytes) counter.varint(kCounterUnit, kCounterUnitBytes);
  ProtobufWriter track;
  track.varint(kTrackUuid, next_uuid());
  track.bytes(kTrackName, name);
  if (process) track.varint(kTrackParent, tracks_[*process].uuid);
  track.message(kTrackCounter, counter);
  return add_track(process ? tracks_[*process].pid : 0, track);
}

/// Once, before the first event: the clock, and what need not be said in every packet.
void PerfettoWriter::begin_sequence(Track track) {
  State& state = tracks_[track];
  state.begun = true;
  ProtobufWriter reference;
  reference.varint(kClockId, kClockBoottime);
  reference.varint(kClockTimestamp, 0);
  ProtobufWriter clock;
  clock.varint(kClockId, kIncrementalClock);
  clock.varint(kClockTimestamp, 0);
  clock.varint(kClockIsIncremental, 1);
  ProtobufWriter snapshot;
  snapshot.message(kSnapshotClocks, reference);
  snapshot.message(kSnapshotClocks, clock);
  ProtobufWriter event_defaults;
  event_defaults.varint(kEventTrackUuid, state.uuid);
  ProtobufWriter defaults;
  defaults.varint(kDefaultsClock, kIncrementalClock);
  defaults.message(kDefaultsTrackEvent, event_defaults);
  ProtobufWriter packet;
  packet.message(kPacketClockSnapshot, snapshot);
  packet.message(kPacketDefaults, defaults);
  packet.varint(kPacketSequenceFlags, kIncrementalStateCleared);
  packet.varint(kPacketSequence, track + 1);
  ProtobufWriter record;
  record.message(kTracePacket, packet);
  file_.write(record.text());
}

char* PerfettoWriter::put_head(char* out, Track track, Time time) {
  State& state = tracks_[track];
  if (!state.begun) begin_sequence(track);
  const std::int64_t now = nanoseconds(time);
  ORRERY_CHECK(now >= state.nanoseconds, "the times of a track go back");
  out = put(out, kPacketTimestamp, static_cast<std::uint64_t>(now - state.nanoseconds));
  state.nanoseconds = now;
  return put(out, kPacketSequence, track + 1);
}

void PerfettoWriter::put_packet(Track track, Time time, std::string_view event,
                                std::string_view interned) {
  std::array<char, kMaximumPacket> body;
  char* end = put_head(body.data(), track, time);
  end = put_bytes(end, kPacketTrackEvent, event);
  const auto size = static_cast<std::size_t>(end - body.data());
  std::array<char, kMaximumPacket> record;
  std::array<char, 12> interned_head;
  std::size_t head_size = 0;
  if (!interned.empty()) {
    char* out = put_varint(interned_head.data(), wire_tag(kPacketInternedData, WireType::bytes));
    head_size = static_cast<std::size_t>(put_varint(out, interned.size()) - interned_head.data());
  }
  char* out = put_varint(record.data(), wire_tag(kTracePacket, WireType::bytes));
  out = put_varint(out, size + head_size + interned.size());
  out = std::copy(body.data(), end, out);
  out = std::copy(interned_head.data(), interned_head.data() + head_size, out);
  file_.write({record.data(), static_cast<std::size_t>(out - record.data())});
  if (!interned.empty()) file_.write(interned);
}

void PerfettoWriter::begin(Track track, Time time, const Slice& slice) {
  State& state = tracks_[track];
  interned_.clear();
  std::array<char, kMaximumPacket / 2> event;
  char* out = put(event.data(), kEventType, kSliceBegin);
  out = put(out, kEventNameIid, slice.name + 1);
  if (is_new(state.knows_name, slice.name)) {
    add_interned(interned_, kInternedEventNames, slice.name + 1, names_[slice.name]);
  }
  if (slice.category) {
    out = put(out, kEventCategoryIids, *slice.category + 1);
    if (is_new(state.knows_category, *slice.category)) {
      add_interned(interned_, kInternedCategories, *slice.category + 1, names_[*slice.category]);
    }
  }
  if (slice.bytes) {
    std::array<char, 16> annotation;
    char* end = put(annotation.data(), kAnnotationNameIid, kBytesAnnotation);
    end = put(end, kAnnotationUint, static_cast<std::uint64_t>(slice.bytes->count()));
    out = put_bytes(out, kEventAnnotations,
                    {annotation.data(), static_cast<std::size_t>(end - annotation.data())});
    if (!state.names_bytes) {
      add_interned(interned_, kInternedAnnotationNames, kBytesAnnotation, "bytes");
    }
    state.names_bytes = true;
  }
  if (slice.flow != 0) out = put_fixed(out, kEventFlowIds, slice.flow);
  if (slice.terminating_flow != 0) {
    out = put_fixed(out, kEventTerminatingFlowIds, slice.terminating_flow);
  }
  put_packet(track, time, {event.data(), static_cast<std::size_t>(out - event.data())},
             interned_.text());
}

void PerfettoWriter::end(Track track, Time time) {
  std::array<char, 4> event;
  char* out = put(event.data(), kEventType, kSliceEnd);
  put_packet(track, time, {event.data(), static_cast<std::size_t>(out - event.data())}, {});
}

void PerfettoWriter::count(Track track, Time time, std::int64_t value) {
  std::array<char, 16> event;
  char* out = put(event.data(), kEventType, kCounterSample);
  out = put(out, kEventCounterValue, static_cast<std::uint64_t>(value));
  put_packet(track, time, {event.data(), static_cast<std::size_t>(out - event.data())}, {});
}

void PerfettoWriter::count(Track track, Time time, double value) {
  std::array<char, 16> event;
  char* out = put(event.data(), kEventType, kCounterSample);
  out = put_fixed(out, kEventDoubleCounterValue, std::bit_cast<std::uint64_t>(value));
  put_packet(track, time, {event.data(), static_cast<std::size_t>(out - event.data())}, {});
}

}  // namespace orrery
