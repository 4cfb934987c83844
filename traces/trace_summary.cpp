#include "traces/trace_summary.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace orrery {
namespace {

struct Interval {
  Time start;
  Time end;
};

/// Sorted, and no two touch.
std::vector<Interval> merged(std::vector<Interval> intervals) {
  std::sort(intervals.begin(), intervals.end(),
            [](const Interval& a, const Interval& b) { return a.start < b.start; });
  std::vector<Interval> result;
  for (const Interval& interval : intervals) {
    if (!result.empty() && interval.start <= result.back().end) {
      result.back().end = std::max(result.back().end, interval.end);
    } else {
      result.push_back(interval);
    }
  }
  return result;
}

Duration length(const std::vector<Interval>& intervals) {
  Duration sum;
  for (const Interval& interval : intervals) sum += interval.end - interval.start;
  return sum;
}

std::vector<Interval> both(std::vector<Interval> a, const std::vector<Interval>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return merged(std::move(a));
}

bool is_work(Work work) {
  return work == Work::compute || work == Work::communication || work == Work::copy;
}

struct Busy {
  std::vector<Interval> compute;
  std::vector<Interval> communication;
  std::vector<Interval> copy;
};

WorkTimes times_of(const Busy& busy) {
  const std::vector<Interval> compute = merged(busy.compute);
  const std::vector<Interval> communication = merged(busy.communication);
  const std::vector<Interval> copy = merged(busy.copy);
  const std::vector<Interval> either = both(compute, communication);
  const std::vector<Interval> all = both(either, copy);
  WorkTimes times;
  if (all.empty()) return times;
  times.length = all.back().end - all.front().start;
  times.compute = length(compute);
  times.communication = length(communication);
  times.copy = length(copy);
  times.exposed = length(either) - times.compute;
  times.overlapped = times.communication - times.exposed;
  times.idle = times.length - length(all);
  return times;
}

WorkTimes average(const std::vector<TraceSummary::Process>& processes) {
  WorkTimes sum;
  if (processes.empty()) return sum;
  const auto mean = [&processes](Duration WorkTimes::*part) {
    double total = 0;
    for (const auto& process : processes) total += (process.times.*part).as_double();
    return Duration(std::llround(total / static_cast<double>(processes.size())));
  };
  for (Duration WorkTimes::*part :
       {&WorkTimes::length, &WorkTimes::compute, &WorkTimes::communication, &WorkTimes::copy,
        &WorkTimes::overlapped, &WorkTimes::exposed, &WorkTimes::idle}) {
    sum.*part = mean(part);
  }
  return sum;
}

using Sums = std::map<std::pair<Work, std::uint32_t>, TraceSummary::Sum>;

void count(Sums& sums, const RecordedTrace& trace, const RecordedTrace::Span& span,
           std::uint32_t name) {
  TraceSummary::Sum& sum = sums[{span.work, name}];
  sum.name = trace.names.text(name);
  sum.work = span.work;
  ++sum.count;
  sum.time += span.duration;
  sum.bytes += std::max<std::int64_t>(0, span.bytes);
}

std::vector<TraceSummary::Sum> longest_first(const Sums& sums) {
  std::vector<TraceSummary::Sum> result;
  for (const auto& [key, sum] : sums) result.push_back(sum);
  std::stable_sort(result.begin(), result.end(),
                   [](const auto& a, const auto& b) { return a.time > b.time; });
  return result;
}

/// A sample holds until the next; what follows the last is not known.
TraceSummary::Usage usage_of(const RecordedTrace::Counter& counter) {
  TraceSummary::Usage usage{.name = counter.name};
  double weighted = 0;
  for (std::size_t i = 0; i < counter.samples.size(); ++i) {
    usage.most = std::max(usage.most, counter.samples[i].value);
    if (i + 1 == counter.samples.size()) break;
    weighted += counter.samples[i].value *
                to_seconds(counter.samples[i + 1].time - counter.samples[i].time);
  }
  const double span = counter.samples.empty()
                          ? 0
                          : to_seconds(counter.samples.back().time - counter.samples.front().time);
  if (span > 0) usage.mean = weighted / span;
  return usage;
}

using Spans = std::vector<const RecordedTrace::Span*>;

/// Work of each process, by its number, in order of start.
std::vector<Spans> work_by_process(const RecordedTrace& trace) {
  std::map<std::int64_t, Spans> by_number;
  for (const auto& span : trace.spans) {
    if (is_work(span.work)) by_number[trace.tracks[span.track].process].push_back(&span);
  }
  std::vector<Spans> processes;
  for (auto& [number, spans] : by_number) {
    std::stable_sort(spans.begin(), spans.end(),
                     [](const auto* a, const auto* b) { return a->start < b->start; });
    processes.push_back(std::move(spans));
  }
  return processes;
}

/// Of one process in both traces, by name.
struct Durations {
  std::vector<Duration> first;
  std::vector<Duration> second;
};

/// Sums of all processes.
class Alignment {
 public:
  void add(const RecordedTrace& first, const Spans& a, const RecordedTrace& second,
           const Spans& b) {
    std::map<std::size_t, Durations> by_op;
    for (const auto* span : a) by_op[op_of(first, *span)].first.push_back(span->duration);
    for (const auto* span : b) by_op[op_of(second, *span)].second.push_back(span->duration);
    for (const auto& [op, durations] : by_op) add(result_.ops[op], durations);
    ++result_.processes;
  }

