#include "tools/orrery/run_traces.hpp"

#include <charconv>
#include <sstream>

#include "sim/base/unit_text.hpp"
#include "tools/orrery/command_line.hpp"
#include "traces/chrome_trace.hpp"
#include "traces/csv_trace.hpp"

namespace orrery {
namespace {

namespace po = boost::program_options;

Duration duration_option(const po::variables_map& values, const char* name, Duration otherwise) {
  if (values.count(name) == 0) return otherwise;
  const std::string text = values[name].as<std::string>();
  const std::optional<Duration> duration = parse_duration(text);
  if (!duration) {
    throw UsageError("--" + std::string(name) + ": expected a time such as \"5 ms\", got \"" +
                     text + "\"");
  }
  return *duration;
}

}  // namespace

std::string TraceRequest::file_name() const {
  if (format == "perfetto") return "trace.pftrace";
  return format == "csv" ? "trace.csv" : "trace.json";
}

void add_trace_options(po::options_description& options) {
  options.add_options()(
      "trace", po::value<std::string>()->implicit_value("chrome")->value_name("FORMAT"),
      "write a trace too; needs --out. --trace or --trace=chrome: trace.json, --trace=perfetto: "
      "trace.pftrace, both for ui.perfetto.dev; --trace=csv: trace.csv, a line for each span")(
      "trace-ranks", po::value<std::string>()->value_name("LIST"),
      "ranks that the trace shows, as \"0,8-15\"; default: all that are simulated")(
      "trace-from", po::value<std::string>()->value_name("TIME"),
      "the trace shows what runs from this time, as \"5 ms\"")(
      "trace-until", po::value<std::string>()->value_name("TIME"), "and until this one");
}

void TraceRequest::check_ranks(Rank world_size) const {
  for (const Rank rank : ranks) {
    if (rank < world_size) continue;
    throw UsageError("--trace-ranks: the job has " + std::to_string(world_size) + " ranks, got " +
                     std::to_string(rank));
  }
}

std::vector<Rank> ranks_from(const std::string& text, const std::string& option) {
  constexpr Rank kMost = 1 << 24;
  std::vector<Rank> ranks;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    const char* end = part.data() + part.size();
    Rank first = 0;
    auto read = std::from_chars(part.data(), end, first);
    Rank last = first;
    if (read.ec == std::errc() && read.ptr != end && *read.ptr == '-') {
      read = std::from_chars(read.ptr + 1, end, last);
    }
    if (read.ec != std::errc() || read.ptr != end || first < 0 || last < first || last > kMost) {
      ranks.clear();
      break;
    }
    for (Rank rank = first; rank <= last; ++rank) ranks.push_back(rank);
  }
  if (ranks.empty()) {
    throw UsageError(option + ": expected ranks such as \"0,8-15\", got \"" + text + "\"");
  }
  return ranks;
}

std::optional<TraceRequest> trace_request(const po::variables_map& values) {
  for (const char* option : {"trace-ranks", "trace-from", "trace-until"}) {
    if (values.count(option) > 0 && values.count("trace") == 0) {
      throw UsageError("--" + std::string(option) + " needs --trace");
    }
  }
  if (values.count("trace") == 0) return std::nullopt;
  TraceRequest request{.format = values["trace"].as<std::string>(), .ranks = {}};
  if (request.format != "chrome" && request.format != "perfetto" && request.format != "csv") {
    throw UsageError("--trace: expected chrome, perfetto or csv, got \"" + request.format + "\"");
  }
  if (values.count("out") == 0) {
    throw UsageError("--trace needs --out DIR, the folder for " + request.file_name());
  }
  if (values.count("trace-ranks") > 0) {
    request.ranks = ranks_from(values["trace-ranks"].as<std::string>(), "--trace-ranks");
  }
  request.from = duration_option(values, "trace-from", request.from);
  request.until = duration_option(values, "trace-until", request.until);
  if (request.until < request.from) throw UsageError("--trace-until is before --trace-from");
  return request;
}

RunTracer::RunTracer(std::string path, TraceRequest request, const SimulatedJob& job)
    : path_(std::move(path)),
      request_(std::move(request)),
      job_(&job),
      memory_(job.graph().world_size()) {
  if (request_.format == "perfetto") recorder_.emplace(path_, described());
}

Observer& RunTracer::observer() {
  if (recorder_) return *recorder_;
  return memory_;
}

RunTrace RunTracer::described() const {
  RunTrace trace{.graph = job_->graph(), .spans = {}, .classes = job_->classes()};
  trace.selection.from = Time(request_.from);
  trace.selection.until = Time(request_.until);
  const std::vector<Rank> simulated = job_->rank_of();
  for (const Rank rank : request_.ranks) {
    trace.selection.ranks.resize(static_cast<std::size_t>(trace.graph.world_size()));
    trace.selection.ranks[static_cast<std::size_t>(simulated[static_cast<std::size_t>(rank)])] = 1;
  }
  return trace;
}

void RunTracer::finish(const Run& run) {
  const std::vector<Rank> rank_of = job_->rank_of();
  std::vector<TrackerSample> tracker;
  for (const TriggerUnits::Sample& sample : run.tracker) {
    tracker.push_back(
        {sample.time, rank_of[static_cast<std::size_t>(sample.rank)], sample.entries});
  }
  if (recorder_) {
    recorder_->finish(load_.tracks(), tracker);
    return;
  }
  RunTrace trace = described();
  trace.spans = run.timeline.spans();
  trace.memory = memory_.samples();
  trace.tracker = tracker;
  trace.utilisation = load_.tracks();
  request_.format == "csv" ? write_csv_trace(path_, trace) : write_chrome_trace(path_, trace);
}

}  // namespace orrery
