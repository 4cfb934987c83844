#pragma once

#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "traces/recorded_trace.hpp"

namespace orrery {

/// Picoseconds: of times since 1970 there are more than 64 bits hold.
__extension__ using WidePicoseconds = __int128;

/// "12.0345" microseconds as picoseconds, digits beyond them dropped; nothing when it has an
/// exponent.
std::optional<WidePicoseconds> picoseconds_of(std::string_view literal);

/// One event of a Chrome JSON trace.
struct TraceEvent {
  char phase = 0;
  std::string name;
  std::string category;
  std::string process;
  std::string thread;
  std::optional<WidePicoseconds> time;
  std::optional<WidePicoseconds> duration;
  std::map<std::string, std::string> texts;  // of args
  std::map<std::string, double> numbers;     // of args, and those among the texts

  std::int64_t integer(const char* key) const {
    const auto found = numbers.find(key);
    if (found == numbers.end() || !(std::abs(found->second) < 9e15)) return 0;
    return static_cast<std::int64_t>(found->second);
  }
  const std::string& text(const char* key) const {
    static const std::string none;
    const auto found = texts.find(key);
    return found == texts.end() ? none : found->second;
  }
};

/// Makes a trace of events, one at a time.
class TraceEventCollector {
 public:
  explicit TraceEventCollector(const std::string& file) : file_(&file) {
    trace_.format = "Chrome JSON";
  }

  void is_kineto() { trace_.format = kKinetoFormat; }
  void rank(std::int64_t value) { trace_.rank = value; }
  void world_size(std::int64_t value) { trace_.world_size = value; }

  void add(const TraceEvent& event);
  std::uint64_t events() const { return events_; }
  /// All that was added, when the format is known, by which spans are told apart; times begin with
  /// the first event. At most once.
  RecordedTrace take();

 private:
  static constexpr const char* kKinetoFormat = "PyTorch profiler";

  using Place = std::pair<std::string, std::string>;  // process and thread

  Time at(WidePicoseconds picoseconds);

  std::uint32_t track_of(const TraceEvent& event);

  void add_span(const TraceEvent& event, WidePicoseconds start, WidePicoseconds duration);

  void close(const TraceEvent& event);

  void add_samples(const TraceEvent& event);

  void add_metadata(const TraceEvent& event);
  void classify(RecordedTrace::Span& span) const;

  const std::string* file_;
  RecordedTrace trace_;
  std::uint64_t events_ = 0;  // that have a phase
  std::optional<WidePicoseconds> base_;
  std::map<Place, std::uint32_t> places_;
  std::map<std::string, std::int64_t> processes_;
  std::map<std::string, std::uint32_t> counters_;
  std::map<std::string, std::string> process_names_;
  std::map<Place, std::string> thread_names_;
  std::map<Place, std::vector<TraceEvent>> open_;
};

}  // namespace orrery
