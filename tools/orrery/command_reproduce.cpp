#include <algorithm>
#include <filesystem>
#include <iostream>

#include "sim/base/json_cursor.hpp"
#include "tools/orrery/command_line.hpp"
#include "tools/orrery/commands.hpp"
#include "tools/orrery/configurations.hpp"
#include "tools/orrery/data_folders.hpp"
#include "tools/orrery/measured_collectives.hpp"
#include "tools/orrery/measured_kernels.hpp"
#include "tools/orrery/progress.hpp"
#include "tools/orrery/reproduction_report.hpp"
#include "tools/orrery/result_json.hpp"
#include "tools/orrery/run.hpp"

namespace orrery {
namespace {

namespace po = boost::program_options;

constexpr int kVerdictIsNo = 3;

constexpr const char* kHelp =
    "usage: orrery reproduce [NAME] [options]\n\n"
    "Simulates what a publication measured and shows each published figure beside the simulated\n"
    "one, with the difference. NAME is one of the shipped ones, or a folder (with a '/' in it)\n"
    "that holds a reproduce.json. Without NAME: all that are shipped. Exit code 3 when a limit\n"
    "written there is missed; cases that constants were fitted to, and those held out, are shown\n"
    "beside and count for no limit.\n"
    "Of measured collectives and kernels the errors over those rows are shown that were not "
    "fitted;\n"
    "a goal that is missed is marked and changes nothing, exit code 3 goes by the limits alone;\n"
    "of configurations that a paper compares, means and maxima over its cases.\n\n"
    "example\n"
    "  orrery reproduce megatron\n"
    "  orrery reproduce ladder\n"
    "  orrery reproduce nccl\n"
    "  orrery reproduce kernels\n"
    "  orrery reproduce t3\n"
    "  orrery reproduce lasp2\n"
    "  orrery reproduce ring_flash\n"
    "  orrery reproduce flexsp\n\n";

CommandSyntax syntax() {
  CommandSyntax syntax{
      .command = "reproduce", .argument = "NAME", .required = false, .options = {}};
  syntax.options.add_options()("help,h", "this text")(
      "without-held-out", "leave out the cases that are held out, which may be large")(
      "json", "everything as JSON on standard output, nothing else there");
  return syntax;
}

/// The folder of a name. Throws UsageError with the nearest name when there is none.
std::string folder_of(const std::string& name, const std::string& shipped) {
  if (name.find('/') != std::string::npos) {
    return name;
  }
  std::vector<std::string> names;
  for (const Catalog::Entry& entry : list_reproductions(shipped)) {
    if (entry.name == name) {
      return shipped + "/" + name;
    }
    names.push_back(entry.name);
  }
  const std::string nearest = nearest_name(name, names);
  throw UsageError("nothing to reproduce is called " + json_string(name).describe() +
                   (nearest.empty() ? "" : "; did you mean \"" + nearest + "\"?") +
                   " (`orrery reproduce` lists all)");
}

std::string shipped_ones(const std::string& folder) {
  const std::vector<Catalog::Entry> entries = list_reproductions(folder);
  std::size_t width = 0;
  for (const Catalog::Entry& entry : entries) {
    width = std::max(width, entry.name.size());
  }
  std::string text;
  for (const Catalog::Entry& entry : entries) {
    text += entry.name + std::string(width - entry.name.size() + 2, ' ') + entry.description + "\n";
  }
  return text;
}

int verdict(const std::string& name, bool holds) {
  if (holds) return 0;
  std::cerr << name << ": a limit is missed" << std::endl;
  return kVerdictIsNo;
}

enum class HeldOut : unsigned char { shown, left_out };

ReproductionReport simulate(const Reproduction& reproduction, const Builtins& builtins,
                            HeldOut held_out) {
  ReproductionReport report;
  for (std::size_t index = 0; index < reproduction.cases.size(); ++index) {
    const ReproducedCase& of = reproduction.cases[index];
    if (held_out == HeldOut::left_out && of.role == CaseRole::held_out) continue;
    const Scenario& scenario = of.scenario;
    const Job job = build_job(scenario);
    SimulatedJob simulated(scenario, job, builtins, Folding::where_alike);
    Progress progress(simulated.graph());
    std::vector<Observer*> observers = {&progress};
    const Run run = run_scenario(scenario, job, simulated, builtins, observers);
    compare(reproduction, index, to_json(run.result, scenario), report);
  }
  return report;
}

}  // namespace

int reproduce_command(std::span<const std::string> words, const Builtins& builtins) {
  const CommandSyntax command = syntax();
  const po::variables_map options = parse_command_line(command, words);
  if (prints_help(options, kHelp, command)) return 0;
  const DataFolders data = find_data_folders();
  const std::string name = argument_of(options);
  if (name.empty()) {
    print(shipped_ones(data.reproductions));
    return 0;
  }
  const std::string folder = folder_of(name, data.reproductions);
  const Catalog catalog = open_catalog(data);
  if (auto measured = load_measured_collectives(folder, name, catalog)) {
    simulate(*measured, builtins);
    print(options.count("json") > 0 ? to_text(to_json(*measured), true) + "\n"
                                    : to_text(*measured));
    return verdict(name, measured->holds());
  }
  if (const auto kernels = load_measured_kernels(folder, name, catalog, data.calibration)) {
    print(options.count("json") > 0 ? to_text(to_json(*kernels), true) + "\n" : to_text(*kernels));
    return verdict(name, kernels->holds());
  }
  if (auto configurations = load_configurations(folder, name)) {
    simulate(*configurations, builtins, catalog);
    print(options.count("json") > 0 ? to_text(to_json(*configurations), true) + "\n"
                                    : to_text(*configurations));
    return verdict(name, configurations->holds());
  }
  const Reproduction reproduction = load_reproduction(folder, name, builtins, catalog);
  const bool left_out = options.count("without-held-out") > 0;
  const ReproductionReport report =
      simulate(reproduction, builtins, left_out ? HeldOut::left_out : HeldOut::shown);
  print(options.count("json") > 0 ? to_text(to_json(reproduction, report), true) + "\n"
                                  : to_text(reproduction, report));
  return verdict(reproduction.name, report.holds(reproduction));
}

}  // namespace orrery
