#include "traces/csv_trace.hpp"

#include <charconv>
#include <map>
#include <utility>

#include "traces/atomic_file.hpp"
#include "traces/trace_error.hpp"

namespace orrery {
namespace {

enum Column { rank, stands_for, stream, op, kind, category, ready, start, duration, bytes, count };

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string result = "\"";
  for (const char character : text) {
    result += character;
    if (character == '"') result += '"';
  }
  return result + '"';
}

/// Takes one record, whose quoted fields may hold line breaks. Source: RFC 4180, section 2.
std::vector<std::string> take_record(std::string_view& text, std::size_t& line) {
  std::vector<std::string> fields(1);
  bool in_quotes = false;
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    const char character = text[at];
    if (character == '\n') ++line;
    if (in_quotes) {
      if (character != '"') {
        fields.back() += character;
      } else if (at + 1 < text.size() && text[at + 1] == '"') {
        fields.back() += text[++at];
      } else {
        in_quotes = false;
      }
    } else if (character == '"') {
      in_quotes = true;
    } else if (character == ',') {
      fields.emplace_back();
    } else if (character == '\n') {
      break;
    } else if (character != '\r') {
      fields.back() += character;
    }
  }
  text.remove_prefix(std::min(text.size(), at + 1));
  return fields;
}

std::int64_t integer(const std::string& field, const std::string& place) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (error != std::errc() || end != field.data() + field.size() || value < 0) {
    throw TraceError(place + "expected a number, got \"" + field + "\"");
  }
  return value;
}

}  // namespace

void write_csv_trace(const std::string& path, const RunTrace& run) {
  AtomicFile file(path);
  file.write(std::string(kCsvHeader) + "\n");
  for (const Span& span : run.spans) {
    if (!span.stream.valid() || !run.selection.shows(span)) continue;
    const Op& op = run.graph.op(span.instance.op);
    const auto text = [&run](LabelId label) {
      return label.valid() ? quoted(run.graph.text(label)) : std::string();
    };
    const RankClass of = run.class_of(span.rank);
    const bool moves = op.kind == OpKind::transfer || op.kind == OpKind::collective;
    file.write(std::to_string(of.first) + "," + std::to_string(of.count) + "," +
               quoted(run.graph.stream_name(span.stream)) + "," + text(op.label) + "," +
               std::string(to_string(op.kind)) + "," + text(op.category) + "," +
               std::to_string(span.ready.picoseconds()) + "," +
               std::to_string(span.start.picoseconds()) + "," +
               std::to_string((span.end - span.start).count()) + "," +
               (moves ? std::to_string(op.bytes.count()) : "") + "\n");
  }
  file.commit();
}

RecordedTrace read_csv_trace(const std::string& text, const std::string& file) {
  RecordedTrace trace;
  trace.format = "CSV of spans";
  std::map<std::pair<std::int64_t, std::string>, std::uint32_t> tracks;
  std::string_view left = text;
  std::size_t line = 1;
  take_record(left, line);  // the header, by which the file was recognised
  while (!left.empty()) {
    const std::string place = file + ": line " + std::to_string(line) + ": ";
    const std::vector<std::string> fields = take_record(left, line);
    if (fields.size() != Column::count) {
      throw TraceError(place + "expected " + std::to_string(Column::count) + " fields, got " +
                       std::to_string(fields.size()));
    }
    const std::int64_t number = integer(fields[rank], place);
    const auto [track, is_new] =
        tracks.try_emplace({number, fields[stream]}, static_cast<std::uint32_t>(tracks.size()));
    if (is_new) {
      const std::int64_t alike = integer(fields[stands_for], place);
      trace.tracks.push_back(
          {number,
           "rank " + fields[rank] +
               (alike > 1 ? " and " + std::to_string(alike - 1) + " alike" : std::string()),
           fields[stream]});
    }
    RecordedTrace::Span span{.track = track->second,
                             .name = trace.names.intern(fields[op]),
                             .category = trace.names.intern(fields[category]),
                             .start = Time(Duration(integer(fields[start], place))),
                             .duration = Duration(integer(fields[duration], place))};
    if (!fields[bytes].empty()) span.bytes = integer(fields[bytes], place);
    span.work = work_of(fields[op], fields[category], span.bytes);
    const Time was_ready = Time(Duration(integer(fields[ready], place)));
    if (was_ready < span.start) {
      RecordedTrace::Span wait = span;
      wait.name = wait.category = trace.names.intern("wait");
      wait.work = Work::wait;
      wait.start = was_ready;
      wait.duration = span.start - was_ready;
      wait.bytes = RecordedTrace::kNoBytes;
      trace.spans.push_back(wait);
    }
    trace.spans.push_back(span);
  }
  return trace;
}

}  // namespace orrery
