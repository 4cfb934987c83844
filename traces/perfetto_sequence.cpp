#include "traces/perfetto_sequence.hpp"

namespace orrery::perfetto {
namespace {

constexpr std::uint64_t kLongest = std::uint64_t{1} << 53U;  // ns; 104 days

std::map<std::uint64_t, std::string>& list_of(Sequence& sequence, std::uint32_t field) {
  if (field == kInternedCategories) return sequence.categories;
  return field == kInternedEventNames ? sequence.names : sequence.annotation_names;
}

}  // namespace

void read_interned(ProtobufReader data, Sequence& sequence) {
  while (data.next()) {
    if (data.field() < kInternedCategories || data.field() > kInternedAnnotationNames) continue;
    ProtobufReader entry = data.message();
    std::uint64_t iid = 0;
    std::string name;
    while (entry.next()) {
      if (entry.field() == kInternedIid) iid = entry.integer();
      if (entry.field() == kInternedName) name = entry.bytes();
    }
    list_of(sequence, data.field())[iid] = name;
  }
}

void read_clocks(ProtobufReader snapshot, Sequence& sequence) {
  while (snapshot.next()) {
    if (snapshot.field() != kSnapshotClocks) continue;
    ProtobufReader clock = snapshot.message();
    std::uint64_t id = 0;
    std::uint64_t time = 0;
    std::uint64_t unit = 1;
    bool is_incremental = false;
    while (clock.next()) {
      if (clock.field() == kClockId) id = clock.integer();
      if (clock.field() == kClockTimestamp) time = clock.integer();
      if (clock.field() == kClockIsIncremental) is_incremental = clock.integer() != 0;
      if (clock.field() == kClockUnit) unit = clock.integer();
    }
    if (is_incremental) {
      sequence.incremental[id] = unit;
      sequence.now[id] = time;
    }
  }
}

void read_defaults(ProtobufReader defaults, Sequence& sequence) {
  while (defaults.next()) {
    if (defaults.field() == kDefaultsClock) sequence.default_clock = defaults.integer();
    if (defaults.field() != kDefaultsTrackEvent) continue;
    ProtobufReader event = defaults.message();
    while (event.next()) {
      if (event.field() == kEventTrackUuid) sequence.default_track = event.integer();
    }
  }
}

std::uint64_t time_of(const ProtobufReader& packet, Sequence& sequence, std::uint64_t clock,
                      std::uint64_t timestamp) {
  const auto incremental = sequence.incremental.find(clock);
  std::uint64_t time = timestamp;
  if (incremental != sequence.incremental.end()) {
    std::uint64_t& now = sequence.now[clock];
    now += timestamp;
    time = now * incremental->second;
  }
  if (time > kLongest || timestamp > kLongest) packet.fail("a time beyond 104 days");
  return time;
}

}  // namespace orrery::perfetto
