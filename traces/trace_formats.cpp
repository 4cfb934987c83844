#include "traces/trace_formats.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "traces/chakra.hpp"
#include "traces/csv_trace.hpp"
#include "traces/goal.hpp"
#include "traces/perfetto.hpp"
#include "traces/perfetto_fields.hpp"
#include "traces/protobuf.hpp"
#include "traces/trace_error.hpp"
#include "traces/trace_events.hpp"
#include "traces/trace_file.hpp"

namespace orrery {
namespace {

/// Nothing but packets, as far as a look at the first of them tells.
bool is_perfetto(const std::string& bytes, const std::string& file) {
  constexpr int kLooks = 1000;
  try {
    ProtobufReader records(bytes, file);
    for (int look = 0; look < kLooks && !records.empty(); ++look) {
      const bool is_packet =
          records.take_varint() == wire_tag(perfetto::kTracePacket, WireType::bytes);
      if (!is_packet) return false;
      ProtobufReader packet = records.take_message(records.take_varint());
      while (packet.next()) {
      }
    }
  } catch (const TraceError&) {
    // Cut off behind some packets it is still such a trace; its reader says where.
    return bytes.size() > 2 && static_cast<unsigned char>(bytes[2]) >= 0x20;
  }
  return true;
}

}  // namespace

TraceFormat detect_format(const std::string& bytes, const std::string& file) {
  const std::size_t first = bytes.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) throw TraceError(file + ": the file is empty");
  const std::string_view text = std::string_view(bytes).substr(first);
  if (text.front() == '{' || text.front() == '[' || text.starts_with("\xEF\xBB\xBF")) {
    return TraceFormat::chrome_json;
  }
  if (text.starts_with(kCsvHeader)) return TraceFormat::csv;
  if (text.starts_with("num_ranks") || text.starts_with("//") || text.starts_with("#")) {
    return TraceFormat::goal;
  }
  if (bytes.front() == '\x0a' && is_perfetto(bytes, file)) return TraceFormat::perfetto;
  // Chakra has no mark of its own: its first record must be metadata.
  try {
    ProtobufReader records(bytes, file);
    ProtobufReader metadata = records.take_message(records.take_varint());
    bool is_metadata = true;
    while (metadata.next()) is_metadata = is_metadata && metadata.field() <= 2;
    if (is_metadata) return TraceFormat::chakra;
  } catch (const TraceError&) {
    // No protobuf either.
  }
  throw TraceError(file +
                   ": is no trace of a known format: Chrome JSON (PyTorch's profiler), Perfetto, "
                   "Chakra, GOAL, CSV of spans");
}

namespace {

RecordedTrace load_file(const std::string& path) {
  const std::string bytes = read_trace_file(path);
  switch (detect_format(bytes, path)) {
    case TraceFormat::chrome_json:
      return read_trace_events(bytes, path);
    case TraceFormat::perfetto:
      return read_perfetto_trace(bytes, path);
    case TraceFormat::chakra:
      return read_chakra_trace(bytes, path);
    case TraceFormat::goal:
      return read_goal_trace(bytes, path);
    case TraceFormat::csv:
      break;
  }
  return read_csv_trace(bytes, path);
}

}  // namespace

RecordedTrace load_trace(const std::string& path) {
  const std::size_t mark = path.find(kRankMark);
  if (mark == std::string::npos) return load_file(path);
  std::vector<RecordedTrace> traces;
  for (std::error_code error;;) {
    std::string file = path;
    file.replace(mark, kRankMark.size(), std::to_string(traces.size()));
    if (!traces.empty() && !std::filesystem::exists(file, error)) break;
    traces.push_back(load_file(file));
  }
  return joined(std::move(traces));
}

}  // namespace orrery
