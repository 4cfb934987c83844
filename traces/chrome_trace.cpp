#include "traces/chrome_trace.hpp"

#include <array>
#include <cstdio>
#include <set>
#include <string_view>
#include <utility>

#include "sim/base/json_value.hpp"
#include "traces/atomic_file.hpp"
#include "traces/trigger_flows.hpp"

namespace orrery {
namespace {

constexpr std::int64_t kPicosecondsPerMicrosecond = 1'000'000;

std::string microseconds(std::int64_t picoseconds) {
  std::array<char, 40> text{};
  const int length =
      std::snprintf(text.data(), text.size(), "%lld.%06lld",
                    static_cast<long long>(picoseconds / kPicosecondsPerMicrosecond),
                    static_cast<long long>(picoseconds % kPicosecondsPerMicrosecond));
  return {text.data(), static_cast<std::size_t>(length)};
}

std::string in_quotes(const std::string& text) {
  return to_text(json_string(text), false);
}

class Writer {
 public:
  Writer(const std::string& path, const RunTrace& run)
      : file_(path), run_(&run), graph_(&run.graph), flows_(run.graph) {
    for (std::size_t label = 0; label < graph_->label_count(); ++label) {
      labels_.push_back(in_quotes(graph_->text(LabelId(label))));
    }
    file_.write("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[");
  }

  void name_process(Rank rank) {
    metadata("process_name", rank, 0, "\"name\":\"" + run_->process_name(rank) + "\"");
    metadata("process_sort_index", rank, 0, "\"sort_index\":" + process(rank));
  }

  /// The process of what no rank has for itself.
  void name_machine() {
    next();
    file_.write(
        "{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":-1,\"tid\":0,"
        "\"args\":{\"name\":\"devices and links\"}}");
  }

  void name_thread(Rank rank, StreamId stream) {
    const std::size_t thread = stream.index();
    metadata("thread_name", rank, thread, "\"name\":" + in_quotes(graph_->stream_name(stream)));
    metadata("thread_sort_index", rank, thread, "\"sort_index\":" + std::to_string(thread));
  }

  void add(const Span& span) {
    const Op& op = graph_->op(span.instance.op);
    const std::string category = op.category.valid() ? labels_[op.category.index()] : "\"\"";
    if (span.start > span.ready) {
      complete("\"wait\"", "\"wait\"", span, span.ready, span.start, ",\"cname\":\"grey\"");
    }
    complete(
        op.label.valid() ? labels_[op.label.index()] : in_quotes(std::string(to_string(op.kind))),
        category, span, span.start, span.end, arguments(op));
    add_flows(span);
  }

  /// From the end of what starts a one-sided transfer to its start.
  void add_flows(const Span& span) {
    const OpId id = span.instance.op;
    if (const OpId to = flows_.from(id); to.valid()) flow("s", span, to, span.end);
    if (flows_.ends_at(id)) flow("f\",\"bp\":\"e", span, id, span.start);
  }

  void add(const MemoryLog::Sample& sample) {
    next();
    file_.write("{\"ph\":\"C\",\"name\":\"memory\",\"pid\":" + process(sample.rank) +
                ",\"ts\":" + microseconds(sample.time.picoseconds()) +
                ",\"args\":{\"in use (bytes)\":" + std::to_string(sample.bytes) + "}}");
  }

  void add(const TrackerSample& sample) {
    next();
    file_.write("{\"ph\":\"C\",\"name\":\"tracker\",\"pid\":" + process(sample.rank) +
                ",\"ts\":" + microseconds(sample.time.picoseconds()) +
                ",\"args\":{\"entries in use\":" + std::to_string(sample.entries) + "}}");
  }

  void add(const UtilisationTrack& track) {
    const std::string name = in_quotes("utilisation (%): " + track.name);
    for (const UtilisationTrack::Sample& sample : track.samples) {
      if (!run_->selection.shows(sample.from)) {
        continue;
      }
      std::array<char, 16> share{};
      std::snprintf(share.data(), share.size(), "%.2f", 100.0 * static_cast<double>(sample.share));
      next();
      file_.write("{\"ph\":\"C\",\"name\":" + name +
                  ",\"pid\":-1,\"ts\":" + microseconds(sample.from.picoseconds()) +
                  ",\"args\":{\"%\":" + share.data() + "}}");
    }
  }

  void finish() {
    file_.write("\n]}\n");
    file_.commit();
  }

 private:
  std::string process(Rank rank) const { return std::to_string(run_->class_of(rank).first); }

  void next() {
    file_.write(first_ ? "\n" : ",\n");
    first_ = false;
  }

  void metadata(std::string_view what, Rank rank, std::size_t thread, const std::string& argument) {
    next();
    file_.write("{\"ph\":\"M\",\"name\":\"" + std::string(what) + "\",\"pid\":" + process(rank) +
                ",\"tid\":" + std::to_string(thread) + ",\"args\":{" + argument + "}}");
  }

  void complete(const std::string& name, const std::string& category, const Span& span, Time start,
                Time end, const std::string& more) {
    next();
    file_.write("{\"ph\":\"X\",\"name\":" + name + ",\"cat\":" + category + ",\"pid\":" +
                process(span.rank) + ",\"tid\":" + std::to_string(span.stream.index()) +
                ",\"ts\":" + microseconds(start.picoseconds()) +
                ",\"dur\":" + microseconds((end - start).count()) + more + "}");
  }

  void flow(const std::string& phase, const Span& span, OpId transfer, Time time) {
    next();
    const std::uint64_t id =
        TriggerFlows::name(transfer, static_cast<std::uint64_t>(run_->class_of(span.rank).first));
    file_.write("{\"ph\":\"" + phase + "\",\"name\":\"trigger\",\"cat\":\"trigger\",\"id\":\"" +
                std::to_string(id) + "\",\"pid\":" + process(span.rank) +
                ",\"tid\":" + std::to_string(span.stream.index()) +
                ",\"ts\":" + microseconds(time.picoseconds()) + "}");
  }

  static std::string arguments(const Op& op) {
    if (op.kind != OpKind::transfer && op.kind != OpKind::collective) {
      return "";
    }
    return ",\"args\":{\"bytes\":" + std::to_string(op.bytes.count()) + "}";
  }

  AtomicFile file_;
  const RunTrace* run_;
  const TaskGraph* graph_;
  TriggerFlows flows_;
  std::vector<std::string> labels_;
  bool first_ = true;
};

}  // namespace

void write_chrome_trace(const std::string& path, const RunTrace& run) {
  std::set<std::pair<Rank, StreamId>> threads;
  for (const Span& span : run.spans) {
    if (span.stream.valid() && run.selection.shows(span)) {
      threads.emplace(span.rank, span.stream);
    }
  }
  Writer writer(path, run);
  Rank named = -1;
  for (const auto& [rank, stream] : threads) {
    if (rank != named) {
      writer.name_process(rank);
      named = rank;
    }
    writer.name_thread(rank, stream);
  }
  for (const Span& span : run.spans) {
    if (span.stream.valid() && run.selection.shows(span)) {
      writer.add(span);
    }
  }
  for (const MemoryLog::Sample& sample : run.memory) {
    if (run.selection.shows(sample.rank) && run.selection.shows(sample.time)) {
      writer.add(sample);
    }
  }
  for (const TrackerSample& sample : run.tracker) {
    if (run.selection.shows(sample.rank) && run.selection.shows(sample.time)) writer.add(sample);
  }
  if (!run.utilisation.empty()) writer.name_machine();
  for (const UtilisationTrack& track : run.utilisation) {
    writer.add(track);
  }
  writer.finish();
}

}  // namespace orrery
