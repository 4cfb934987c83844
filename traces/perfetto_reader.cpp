#include <algorithm>
#include <map>

#include "traces/perfetto.hpp"
#include "traces/perfetto_fields.hpp"
#include "traces/perfetto_sequence.hpp"
#include "traces/trace_error.hpp"

namespace orrery {
namespace {

using namespace perfetto;

constexpr std::int64_t kPicosecondsPerNanosecond = 1000;

struct Descriptor {
  std::uint64_t parent = 0;
  std::string name;
  std::int64_t pid = -1;  // where it is a process or thread
  bool is_process = false;
  bool is_counter = false;
  std::uint32_t place = UINT32_MAX;  // among the trace's tracks or counters, once used
};

struct Event {
  std::uint64_t type = 0;
  std::uint64_t track = 0;
  std::string name{};
  std::string category{};
  std::int64_t bytes = RecordedTrace::kNoBytes;
  double value = 0;
};

class Reader {
 public:
  explicit Reader(const std::string& file) : file_(&file) {}

  RecordedTrace read(const std::string& bytes) {
    trace_.format = "Perfetto";
    ProtobufReader records(bytes, *file_);
    while (records.next()) {
      if (records.field() == kTracePacket) read_packet(records.message());
    }
    std::size_t open = 0;
    for (const auto& [track, spans] : open_) open += spans.size();
    if (open > 0) {
      trace_.warnings.push_back(std::to_string(open) + " slices never end and are left out");
    }
    return std::move(trace_);
  }

 private:
  struct Open {
    std::uint64_t start;
    Event event;
  };

  void read_descriptor(ProtobufReader track) {
    std::uint64_t uuid = 0;
    Descriptor read;
    while (track.next()) {
      if (track.field() == kTrackUuid) uuid = track.integer();
      if (track.field() == kTrackName) read.name = track.bytes();
      if (track.field() == kTrackParent) read.parent = track.integer();
      if (track.field() == kTrackCounter) read.is_counter = true;
      if (track.field() != kTrackProcess && track.field() != kTrackThread) continue;
      read.is_process = track.field() == kTrackProcess;
      ProtobufReader inside = track.message();
      while (inside.next()) {
        if (inside.field() == kProcessPid) read.pid = inside.signed_integer();
        const std::uint32_t name = read.is_process ? kProcessName : kThreadName;
        if (inside.field() == name) read.name = inside.bytes();
      }
    }
    Descriptor& known = tracks_[uuid];
    read.place = known.place;
    known = read;
  }

  static Event read_event(ProtobufReader message, const Sequence& sequence) {
    Event event{.track = sequence.default_track};
    const auto interned = [&message](const auto& texts, std::uint64_t iid) {
      const auto found = texts.find(iid);
      if (found == texts.end()) message.fail("name " + std::to_string(iid) + " was never given");
      return found->second;
    };
    while (message.next()) {
      switch (message.field()) {
        case kEventType:
          event.type = message.integer();
          break;
        case kEventTrackUuid:
          event.track = message.integer();
          break;
        case kEventNameIid:
          event.name = interned(sequence.names, message.integer());
          break;
        case kEventName:
          event.name = message.bytes();
          break;
        case kEventCategoryIids:
          message.for_each_varint(
              [&](std::uint64_t iid) { event.category = interned(sequence.categories, iid); });
          break;
        case kEventCategories:
          event.category = message.bytes();
          break;
        case kEventCounterValue:
          event.value = static_cast<double>(message.signed_integer());
          break;
        case kEventDoubleCounterValue:
          event.value = message.real();
          break;
        case kEventAnnotations:
          read_annotation(message.message(), sequence, event);
          break;
        default:
          break;
      }
    }
    return event;
  }

  static void read_annotation(ProtobufReader annotation, const Sequence& sequence, Event& event) {
    std::string name;
    std::int64_t value = RecordedTrace::kNoBytes;
    while (annotation.next()) {
      if (annotation.field() == kAnnotationName) name = annotation.bytes();
      if (annotation.field() == kAnnotationNameIid) {
        const auto found = sequence.annotation_names.find(annotation.integer());
        if (found != sequence.annotation_names.end()) name = found->second;
      }
      if (annotation.field() == kAnnotationUint || annotation.field() == kAnnotationInt) {
        value = annotation.signed_integer();
      }
    }
    if (name == "bytes") event.bytes = value;
  }

