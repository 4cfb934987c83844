#include <algorithm>
#include <map>
#include <utility>

#include "traces/perfetto.hpp"

namespace orrery {
namespace {

using Track = PerfettoWriter::Track;

class RunWriter {
 public:
  RunWriter(const std::string& path, const RunTrace& run)
      : writer_(path), run_(&run), graph_(&run.graph) {
    const std::size_t streams = graph_->stream_count();
    tracks_.assign(static_cast<std::size_t>(graph_->world_size()) * streams, kNone);
    processes_.assign(static_cast<std::size_t>(graph_->world_size()), kNone);
    wait_ = writer_.name("wait");
    for (std::size_t label = 0; label < graph_->label_count(); ++label) {
      labels_.push_back(writer_.name(graph_->text(LabelId(label))));
    }
    for (std::size_t kind = 0; kind < kKinds; ++kind) {
      kinds_[kind] = writer_.name(to_string(static_cast<OpKind>(kind)));
    }
    add_tracks();
    find_triggers();
  }

  void write() {
    for (const Span& span : run_->spans) {
      if (span.stream.valid() && run_->selection.shows(span)) add(span);
    }
    add_memory();
    add_utilisation();
    writer_.commit();
  }

 private:
  static constexpr Track kNone = UINT32_MAX;
  static constexpr std::size_t kKinds = 4;

  Track& track_of(const Span& span) {
    return tracks_[static_cast<std::size_t>(span.rank) * graph_->stream_count() +
                   span.stream.index()];
  }

  /// In order of rank and stream, for who looks at them.
  void add_tracks() {
    for (const Span& span : run_->spans) {
      if (span.stream.valid() && run_->selection.shows(span)) track_of(span) = 0;
    }
    for (Rank rank = 0; rank < graph_->world_size(); ++rank) {
      for (std::size_t stream = 0; stream < graph_->stream_count(); ++stream) {
        Track& track = tracks_[static_cast<std::size_t>(rank) * graph_->stream_count() + stream];
        if (track != kNone) {
          track = writer_.thread(process_of(rank), graph_->stream_name(StreamId(stream)));
        }
      }
    }
  }

  Track process_of(Rank rank) {
    Track& process = processes_[static_cast<std::size_t>(rank)];
    if (process == kNone) {  // process 0 is Linux's idle one to viewers
      process = writer_.process(run_->class_of(rank).first + 1, run_->process_name(rank));
    }
    return process;
  }

  /// One-sided transfers, and the last of what each waits for on another stream.
  void find_triggers() {
    for (const Dependency& dependency : graph_->dependencies()) {
      const Op& op = graph_->op(dependency.op);
      if (op.kind != OpKind::transfer || op.peer_stream.valid() ||
          dependency.side == Side::destination) {
        continue;
      }
      const Op& on = graph_->op(dependency.on);
      if (on.kind == OpKind::transfer || on.stream == op.stream) continue;
      if (triggers_.empty()) {
        triggers_.resize(graph_->ops().size());
        triggered_.resize(graph_->ops().size());
      }
      triggers_[dependency.op.index()] = true;
      triggered_[dependency.on.index()] = dependency.op;
    }
  }

  /// Numbers flows by the transfer that they lead to, or of.
  static std::uint64_t flow_of(OpId op, std::uint64_t which) {
    return ((std::uint64_t{op.index()} + 1) << 32U) | which;
  }

  void add(const Span& span) {
    const OpId id = span.instance.op;
    const Op& op = graph_->op(id);
    const Track track = track_of(span);
    if (span.start > span.ready) {
      writer_.begin(track, span.ready, {.name = wait_});
      writer_.end(track, span.start);
    }
    PerfettoWriter::Slice slice{.name = op.label.valid()
                                            ? labels_[op.label.index()]
                                            : kinds_[static_cast<std::size_t>(op.kind)]};
    if (op.category.valid()) slice.category = labels_[op.category.index()];
    if (op.kind == OpKind::transfer || op.kind == OpKind::collective) slice.bytes = op.bytes;
    const auto rank = static_cast<std::uint64_t>(span.rank);
    if (op.kind == OpKind::transfer && op.peer_stream.valid()) {
      const std::uint64_t flow = flow_of(id, span.instance.instance);
      (span.position == 0 ? slice.flow : slice.terminating_flow) = flow;
    } else if (!triggers_.empty() && triggers_[id.index()]) {
      slice.terminating_flow = flow_of(id, rank);
    }
    if (!triggered_.empty() && triggered_[id.index()].valid()) {
      slice.flow = flow_of(triggered_[id.index()], rank);
    }
    writer_.begin(track, span.start, slice);
    writer_.end(track, span.end);
  }

  void add_memory() {
    std::vector<Track> counters(processes_.size(), kNone);
    for (const MemoryLog::Sample& sample : run_->memory) {
      if (!run_->selection.shows(sample.rank) || !run_->selection.shows(sample.time)) continue;
      Track& counter = counters[static_cast<std::size_t>(sample.rank)];
      if (counter == kNone) {
        counter = writer_.counter(process_of(sample.rank), "memory", PerfettoWriter::Unit::bytes);
      }
      writer_.count(counter, sample.time, sample.bytes);
    }
  }

  void add_utilisation() {
    for (const UtilisationTrack& track : run_->utilisation) {
      if (track.samples.empty()) continue;
      const Track counter = writer_.counter(std::nullopt, "utilisation (%): " + track.name,
                                            PerfettoWriter::Unit::none);
      for (const UtilisationTrack::Sample& sample : track.samples) {
        if (run_->selection.shows(sample.from)) {
          writer_.count(counter, sample.from, 100.0 * static_cast<double>(sample.share));
        }
      }
    }
  }

  PerfettoWriter writer_;
  const RunTrace* run_;
  const TaskGraph* graph_;
  std::vector<Track> tracks_;     // by rank and stream
  std::vector<Track> processes_;  // by rank
  std::vector<std::uint32_t> labels_;
  std::array<std::uint32_t, kKinds> kinds_{};
  std::uint32_t wait_ = 0;
  std::vector<bool> triggers_;   // by op: whether a flow ends there; empty: none does
  std::vector<OpId> triggered_;  // by op: the transfer that it triggers
};

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

void write_perfetto_trace(const std::string& path, const RunTrace& run) {
  RunWriter(path, run).write();
}

void write_perfetto_trace(const std::string& path, const RecordedTrace& trace) {
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
