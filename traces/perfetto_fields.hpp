#pragma once

#include <cstdint>

/// Numbers of the fields and values of Perfetto's messages. Source: google/perfetto,
/// protos/perfetto/trace/…, the file named at each group; all but those of clock_snapshot.proto and
/// of BuiltinClock were read there, these are assumed as remembered.
namespace orrery::perfetto {

// trace.proto: Trace
inline constexpr std::uint32_t kTracePacket = 1;
// trace_packet.proto: TracePacket
inline constexpr std::uint32_t kPacketClockSnapshot = 6;
inline constexpr std::uint32_t kPacketTimestamp = 8;
inline constexpr std::uint32_t kPacketSequence = 10;
inline constexpr std::uint32_t kPacketTrackEvent = 11;
inline constexpr std::uint32_t kPacketInternedData = 12;
inline constexpr std::uint32_t kPacketSequenceFlags = 13;
inline constexpr std::uint32_t kPacketCompressed = 50;
inline constexpr std::uint32_t kPacketClockId = 58;
inline constexpr std::uint32_t kPacketDefaults = 59;
inline constexpr std::uint32_t kPacketTrackDescriptor = 60;
inline constexpr std::uint64_t kIncrementalStateCleared = 1;
// trace_packet_defaults.proto: TracePacketDefaults
inline constexpr std::uint32_t kDefaultsTrackEvent = 11;
inline constexpr std::uint32_t kDefaultsClock = 58;
// clock_snapshot.proto: ClockSnapshot, ClockSnapshot.Clock
inline constexpr std::uint32_t kSnapshotClocks = 1;
inline constexpr std::uint32_t kClockId = 1;
inline constexpr std::uint32_t kClockTimestamp = 2;
inline constexpr std::uint32_t kClockIsIncremental = 3;
inline constexpr std::uint32_t kClockUnit = 4;  // in ns
inline constexpr std::uint64_t kClockBoottime = 6;
inline constexpr std::uint64_t kIncrementalClock = 64;  // the first of a sequence's own
// track_event/track_event.proto: TrackEvent
inline constexpr std::uint32_t kEventCategoryIids = 3;
inline constexpr std::uint32_t kEventAnnotations = 4;
inline constexpr std::uint32_t kEventType = 9;
inline constexpr std::uint32_t kEventNameIid = 10;
inline constexpr std::uint32_t kEventTrackUuid = 11;
inline constexpr std::uint32_t kEventCategories = 22;
inline constexpr std::uint32_t kEventName = 23;
inline constexpr std::uint32_t kEventCounterValue = 30;
inline constexpr std::uint32_t kEventDoubleCounterValue = 44;
inline constexpr std::uint32_t kEventFlowIds = 47;
inline constexpr std::uint32_t kEventTerminatingFlowIds = 48;
inline constexpr std::uint64_t kSliceBegin = 1;
inline constexpr std::uint64_t kSliceEnd = 2;
inline constexpr std::uint64_t kInstant = 3;
inline constexpr std::uint64_t kCounterSample = 4;
// track_event/track_descriptor.proto: TrackDescriptor
inline constexpr std::uint32_t kTrackUuid = 1;
inline constexpr std::uint32_t kTrackName = 2;
inline constexpr std::uint32_t kTrackProcess = 3;
inline constexpr std::uint32_t kTrackThread = 4;
inline constexpr std::uint32_t kTrackParent = 5;
inline constexpr std::uint32_t kTrackCounter = 8;
// track_event/process_descriptor.proto, thread_descriptor.proto, counter_descriptor.proto
inline constexpr std::uint32_t kProcessPid = 1;
inline constexpr std::uint32_t kProcessName = 6;
inline constexpr std::uint32_t kThreadPid = 1;
inline constexpr std::uint32_t kThreadTid = 2;
inline constexpr std::uint32_t kThreadName = 5;
inline constexpr std::uint32_t kCounterUnit = 3;
inline constexpr std::uint64_t kCounterUnitBytes = 3;
// track_event/debug_annotation.proto: DebugAnnotation
inline constexpr std::uint32_t kAnnotationNameIid = 1;
inline constexpr std::uint32_t kAnnotationUint = 3;
inline constexpr std::uint32_t kAnnotationInt = 4;
inline constexpr std::uint32_t kAnnotationName = 10;
// interned_data/interned_data.proto: InternedData; EventName and the like: iid, name
inline constexpr std::uint32_t kInternedCategories = 1;
inline constexpr std::uint32_t kInternedEventNames = 2;
inline constexpr std::uint32_t kInternedAnnotationNames = 3;
inline constexpr std::uint32_t kInternedIid = 1;
inline constexpr std::uint32_t kInternedName = 2;

}  // namespace orrery::perfetto
