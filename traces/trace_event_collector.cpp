#include "traces/trace_event_collector.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include "traces/trace_error.hpp"

namespace orrery {
namespace {

constexpr int kMicrosecondDigits = 6;  // of picoseconds

std::vector<std::int32_t> ranks_in(const std::string& list) {
  std::vector<std::int32_t> ranks;
  for (const char* at = list.data(); at < list.data() + list.size();) {
    std::int32_t rank = 0;
    const auto [end, error] = std::from_chars(at, list.data() + list.size(), rank);
    if (error == std::errc()) ranks.push_back(rank);
    at = error == std::errc() ? end : at + 1;
  }
  return ranks;
}

bool is_on_device(const std::string& category) {
  return category == "kernel" || category == "gpu_memcpy" || category == "gpu_memset";
}

}  // namespace

std::optional<WidePicoseconds> picoseconds_of(std::string_view literal) {
  const bool negative = literal.starts_with("-");
  if (negative) literal.remove_prefix(1);
  const std::size_t point = std::min(literal.find('.'), literal.size());
  WidePicoseconds value = 0;
  const auto take = [&value](char digit) {
    if (digit < '0' || digit > '9') return false;
    value = value * 10 + (digit - '0');
    return true;
  };
  constexpr std::size_t kMaximumDigits = 24;
  if (point > kMaximumDigits) return std::nullopt;
  for (const char digit : literal.substr(0, point)) {
    if (!take(digit)) return std::nullopt;
  }
  for (std::size_t i = 1; i <= kMicrosecondDigits; ++i) {
    const std::size_t at = point + i;
    if (!take(at < literal.size() ? literal[at] : '0')) return std::nullopt;
  }
  return negative ? -value : value;
}

void TraceEventCollector::add(const TraceEvent& event) {
  if (event.phase != 0) ++events_;
  const bool is_timed =
      event.phase == 'X' || event.phase == 'B' || event.phase == 'E' || event.phase == 'C';
  if (is_timed && !event.time) {
    ++trace_.left_out;
    return;
  }
  switch (event.phase) {
    case 'X':
      add_span(event, *event.time, event.duration.value_or(0));
      break;
    case 'B':
      open_[{event.process, event.thread}].push_back(event);
      break;
    case 'E':
      close(event);
      break;
    case 'C':
      add_samples(event);
      break;
    case 'M':
      add_metadata(event);
      break;
    default:
      break;
  }
}

RecordedTrace TraceEventCollector::take() {
  for (auto& span : trace_.spans) classify(span);
  if (trace_.left_out > 0) {
    trace_.warnings.push_back(std::to_string(trace_.left_out) +
                              " events were left out: their times are no numbers of microseconds");
  }
  Time first = Time::max();
  for (const auto& span : trace_.spans) first = std::min(first, span.start);
  for (const auto& counter : trace_.counters) {
    for (const auto& sample : counter.samples) first = std::min(first, sample.time);
  }
  for (auto& span : trace_.spans) span.start = Time(span.start - first);
  for (auto& counter : trace_.counters) {
    for (auto& sample : counter.samples) sample.time = Time(sample.time - first);
  }
  for (const auto& [place, track] : places_) {
    RecordedTrace::Track& made = trace_.tracks[track];
    const auto process = process_names_.find(place.first);
    if (process != process_names_.end()) made.process_name = process->second;
    const auto thread = thread_names_.find(place);
    if (thread != thread_names_.end()) made.name = thread->second;
  }
  return std::move(trace_);
}

Time TraceEventCollector::at(WidePicoseconds picoseconds) {
  if (!base_) base_ = picoseconds;
  const WidePicoseconds since = picoseconds - *base_;
  constexpr WidePicoseconds kLimit = std::numeric_limits<std::int64_t>::max() / 4;
  if (since > kLimit || since < -kLimit)
    throw TraceError(*file_ + ": times lie over 26 days apart");
  return Time(Duration(static_cast<std::int64_t>(since)));
}

std::uint32_t TraceEventCollector::track_of(const TraceEvent& event) {
  const auto [place, is_new] = places_.try_emplace({event.process, event.thread},
                                                   static_cast<std::uint32_t>(places_.size()));
  if (is_new) {
    const auto [process, unseen] =
        processes_.try_emplace(event.process, static_cast<std::int64_t>(processes_.size()));
    std::int64_t number = process->second;
    const std::string& text = event.process;
    std::from_chars(text.data(), text.data() + text.size(), number);
    trace_.tracks.push_back({number, "process " + event.process, "thread " + event.thread});
  }
  return place->second;
}

void TraceEventCollector::add_span(const TraceEvent& event, WidePicoseconds start,
                                   WidePicoseconds duration) {
  if (duration < 0) throw TraceError(*file_ + ": \"" + event.name + "\" has a negative duration");
  if (is_on_device(event.category) || event.category == "cpu_op") is_kineto();
  const auto bytes = event.numbers.find("bytes");
  RecordedTrace::Span span{.track = track_of(event),
                           .name = trace_.names.intern(event.name),
                           .category = trace_.names.intern(event.category),
                           .start = at(start),
                           .duration = at(start + duration) - at(start)};
  if (bytes != event.numbers.end()) span.bytes = event.integer("bytes");
  if (event.texts.contains("Collective name")) {
    span.arguments = static_cast<std::uint32_t>(trace_.collectives.size());
    trace_.collectives.push_back({.name = event.text("Collective name"),
                                  .group = event.text("Process Group Name"),
                                  .ranks = ranks_in(event.text("Process Group Ranks")),
                                  .group_size = event.integer("Group size"),
                                  .in_elements = event.integer("In msg nelems"),
                                  .out_elements = event.integer("Out msg nelems"),
                                  .type = event.text("dtype")});
  }
  trace_.spans.push_back(span);
}

void TraceEventCollector::classify(RecordedTrace::Span& span) const {
  const std::string& name = trace_.names.text(span.name);
  const std::string& category = trace_.names.text(span.category);
  if (trace_.format != kKinetoFormat) {
    span.work = work_of(name, category, span.bytes);
  } else if (!is_on_device(category)) {
    span.work = Work::host;
  } else if (category != "kernel") {
    span.work = Work::copy;
  } else {
    span.work = is_communication_kernel(name) ? Work::communication : Work::compute;
  }
  if (span.work != Work::communication) span.arguments = UINT32_MAX;
}

void TraceEventCollector::close(const TraceEvent& event) {
  std::vector<TraceEvent>& open = open_[{event.process, event.thread}];
  if (open.empty()) return;
  add_span(open.back(), *open.back().time, *event.time - *open.back().time);
  open.pop_back();
}

void TraceEventCollector::add_samples(const TraceEvent& event) {
  for (const auto& [key, value] : event.numbers) {
    const std::string name = "process " + event.process + ": " + event.name + ", " + key;
    const auto [place, is_new] =
        counters_.try_emplace(name, static_cast<std::uint32_t>(counters_.size()));
    if (is_new) trace_.counters.push_back({name});
    trace_.counters[place->second].samples.push_back({at(*event.time), value});
  }
}

void TraceEventCollector::add_metadata(const TraceEvent& event) {
  const std::string& name = event.text("name");
  if (event.name == "process_name") process_names_[event.process] = name;
  if (event.name == "thread_name") thread_names_[{event.process, event.thread}] = name;
}

}  // namespace orrery
