#include <algorithm>
#include <map>
#include <utility>

#include "traces/perfetto.hpp"
#include "traces/trace_error.hpp"

namespace orrery {
namespace {

using Track = PerfettoWriter::Track;

/// Spans of one track by start, the outer ones first.
bool is_before(const RecordedTrace::Span& a, const RecordedTrace::Span& b) {
  if (a.start != b.start) return a.start < b.start;
  return a.duration > b.duration;
}

/// Slices of a track must nest; what does not goes to a track beside it.
class Lanes {
 public:
  Lanes(PerfettoWriter& writer, Track process, std::string name)
      : writer_(&writer), process_(process), name_(std::move(name)) {}

  void add(const RecordedTrace::Span& span, const PerfettoWriter::Slice& slice) {
    const Time end = span.start + span.duration;
    for (Lane& lane : lanes_) {
      close(lane, span.start);
      if (!lane.open.empty() && lane.open.back() < end) continue;
      open(lane, span.start, end, slice);
      return;
    }
    const std::string more =
        lanes_.empty() ? std::string() : " (" + std::to_string(lanes_.size() + 1) + ")";
    lanes_.push_back({writer_->thread(process_, name_ + more), {}});
    open(lanes_.back(), span.start, end, slice);
  }
  void finish() {
    for (Lane& lane : lanes_) close(lane, Time::max());
  }

 private:
  struct Lane {
    Track track;
    std::vector<Time> open;  // ends, the outermost first
  };
  void open(Lane& lane, Time start, Time end, const PerfettoWriter::Slice& slice) {
    writer_->begin(lane.track, start, slice);
    lane.open.push_back(end);
  }
  void close(Lane& lane, Time now) {
    for (; !lane.open.empty() && lane.open.back() <= now; lane.open.pop_back()) {
      writer_->end(lane.track, lane.open.back());
    }
  }

  PerfettoWriter* writer_;
  Track process_;
  std::string name_;
  std::vector<Lane> lanes_;
};

}  // namespace

void write_perfetto_trace(const std::string& path, const RecordedTrace& trace) {
  if (!trace.has_times) {
    throw TraceError("a " + trace.format +
                     " that does not say when its ops began has no timeline: run it (workloads "
                     "chakra_replay, goal_replay) with --trace=perfetto, which gives one");
  }
  PerfettoWriter writer(path);
  std::vector<std::uint32_t> names;
  for (std::size_t name = 0; name < trace.names.size(); ++name) {
    names.push_back(writer.name(trace.names.text(static_cast<std::uint32_t>(name))));
  }
  std::map<std::int64_t, Track> processes;
  std::vector<Lanes> lanes;
  for (const RecordedTrace::Track& track : trace.tracks) {
    if (!processes.contains(track.process)) {
      processes[track.process] =
          writer.process(static_cast<std::int32_t>(processes.size() + 1), track.process_name);
    }
    lanes.emplace_back(writer, processes[track.process], track.name);
  }
  std::vector<RecordedTrace::Span> spans = trace.spans;
  std::stable_sort(spans.begin(), spans.end(), is_before);
  for (const RecordedTrace::Span& span : spans) {
    PerfettoWriter::Slice slice{.name = names[span.name], .category = names[span.category]};
    if (span.bytes != RecordedTrace::kNoBytes) slice.bytes = Bytes(span.bytes);
    lanes[span.track].add(span, slice);
  }
  for (Lanes& each : lanes) each.finish();
  for (const RecordedTrace::Counter& counter : trace.counters) {
    const Track track = writer.counter(std::nullopt, counter.name, PerfettoWriter::Unit::none);
    for (const RecordedTrace::Sample& sample : counter.samples) {
      writer.count(track, sample.time, sample.value);
    }
  }
  writer.commit();
}

}  // namespace orrery
