#include <sys/resource.h>

#include <chrono>
#include <iostream>
#include <optional>

#include "tools/orrery/command_line.hpp"
#include "tools/orrery/commands.hpp"
#include "tools/orrery/data_folders.hpp"
#include "tools/orrery/fabric_section.hpp"
#include "tools/orrery/fault_check.hpp"
#include "tools/orrery/output_folder.hpp"
#include "tools/orrery/progress.hpp"
#include "tools/orrery/result_json.hpp"
#include "tools/orrery/run.hpp"
#include "tools/orrery/run_traces.hpp"
#include "tools/orrery/summary.hpp"
#include "tools/orrery/what_if.hpp"

namespace orrery {
namespace {

namespace po = boost::program_options;
using Clock = std::chrono::steady_clock;

constexpr int kVerdictIsNo = 3;

constexpr const char* kHelp =
    "usage: orrery run SCENARIO [options]\n\n"
    "Simulates a scenario and says how long it takes, where the time goes, whether it fits in\n"
    "memory, and what bounds it.\n\n"
    "example\n"
    "  orrery run experiments/quickstart/scenario.json --set /cluster/with/nodes=8 \\\n"
    "             --set /workload/parallel/data=2 --out /tmp/two_replicas --trace=perfetto\n\n";

CommandSyntax syntax() {
  CommandSyntax syntax{.command = "run", .argument = "SCENARIO", .required = true, .options = {}};
  syntax.options.add_options()("help,h", "this text")(
      "set", po::value<std::vector<std::string>>()->value_name("PTR=VALUE"),
      "put VALUE at a JSON pointer of the scenario; VALUE is JSON when it parses as JSON, else a "
      "string; repeatable")("out", po::value<std::string>()->value_name("DIR"),
                            "write result.json and run.json (wall time, memory) into DIR")(
      "what-if", "simulate it again with each class of resources 10 % faster: what would help?")(
      "unfolded", "simulate every rank, also those that do the same; slower, for comparison")(
      "json", "result.json on standard output, nothing else there");
  add_trace_options(syntax.options);
  return syntax;
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::int64_t peak_resident_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return std::int64_t{1024} * usage.ru_maxrss;  // Linux counts in KiB, getrusage(2)
}

/// Where a trace goes, and what it shows.
struct TraceOrder {
  TraceRequest request;
  std::string path;
};

struct Finished {
  Run run;
  RunCost cost;
};

/// A folded run that deadlocks is repeated with every rank: the message names ranks of the job.
Finished simulate(const Scenario& scenario, const Builtins& builtins, Clock::time_point start,
                  const std::optional<TraceOrder>& trace, Folding folding) {
  const Job job = build_job(scenario);
  check_faults(scenario, job, builtins);
  if (trace) trace->request.check_ranks(job.graph.world_size());
  Finished finished;
  finished.cost.load_s = seconds_since(start);

  const Clock::time_point simulation = Clock::now();
  SimulatedJob simulated(scenario, job, builtins, folding);
  std::optional<RunTracer> tracer;
  if (trace) tracer.emplace(trace->path, trace->request, simulated);
  try {
    Progress progress(simulated.graph());
    std::vector<Observer*> observers = {&progress};
    if (tracer) observers.push_back(&tracer->observer());
    finished.run = run_scenario(scenario, job, simulated, builtins, observers,
                                tracer ? &tracer->load() : nullptr);
  } catch (const DeadlockError&) {
    if (simulated.symmetry() == nullptr) {
      throw;
    }
    tracer.reset();
    return simulate(scenario, builtins, start, trace, Folding::never);
  }
  finished.cost.simulate_s = seconds_since(simulation);
  finished.cost.peak_resident_bytes = peak_resident_bytes();
  if (tracer) tracer->finish(finished.run);
  return finished;
}

}  // namespace

int run_command(std::span<const std::string> words, const Builtins& builtins) {
  const Clock::time_point start = Clock::now();
  const CommandSyntax command = syntax();
  const po::variables_map options = parse_command_line(command, words);
  if (prints_help(options, kHelp, command)) return 0;
  const std::optional<TraceRequest> traced = trace_request(options);
  const DataFolders data = find_data_folders();
  const std::vector<std::string> overrides = overrides_of(options);
  const Scenario scenario =
      load_scenario(argument_of(options), overrides, builtins, open_catalog(data));
  if (options.count("what-if") > 0 && scenario.flows.engine != FlowChoice().engine) {
    refuse_engine(scenario,
                  "expected \"native\" with --what-if, which simulates several times, got \"" +
                      scenario.flows.engine + "\", which can once in a process");
  }
  std::vector<std::string> same = {"run"};
  same.insert(same.end(), words.begin(), words.end());
  hand_over_to_engine(scenario, builtins, same);

  std::optional<OutputFolder> folder;
  if (options.count("out") > 0) {
    folder.emplace(options["out"].as<std::string>());
  }
  std::optional<TraceOrder> trace;
  if (traced) trace = TraceOrder{*traced, folder->path_for(traced->file_name())};
  const Folding folding = options.count("unfolded") > 0 ? Folding::never : Folding::where_alike;
  const Finished finished = simulate(scenario, builtins, start, trace, folding);
  const Result& result = finished.run.result;
  JsonValue document = to_json(result, scenario);
  std::string more;
  if (options.count("what-if") > 0) {
    const std::vector<WhatIf> answers = what_if(scenario, result, builtins, folding);
    set_at(document, "/what_if", to_json(answers));
    more = what_if_lines(answers, result);
  }
  const std::string text = to_text(document, true) + "\n";
  if (folder) {
    write_file(folder->path_for("run.json"),
               to_text(to_json(finished.cost, result.counters), true) + "\n");
    folder->finish(text);
  }
  print(options.count("json") > 0 ? text
                                  : summary(result, scenario, finished.cost, data.metrics) + more);
  if (!result.fits()) {
    std::cerr << memory_verdict(result) << std::endl;
    return kVerdictIsNo;
  }
  return 0;
}

}  // namespace orrery