  void read_packet(const ProtobufReader& packet) {
    std::uint64_t id = 0;
    std::uint64_t timestamp = 0;
    std::uint64_t flags = 0;
    std::optional<std::uint64_t> clock;
    std::optional<ProtobufReader> event;
    std::optional<ProtobufReader> defaults;
    std::optional<ProtobufReader> interned;
    std::optional<ProtobufReader> snapshot;
    for (ProtobufReader field = packet; field.next();) {
      if (field.field() == kPacketSequence) id = field.integer();
      if (field.field() == kPacketTimestamp) timestamp = field.integer();
      if (field.field() == kPacketSequenceFlags) flags = field.integer();
      if (field.field() == kPacketClockId) clock = field.integer();
      if (field.field() == kPacketTrackEvent) event = field.message();
      if (field.field() == kPacketDefaults) defaults = field.message();
      if (field.field() == kPacketInternedData) interned = field.message();
      if (field.field() == kPacketClockSnapshot) snapshot = field.message();
      if (field.field() == kPacketTrackDescriptor) read_descriptor(field.message());
      if (field.field() == kPacketCompressed) field.fail("compressed packets are not read");
    }
    Sequence& sequence = sequences_[id];
    if ((flags & kIncrementalStateCleared) != 0) sequence = Sequence();
    if (snapshot) read_clocks(*snapshot, sequence);
    if (defaults) read_defaults(*defaults, sequence);
    if (interned) read_interned(*interned, sequence);
    if (event) {
      const std::uint64_t time =
          time_of(packet, sequence, clock.value_or(sequence.default_clock), timestamp);
      add(packet, read_event(*event, sequence), time);
    }
  }

  void add(const ProtobufReader& packet, Event event, std::uint64_t time) {
    if (event.type == kCounterSample) {
      Descriptor& track = tracks_[event.track];
      if (track.place == UINT32_MAX) {
        track.place = static_cast<std::uint32_t>(trace_.counters.size());
        const Descriptor& parent = tracks_[track.parent];
        const bool named = track.parent != 0 && !parent.name.empty();
        trace_.counters.push_back({(named ? parent.name + ": " : "") + track.name});
      }
      trace_.counters[track.place].samples.push_back({at(time), event.value});
    } else if (event.type == kSliceBegin) {
      open_[event.track].push_back({time, std::move(event)});
    } else if (event.type == kSliceEnd) {
      std::vector<Open>& open = open_[event.track];
      if (open.empty()) {
        packet.fail("a slice of track " + std::to_string(event.track) + " ends that never began");
      }
      end(open.back(), time);
      open.pop_back();
    }
  }

  static Time at(std::uint64_t time) {
    return Time(Duration(static_cast<std::int64_t>(time) * kPicosecondsPerNanosecond));
  }

  void end(const Open& slice, std::uint64_t time) {
    const std::uint64_t end = std::max(time, slice.start);
    const Event& event = slice.event;
    trace_.spans.push_back({.track = place_of(event.track),
                            .name = trace_.names.intern(event.name),
                            .category = trace_.names.intern(event.category),
                            .work = work_of(event.name, event.category, event.bytes),
                            .start = at(slice.start),
                            .duration = at(end) - at(slice.start),
                            .bytes = event.bytes});
  }

  std::uint32_t place_of(std::uint64_t uuid) {
    Descriptor& track = tracks_[uuid];
    if (track.place != UINT32_MAX) return track.place;
    track.place = static_cast<std::uint32_t>(trace_.tracks.size());
    RecordedTrace::Track made{.process = track.pid, .process_name = {}, .name = track.name};
    std::uint64_t above = uuid;
    for (int depth = 0; depth < 64 && above != 0; ++depth) {  // a loop of parents ends too
      const Descriptor& descriptor = tracks_[above];
      if (descriptor.is_process) {
        made.process = descriptor.pid;
        made.process_name = descriptor.name;
      }
      above = descriptor.parent;
    }
    trace_.tracks.push_back(made);
    return track.place;
  }

  const std::string* file_;
  RecordedTrace trace_;
  std::map<std::uint64_t, Sequence> sequences_;
  std::map<std::uint64_t, Descriptor> tracks_;
  std::map<std::uint64_t, std::vector<Open>> open_;  // by track
};

}  // namespace

RecordedTrace read_perfetto_trace(const std::string& bytes, const std::string& file) {
  return Reader(file).read(bytes);
}

}  // namespace orrery
