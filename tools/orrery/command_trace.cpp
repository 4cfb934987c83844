#include <filesystem>
#include <sstream>

#include "tools/orrery/command_line.hpp"
#include "tools/orrery/commands.hpp"
#include "tools/orrery/data_folders.hpp"
#include "tools/orrery/fabric_section.hpp"
#include "tools/orrery/output_folder.hpp"
#include "tools/orrery/run.hpp"
#include "tools/orrery/trace_export.hpp"
#include "tools/orrery/trace_text.hpp"
#include "traces/chakra.hpp"
#include "traces/goal.hpp"
#include "traces/perfetto.hpp"
#include "traces/trace_error.hpp"
#include "traces/trace_file.hpp"
#include "traces/trace_formats.hpp"

namespace orrery {
namespace {

namespace po = boost::program_options;

constexpr const char* kHelp =
    "usage: orrery trace summary FILE [options]\n"
    "       orrery trace compare REAL SIMULATED [options]\n"
    "       orrery trace convert FILE --out FILE.pftrace\n"
    "       orrery trace export SCENARIO --format chakra|goal --out PLACE [options]\n\n"
    "summary says where the time of a trace goes: by kind of work and by category, how much of "
    "the\n"
    "communication is overlapped, the longest ops, utilisations. compare sets two traces side by "
    "side,\n"
    "their ops aligned by name and order. convert makes a Perfetto trace of any. Formats are\n"
    "recognised by content: Chrome JSON (PyTorch's profiler among it), Perfetto, Chakra, GOAL, CSV "
    "of\n"
    "spans; packed by gzip or not. A FILE with {rank} in its name stands for a file for each "
    "rank.\n"
    "export writes a scenario's workload for other simulators: as Chakra execution traces, a file\n"
    "PLACE.RANK.et for each rank, or as one GOAL schedule, with collectives as the messages of "
    "their\n"
    "algorithms and computes with their simulated durations. The workloads chakra_replay, "
    "goal_replay\n"
    "and kineto_replay run such files.\n\n"
    "example\n"
    "  orrery trace export experiments/quickstart/scenario.json --format chakra --out /tmp/step\n"
    "  orrery trace summary /tmp/step.0.et\n\n";

CommandSyntax syntax(const std::string& action) {
  CommandSyntax syntax{.command = "trace",
                       .argument = action == "export" ? "SCENARIO" : "FILE",
                       .required = true,
                       .more = action == "compare" ? "OTHER" : "",
                       .options = {}};
  syntax.options.add_options()("help,h", "this text");
  if (action == "summary" || action == "compare") {
    syntax.options.add_options()("json", "as JSON")(
        "ops", po::value<std::size_t>()->default_value(20)->value_name("N"),
        "show the N longest ops");
  } else {
    syntax.options.add_options()("out", po::value<std::string>()->value_name("PLACE"),
                                 "where it is written");
  }
  if (action == "export") {
    syntax.options.add_options()("format", po::value<std::string>()->value_name("FORMAT"),
                                 "chakra or goal")(
        "set", po::value<std::vector<std::string>>()->value_name("PTR=VALUE"),
        "put VALUE at a JSON pointer of the scenario, as `run` does; repeatable")(
        "durations", "chakra: simulate, and write when each op began and how long it took");
  }
  return syntax;
}

std::string required_option(const po::variables_map& options, const char* name,
                            const std::string& action) {
  if (options.count(name) == 0) {
    throw UsageError("trace " + action + " needs --" + name + " (`orrery trace --help` explains)");
  }
  return options[name].as<std::string>();
}

void summary_of(const po::variables_map& options) {
  const std::string path = argument_of(options);
  const RecordedTrace trace = load_trace(path);
  const TraceSummary summary = summarise(trace);
  print(options.count("json") > 0
            ? to_text(summary_json(trace, summary), true) + "\n"
            : path + ": " + summary_text(trace, summary, options["ops"].as<std::size_t>()));
}

void comparison_of(const po::variables_map& options) {
  const std::vector<std::string> more = more_arguments_of(options);
  if (more.size() != 1) throw UsageError("expected two traces (`orrery trace --help` explains)");
  const RecordedTrace first = load_trace(argument_of(options));
  const RecordedTrace second = load_trace(more[0]);
  const NamedTrace a{argument_of(options), first, summarise(first)};
  const NamedTrace b{more[0], second, summarise(second)};
  const TraceComparison comparison = compare(first, second);
  print(options.count("json") > 0
            ? to_text(comparison_json(a, b, comparison), true) + "\n"
            : comparison_text(a, b, comparison, options["ops"].as<std::size_t>()));
}

void convert(const po::variables_map& options) {
  const std::string out = required_option(options, "out", "convert");
  write_perfetto_trace(out, load_trace(argument_of(options)));
}

/// About the whole job, so that a replay has the same figures.
std::vector<std::pair<std::string, std::string>> notes_of(const Job& job) {
  const auto number = [](double value) { return to_text(json_real(value), false); };
  return {{"headline", job.headline},
          {"tokens", number(job.tokens)},
          {"model_operations", number(job.model_operations)},
          {"model_operations_full_attention", number(job.model_operations_full_attention)},
          {"pipelined", job.pipelined ? "true" : "false"},
          {"precision", std::string(to_string(job.precision))}};
}

void export_scenario(const po::variables_map& options, const Builtins& builtins,
                     std::span<const std::string> words) {
  const std::string format = required_option(options, "format", "export");
  const std::string out = required_option(options, "out", "export");
  if (format != "chakra" && format != "goal") {
    throw UsageError("--format: expected chakra or goal, got \"" + format + "\"");
  }
  const Scenario scenario = load_scenario(argument_of(options), overrides_of(options), builtins,
                                          open_catalog(find_data_folders()));
  const Job job = build_job(scenario);
  Timeline timeline;
  if (format == "goal" || options.count("durations") > 0) {
    std::vector<std::string> same = {"trace"};
    same.insert(same.end(), words.begin(), words.end());
    hand_over_to_engine(scenario, builtins, same);
    SimulatedJob simulated(scenario, job, builtins, Folding::never);
    timeline = std::move(run_scenario(scenario, job, simulated, builtins).timeline);
  }
  RankPrograms programs = split(job.graph, timeline.spans());
  if (format == "goal") {
    CollectiveCalls calls(builtins.collectives, scenario.collectives, *scenario.fabric);
    expand_collectives(programs, job.graph, calls);
    write_goal(out, programs);
    print("wrote " + out + ", " + std::to_string(programs.ranks.size()) + " ranks\n");
    return;
  }
  programs.notes = notes_of(job);
  const auto path = [&out](Rank rank) { return out + "." + std::to_string(rank) + ".et"; };
  write_chakra(programs, path);
  print("wrote " + path(0) + " to " + path(static_cast<Rank>(programs.ranks.size()) - 1) +
        "; to run them: {\"kind\": \"chakra_replay\", \"files\": " +
        to_text(json_string(std::filesystem::absolute(out).string() + ".{rank}.et"), false) +
        ", \"durations\": \"" + (timeline.spans().empty() ? "cost_model" : "recorded") + "\"}\n");
}

}  // namespace

int trace_command(std::span<const std::string> words, const Builtins& builtins) {
  const std::string action = words.empty() ? "" : words.front();
  if (action == "--help" || action == "-h") {
    std::ostringstream text;
    text << kHelp << "summary, compare\n"
         << syntax("summary").options << "\nexport\n"
         << syntax("export").options;
    print(text.str());
    return 0;
  }
  if (action != "summary" && action != "compare" && action != "convert" && action != "export") {
    throw UsageError("expected summary, compare, convert or export" +
                     (action.empty() ? std::string() : ", got \"" + action + "\"") +
                     " (`orrery trace --help` explains)");
  }
  const po::variables_map options = parse_command_line(syntax(action), words.subspan(1));
  if (options.count("help") > 0) return trace_command(std::vector<std::string>{"--help"}, builtins);
  if (action == "summary") summary_of(options);
  if (action == "compare") comparison_of(options);
  if (action == "convert") convert(options);
  if (action == "export") export_scenario(options, builtins, words);
  return 0;
}

}  // namespace orrery
