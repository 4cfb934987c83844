#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sim/base/units.hpp"

namespace orrery {

/// Texts with numbers, equal texts with the same.
class NameTable {
 public:
  std::uint32_t intern(std::string_view text);
  const std::string& text(std::uint32_t name) const { return texts_[name]; }
  std::size_t size() const { return texts_.size(); }

 private:
  std::vector<std::string> texts_;
  std::unordered_map<std::string, std::uint32_t> index_;  // only looked up
};

/// What occupied a device: arithmetic, moving data between devices, copies within a device or from
/// and to its host; `wait`: ready, but partners are not; `host`: not on the device.
enum class Work : std::uint8_t { compute, communication, copy, wait, host };
std::string_view to_string(Work work);

/// A trace that was read from a file: what happened when, on which track of which process. Plain
/// data that every reader makes and every analysis takes, whatever the format was.
struct RecordedTrace {
  static constexpr std::int64_t kNoBytes = -1;
  struct Track {
    std::int64_t process = 0;  // its number in the file: a rank, say
    std::string process_name{};
    std::string name{};  // of the thread or stream
  };
  struct Span {
    std::uint32_t track = 0;
    std::uint32_t name = 0;      // into names
    std::uint32_t category = 0;  // into names
    Work work = Work::compute;
    Time start{};  // since the first event of the trace
    Duration duration{};
    std::int64_t bytes = kNoBytes;
    std::uint32_t arguments = UINT32_MAX;  // into collectives
  };
  struct Sample {
    Time time{};
    double value = 0;
  };
  struct Counter {
    std::string name{};
    std::vector<Sample> samples{};  // in order of time; each holds until the next
  };
  /// What a profiler says of a collective.
  struct Collective {
    std::string name{};   // "allreduce"
    std::string group{};  // of ranks: its name
    std::vector<std::int32_t> ranks{};
    std::int64_t group_size = 0;
    std::int64_t in_elements = 0;
    std::int64_t out_elements = 0;
    std::string type{};  // "BFloat16"
  };

  std::string format;      // "Perfetto"
  bool has_times = true;   // whether spans say when they were; else their durations alone count
  std::int64_t rank = -1;  // whose trace it is, where the file says so
  std::int64_t world_size = 0;  // 0: not said
  NameTable names;
  std::vector<Track> tracks;
  std::vector<Span> spans;
  std::vector<Counter> counters;
  std::vector<Collective> collectives;
  std::vector<std::string> warnings;
  std::uint64_t left_out = 0;  // events of which the time cannot be read

  Time end() const;
};

/// Traces of several ranks as one, of which each rank is a process: its number is the rank that the
/// file says, else the place in `traces`. Times of each are since its own first event, as clocks of
/// hosts differ.
RecordedTrace joined(std::vector<RecordedTrace> traces);

/// A kernel by its name: those of NCCL and RCCL communicate.
bool is_communication_kernel(std::string_view name);
/// Of a span that has no more: "wait" is a wait, a category that is the name of a kind of work (as
/// in replays of profiles) is that, and what has an amount of bytes moves them.
Work work_of(std::string_view name, std::string_view category, std::int64_t bytes);

}  // namespace orrery
