#include <optional>
#include <sstream>

#include "sim/base/json_cursor.hpp"
#include "tools/orrery/command_line.hpp"
#include "tools/orrery/commands.hpp"
#include "tools/orrery/data_folders.hpp"
#include "tools/orrery/plan_report.hpp"
#include "tools/orrery/scenario.hpp"
#include "workloads/planned_sequences.hpp"

namespace orrery {
namespace {

namespace po = boost::program_options;

constexpr const char* kHelp =
    "usage: orrery plan sequence SCENARIO [options]\n\n"
    "How the workload \"heterogeneous_sequence_parallel\" of a scenario puts the sequences of a "
    "batch\n"
    "on groups of devices, micro-batch by micro-batch: which groups, how many tokens each, the "
    "time "
    "and\n"
    "the memory that the scenario's costs predict, and how far from the best the groups can be. "
    "Nothing\n"
    "is simulated; `orrery run` does that.\n\n"
    "example\n"
    "  orrery plan sequence experiments/flexsp/scenario.json\n"
    "  orrery plan sequence experiments/flexsp/scenario.json --set /workload/plan/method=fixed \\\n"
    "              --set /workload/plan/group=64 --batches 40\n"
    "  orrery plan sequence experiments/flexsp/scenario.json \\\n"
    "              --set /workload/plan/solver=mixed_integer --json\n\n";

CommandSyntax syntax() {
  CommandSyntax syntax{
      .command = "plan sequence", .argument = "SCENARIO", .required = true, .options = {}};
  syntax.options.add_options()("help,h", "this text")(
      "set", po::value<std::vector<std::string>>()->composing(),
      "POINTER=VALUE: change the scenario, any number of times")(
      "batches", po::value<std::int64_t>()->default_value(1),
      "so many batches, from the scenario's on; one line each")(
      "json", "everything as JSON on standard output, nothing else there");
  return syntax;
}

/// The scenario's workload, which has made its plan: a solver takes its time once.
const PlannedSequences& planned(const Scenario& scenario) {
  const auto* found = dynamic_cast<const PlannedSequences*>(scenario.workload.get());
  if (found == nullptr) {
    Diagnostics mistakes;
    JsonCursor(*scenario.resolved.find("workload"), mistakes)
        .at("kind")
        .expected("\"heterogeneous_sequence_parallel\", of which a plan can be made");
    mistakes.throw_if_any();
  }
  return *found;
}

}  // namespace

int plan_command(std::span<const std::string> words, const Builtins& builtins) {
  const CommandSyntax command = syntax();
  const std::string what = words.empty() ? "" : words.front();
  if (what != "sequence" && what != "--help" && what != "-h") {
    throw UsageError("expected `orrery plan sequence SCENARIO`" +
                     (what.empty() ? std::string() : ", got \"" + what + "\"") +
                     " (`orrery plan --help` explains)");
  }
  const po::variables_map options =
      parse_command_line(command, what == "sequence" ? words.subspan(1) : words);
  if (options.count("help") > 0) {
    std::ostringstream text;
    text << kHelp << command.options;
    print(text.str());
    return 0;
  }
  const Scenario scenario = load_scenario(argument_of(options), overrides_of(options), builtins,
                                          open_catalog(find_data_folders()));
  const PlannedSequences& first = planned(scenario);
  const HeterogeneousSettings& settings = first.settings();
  const auto count = options["batches"].as<std::int64_t>();
  const std::int64_t left = settings.batches() - settings.batch;
  if (count < 1 || count > left) {
    throw UsageError("--batches: expected 1 to " + std::to_string(left) +
                     ", as many as the lengths make from batch " + std::to_string(settings.batch) +
                     " on, got " + std::to_string(count));
  }
  std::vector<PlannedBatch> batches = {{settings.batch, first.plan()}};
  for (std::int64_t each = settings.batch + 1; each < settings.batch + count; ++each) {
    try {
      batches.push_back({each, plan_sequences(settings.plan, settings.lengths_of(each))});
    } catch (const DoesNotFit& error) {
      throw DoesNotFit("batch " + std::to_string(each) + ": " + error.what());
    }
  }
  print(options.count("json") > 0 ? to_text(to_json(settings, batches), true) + "\n"
                                  : to_text(settings, batches));
  return 0;
}

}  // namespace orrery
