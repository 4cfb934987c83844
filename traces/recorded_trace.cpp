#include "traces/recorded_trace.hpp"

#include <algorithm>
#include <array>
#include <iterator>

namespace orrery {

std::uint32_t NameTable::intern(std::string_view text) {
  const auto [place, is_new] =
      index_.try_emplace(std::string(text), static_cast<std::uint32_t>(texts_.size()));
  if (is_new) texts_.emplace_back(text);
  return place->second;
}

std::string_view to_string(Work work) {
  constexpr std::array<std::string_view, 5> kNames = {"compute", "communication", "copy", "wait",
                                                      "host"};
  return kNames[static_cast<std::size_t>(work)];
}

Time RecordedTrace::end() const {
  Time last;
  for (const Span& span : spans) last = std::max(last, span.start + span.duration);
  return last;
}

RecordedTrace joined(std::vector<RecordedTrace> traces) {
  RecordedTrace all;
  all.format = traces.front().format;
  all.has_times = traces.front().has_times;
  all.world_size = traces.front().world_size;
  for (std::size_t i = 0; i < traces.size(); ++i) {
    RecordedTrace& trace = traces[i];
    all.has_times = all.has_times && trace.has_times;
    all.left_out += trace.left_out;
    const std::int64_t rank = trace.rank >= 0 ? trace.rank : static_cast<std::int64_t>(i);
    const std::string process = "rank " + std::to_string(rank);
    const auto name_of = [&](std::uint32_t name) {
      return all.names.intern(trace.names.text(name));
    };
    const auto first_track = static_cast<std::uint32_t>(all.tracks.size());
    const auto first_collective = static_cast<std::uint32_t>(all.collectives.size());
    for (const auto& track : trace.tracks) all.tracks.push_back({rank, process, track.name});
    for (RecordedTrace::Span span : trace.spans) {
      span.track += first_track;
      span.name = name_of(span.name);
      span.category = name_of(span.category);
      if (span.arguments != UINT32_MAX) span.arguments += first_collective;
      all.spans.push_back(span);
    }
    for (auto& counter : trace.counters) {
      all.counters.push_back({process + ": " + counter.name, std::move(counter.samples)});
    }
    std::move(trace.collectives.begin(), trace.collectives.end(),
              std::back_inserter(all.collectives));
    for (const std::string& warning : trace.warnings) {
      all.warnings.push_back(process + ": " + warning);
    }
    trace = RecordedTrace();
  }
  return all;
}

/// ncclDevKernel_AllReduce_Sum_bf16_RING_LL(…), ncclKernel_…, rcclGenericKernel….
bool is_communication_kernel(std::string_view name) {
  constexpr std::array<std::string_view, 4> kPrefixes = {"nccl", "rccl", "mscclKernel",
                                                         "void vllm::cross_device_reduce"};
  return std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [name](std::string_view prefix) { return name.starts_with(prefix); });
}

Work work_of(std::string_view name, std::string_view category, std::int64_t bytes) {
  if (name == "wait" && (category.empty() || category == "wait")) return Work::wait;
  for (const Work work : {Work::compute, Work::communication, Work::copy, Work::host}) {
    if (category == to_string(work)) return work;
  }
  if (bytes != RecordedTrace::kNoBytes || is_communication_kernel(name)) {
    return Work::communication;
  }
  return Work::compute;
}

}  // namespace orrery
