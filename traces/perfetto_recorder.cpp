#include "traces/perfetto_recorder.hpp"

#include <cmath>
#include <optional>
#include <set>
#include <utility>

namespace orrery {
namespace {

// Of a utilisation, in percent of the capacity: what differs by less from the sample before is not
// written, as nobody would see it and it takes 26 bytes.
constexpr double kVisible = 0.1;

}  // namespace

PerfettoRecorder::PerfettoRecorder(const std::string& path, const RunTrace& run)
    : run_{.graph = run.graph, .spans = {}, .classes = run.classes, .selection = run.selection},
      writer_(path),
      flows_(run.graph),
      processes_(static_cast<std::size_t>(run.graph.world_size()), kNone),
      memory_(static_cast<std::size_t>(run.graph.world_size())) {
  wait_ = writer_.name("wait");
  for (std::size_t label = 0; label < run_.graph.label_count(); ++label) {
    labels_.push_back(writer_.name(run_.graph.text(LabelId(label))));
  }
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    kinds_[kind] = writer_.name(to_string(static_cast<OpKind>(kind)));
  }
  add_tracks();
}

/// In order of rank and stream, for who looks at them.
void PerfettoRecorder::add_tracks() {
  const TaskGraph& graph = run_.graph;
  const std::size_t streams = graph.stream_count();
  tracks_.assign(static_cast<std::size_t>(graph.world_size()) * streams, kNone);
  std::set<std::pair<std::size_t, std::size_t>> seen;  // sets of ranks, and streams
  const auto mark = [&](RankSetId ranks, StreamId stream) {
    if (!stream.valid() || !seen.emplace(ranks.index(), stream.index()).second) return;
    for (const Rank rank : graph.ranks(ranks)) {
      if (!run_.selection.shows(rank)) continue;
      tracks_[static_cast<std::size_t>(rank) * streams + stream.index()] = 0;
    }
  };
  for (const Op& op : graph.ops()) {
    mark(op.ranks, op.stream);
    if (op.kind == OpKind::transfer) mark(op.peers, op.peer_stream);
  }
  for (Rank rank = 0; rank < graph.world_size(); ++rank) {
    for (std::size_t stream = 0; stream < streams; ++stream) {
      Track& track = tracks_[static_cast<std::size_t>(rank) * streams + stream];
      if (track != kNone) {
        track = writer_.thread(process_of(rank), graph.stream_name(StreamId(stream)));
      }
    }
  }
}

PerfettoRecorder::Track PerfettoRecorder::process_of(Rank rank) {
  Track& process = processes_[static_cast<std::size_t>(rank)];
  if (process == kNone) {  // process 0 is Linux's idle one to viewers
    process = writer_.process(run_.class_of(rank).first + 1, run_.process_name(rank));
  }
  return process;
}

PerfettoWriter::Slice PerfettoRecorder::slice_of(const Span& span) const {
  const OpId id = span.instance.op;
  const Op& op = run_.graph.op(id);
  PerfettoWriter::Slice slice{.name = op.label.valid() ? labels_[op.label.index()]
                                                       : kinds_[static_cast<std::size_t>(op.kind)]};
  if (op.category.valid()) slice.category = labels_[op.category.index()];
  if (op.kind == OpKind::transfer || op.kind == OpKind::collective) slice.bytes = op.bytes;
  const auto rank = static_cast<std::uint64_t>(span.rank);
  if (op.kind == OpKind::transfer && op.peer_stream.valid()) {
    const std::uint64_t flow = TriggerFlows::name(id, span.instance.instance);
    (span.position == 0 ? slice.flow : slice.terminating_flow) = flow;
  } else if (flows_.ends_at(id)) {
    slice.terminating_flow = TriggerFlows::name(id, rank);
  }
  if (const OpId to = flows_.from(id); to.valid()) slice.flow = TriggerFlows::name(to, rank);
  return slice;
}

void PerfettoRecorder::on_span(const Span& span) {
  if (!span.stream.valid() || !run_.selection.shows(span)) return;
  const Track track = tracks_[static_cast<std::size_t>(span.rank) * run_.graph.stream_count() +
                              span.stream.index()];
  if (span.start > span.ready) {
    writer_.begin(track, span.ready, {.name = wait_});
    writer_.end(track, span.start);
  }
  writer_.begin(track, span.start, slice_of(span));
  writer_.end(track, span.end);
}

void PerfettoRecorder::on_memory(Time time, Rank rank, LabelId /*category*/, std::int64_t delta) {
  set_memory(time, rank, memory_[static_cast<std::size_t>(rank)].bytes + delta);
}

void PerfettoRecorder::set_memory(Time time, Rank rank, std::int64_t bytes) {
  Memory& memory = memory_[static_cast<std::size_t>(rank)];
  if (memory.since != time) write_memory(rank, memory);
  memory.bytes = bytes;
  memory.since = time;
  memory.is_written = false;
}

void PerfettoRecorder::write_memory(Rank rank, Memory& memory) {
  if (std::exchange(memory.is_written, true)) return;
  if (!run_.selection.shows(rank) || !run_.selection.shows(memory.since)) return;
  if (memory.counter != kNone && memory.shown == memory.bytes) return;
  memory.shown = memory.bytes;
  if (memory.counter == kNone) {
    memory.counter = writer_.counter(process_of(rank), "memory", PerfettoWriter::Unit::bytes);
  }
  writer_.count(memory.counter, memory.since, memory.bytes);
}

void PerfettoRecorder::add_tracker(std::span<const TrackerSample> tracker) {
  std::vector<Track> counters(processes_.size(), kNone);
  for (const TrackerSample& sample : tracker) {
    if (!run_.selection.shows(sample.rank) || !run_.selection.shows(sample.time)) continue;
    Track& counter = counters[static_cast<std::size_t>(sample.rank)];
    if (counter == kNone) {
      counter = writer_.counter(process_of(sample.rank), "tracker entries in use",
                                PerfettoWriter::Unit::none);
    }
    writer_.count(counter, sample.time, sample.entries);
  }
}

void PerfettoRecorder::finish(std::span<const UtilisationTrack> utilisation,
                              std::span<const TrackerSample> tracker) {
  for (Rank rank = 0; rank < run_.graph.world_size(); ++rank) {
    write_memory(rank, memory_[static_cast<std::size_t>(rank)]);
  }
  add_tracker(tracker);
  for (const UtilisationTrack& track : utilisation) {
    if (track.samples.empty()) continue;
    const Track counter =
        writer_.counter(std::nullopt, "utilisation (%): " + track.name, PerfettoWriter::Unit::none);
    std::optional<double> shown;
    for (const UtilisationTrack::Sample& sample : track.samples) {
      if (!run_.selection.shows(sample.from)) continue;
      const double percent = 100.0 * static_cast<double>(sample.share);
      const bool is_idle = percent == 0 && shown != 0.0;  // seen even where it was nearly so
      if (shown && std::abs(percent - *shown) < kVisible && !is_idle) continue;
      writer_.count(counter, sample.from, percent);
      shown = percent;
    }
  }
  writer_.commit();
}

void write_perfetto_trace(const std::string& path, const RunTrace& run) {
  PerfettoRecorder recorder(path, run);
  for (const Span& span : run.spans) recorder.on_span(span);
  for (const MemoryLog::Sample& sample : run.memory) {
    recorder.set_memory(sample.time, sample.rank, sample.bytes);
  }
  recorder.finish(run.utilisation, run.tracker);
}

}  // namespace orrery
