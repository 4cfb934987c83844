#include <algorithm>
#include <map>

#include "traces/chakra.hpp"

namespace orrery {
namespace {

Work work_of(const chakra::Node& node) {
  switch (node.type) {
    case chakra::NodeType::comm_send:
    case chakra::NodeType::comm_recv:
    case chakra::NodeType::comm_coll:
      return Work::communication;
    case chakra::NodeType::mem_load:
    case chakra::NodeType::mem_store:
      return Work::copy;
    case chakra::NodeType::comp:
      return node.integer("is_cpu_op") != 0 ? Work::host : Work::compute;
    default:
      return Work::host;
  }
}

}  // namespace

RecordedTrace read_chakra_trace(const std::string& bytes, const std::string& file) {
  const chakra::File read = chakra::read(bytes, file);
  RecordedTrace trace;
  trace.format = "Chakra execution trace " + read.version;
  std::map<std::string, std::uint32_t> tracks;
  bool has_start = false;
  for (const chakra::Node& node : read.nodes) {
    if (node.type == chakra::NodeType::metadata) continue;
    const Work work = work_of(node);
    const chakra::Value* stream = node.find("stream");
    const std::string name = stream != nullptr ? stream->text : std::string(to_string(work));
    const auto [track, is_new] =
        tracks.try_emplace(name, static_cast<std::uint32_t>(tracks.size()));
    if (is_new) trace.tracks.push_back({0, "the trace's rank", name});
    const chakra::Value* category = node.find("category");
    const chakra::Value* exact = node.find("duration_ps");
    RecordedTrace::Span span{
        .track = track->second,
        .name = trace.names.intern(node.name),
        .category = trace.names.intern(category != nullptr ? category->text : to_string(work)),
        .work = work,
        .start = node.start,
        .duration =
            exact != nullptr ? Duration(std::max<std::int64_t>(0, exact->integer)) : node.took};
    if (work == Work::communication) span.bytes = node.integer("comm_size");
    if (work == Work::copy) span.bytes = node.integer("tensor_size");
    has_start = has_start || node.start > Time();
    trace.spans.push_back(span);
  }
  trace.has_times = has_start;
  return trace;
}

}  // namespace orrery
