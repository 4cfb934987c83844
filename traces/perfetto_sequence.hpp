#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "traces/perfetto_fields.hpp"
#include "traces/protobuf.hpp"

namespace orrery::perfetto {

/// What one packet sequence has said so far.
struct Sequence {
  std::map<std::uint64_t, std::string> names;
  std::map<std::uint64_t, std::string> categories;
  std::map<std::uint64_t, std::string> annotation_names;
  std::map<std::uint64_t, std::uint64_t> incremental;  // clock -> its unit, ns
  std::map<std::uint64_t, std::uint64_t> now;          // by incremental clock: units so far
  std::uint64_t default_clock = kClockBoottime;
  std::uint64_t default_track = 0;
};

/// Take what a packet says for those that follow on its sequence.
void read_interned(ProtobufReader data, Sequence& sequence);
void read_clocks(ProtobufReader snapshot, Sequence& sequence);
void read_defaults(ProtobufReader defaults, Sequence& sequence);

/// Of a packet, in nanoseconds. Throws TraceError beyond 104 days.
std::uint64_t time_of(const ProtobufReader& packet, Sequence& sequence, std::uint64_t clock,
                      std::uint64_t timestamp);

}  // namespace orrery::perfetto
