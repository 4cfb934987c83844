#include "traces/chrome_trace.hpp"

#include <array>
#include <cstdio>
#include <set>
#include <string_view>
#include <utility>

#include "sim/base/json_value.hpp"
#include "traces/atomic_file.hpp"

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
  Writer(const std::string& path, const TaskGraph& graph, std::span<const RankClass> classes)
      : file_(path), graph_(&graph), classes_(classes) {
    for (std::size_t label = 0; label < graph.label_count(); ++label) {
      labels_.push_back(in_quotes(graph.text(LabelId(label))));
    }
    file_.write("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[");
  }

  void name_process(Rank rank) {
    const RankClass of = class_of(rank);
    const std::string more =
        of.count > 1 ? " and " + std::to_string(of.count - 1) + " alike" : std::string();
    metadata("process_name", rank, 0, "\"name\":\"rank " + std::to_string(of.first) + more + "\"");
    metadata("process_sort_index", rank, 0, "\"sort_index\":" + std::to_string(of.first));
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
  }

  void add(const MemoryLog::Sample& sample) {
    next();
    file_.write("{\"ph\":\"C\",\"name\":\"memory\",\"pid\":" + process(sample.rank) +
                ",\"ts\":" + microseconds(sample.time.picoseconds()) +
                ",\"args\":{\"in use (bytes)\":" + std::to_string(sample.bytes) + "}}");
  }

  void add(const TrackerSample& sample) {
    next();
    file_.write("{\"ph\":\"C\",\"name\":\"tracker\",\"pid\":" + std::to_string(sample.rank) +
                ",\"ts\":" + microseconds(sample.time.picoseconds()) +
                ",\"args\":{\"entries in use\":" + std::to_string(sample.entries) + "}}");
  }

  void finish() {
    file_.write("\n]}\n");
    file_.commit();
  }

 private:
  RankClass class_of(Rank rank) const {
    return classes_.empty() ? RankClass{rank, 1} : classes_[static_cast<std::size_t>(rank)];
  }
  std::string process(Rank rank) const { return std::to_string(class_of(rank).first); }

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

  static std::string arguments(const Op& op) {
    if (op.kind != OpKind::transfer && op.kind != OpKind::collective) {
      return "";
    }
    return ",\"args\":{\"bytes\":" + std::to_string(op.bytes.count()) + "}";
  }

  AtomicFile file_;
  const TaskGraph* graph_;
  std::span<const RankClass> classes_;
  std::vector<std::string> labels_;
  bool first_ = true;
};

}  // namespace

void MemoryLog::on_memory(Time time, Rank rank, LabelId /*category*/, std::int64_t delta) {
  Last& last = last_[static_cast<std::size_t>(rank)];
  last.bytes += delta;
  if (last.sample == SIZE_MAX || samples_[last.sample].time != time) {
    last.sample = samples_.size();
    samples_.push_back({time, rank, 0});
  }
  samples_[last.sample].bytes = last.bytes;
}

void write_chrome_trace(const std::string& path, const TaskGraph& graph,
                        std::span<const Span> spans, std::span<const MemoryLog::Sample> memory,
                        std::span<const RankClass> classes,
                        std::span<const TrackerSample> tracker) {
  std::set<std::pair<Rank, StreamId>> threads;
  for (const Span& span : spans) {
    if (span.stream.valid()) {
      threads.emplace(span.rank, span.stream);
    }
  }
  Writer writer(path, graph, classes);
  Rank named = -1;
  for (const auto& [rank, stream] : threads) {
    if (rank != named) {
      writer.name_process(rank);
      named = rank;
    }
    writer.name_thread(rank, stream);
  }
  for (const Span& span : spans) {
    if (span.stream.valid()) {
      writer.add(span);
    }
  }
  for (const MemoryLog::Sample& sample : memory) {
    writer.add(sample);
  }
  for (const TrackerSample& sample : tracker) {
    writer.add(sample);
  }
  writer.finish();
}

}  // namespace orrery