  TraceComparison take() {
    if (total_ > 0) result_.mean_error = weighted_ / total_;
    return std::move(result_);
  }

 private:
  std::size_t op_of(const RecordedTrace& trace, const RecordedTrace::Span& span) {
    const std::string& name = trace.names.text(span.name);
    const auto [place, is_new] = places_.try_emplace(name, result_.ops.size());
    if (is_new) result_.ops.push_back({.name = name});
    return place->second;
  }

  void add(TraceComparison::Op& op, const Durations& of) {
    const std::size_t aligned = std::min(of.first.size(), of.second.size());
    op.first_count += of.first.size();
    op.second_count += of.second.size();
    op.aligned += aligned;
    for (std::size_t k = 0; k < aligned; ++k) {
      op.first_time += of.first[k];
      op.second_time += of.second[k];
      weighted_ += std::abs((of.second[k] - of.first[k]).as_double());
      total_ += of.first[k].as_double();
    }
    result_.aligned += aligned;
    result_.first_only += of.first.size() - aligned;
    result_.second_only += of.second.size() - aligned;
  }

  TraceComparison result_;
  std::map<std::string, std::size_t> places_;  // into result_.ops
  double weighted_ = 0;
  double total_ = 0;
};

}  // namespace

TraceSummary summarise(const RecordedTrace& trace) {
  TraceSummary summary;
  Sums categories;
  Sums ops;
  std::map<std::int64_t, Busy> busy;
  std::map<std::int64_t, std::string> names;
  for (const RecordedTrace::Span& span : trace.spans) {
    count(categories, trace, span, span.category);
    if (!is_work(span.work)) continue;
    count(ops, trace, span, span.name);
    const RecordedTrace::Track& track = trace.tracks[span.track];
    names[track.process] = track.process_name;
    Busy& of = busy[track.process];
    auto& list = span.work == Work::compute         ? of.compute
                 : span.work == Work::communication ? of.communication
                                                    : of.copy;
    list.push_back({span.start, span.start + span.duration});
  }
  summary.categories = longest_first(categories);
  summary.ops = longest_first(ops);
  for (const auto& [number, of] : busy) {
    summary.processes.push_back(
        {number, names[number], trace.has_times ? times_of(of) : WorkTimes()});
  }
  summary.average = average(summary.processes);
  for (const RecordedTrace::Counter& counter : trace.counters) {
    if (counter.name.find("utilisation") != std::string::npos) {
      summary.usages.push_back(usage_of(counter));
    }
  }
  std::stable_sort(summary.usages.begin(), summary.usages.end(),
                   [](const auto& a, const auto& b) { return a.mean > b.mean; });
  return summary;
}

TraceComparison compare(const RecordedTrace& first, const RecordedTrace& second) {
  const std::vector<Spans> a = work_by_process(first);
  const std::vector<Spans> b = work_by_process(second);
  Alignment alignment;
  const std::size_t pairs =
      a.size() == b.size() ? a.size() : std::min<std::size_t>({1, a.size(), b.size()});
  for (std::size_t i = 0; i < pairs; ++i) alignment.add(first, a[i], second, b[i]);
  return alignment.take();
}

}  // namespace orrery
