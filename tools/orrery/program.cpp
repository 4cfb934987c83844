#include <exception>
#include <iostream>
#include <new>
#include <sstream>

#include "sim/base/json_cursor.hpp"
#include "tools/orrery/command_line.hpp"
#include "tools/orrery/commands.hpp"

namespace orrery {
namespace {

constexpr int kOurBug = 1;

std::string help_text() {
  std::ostringstream text;
  text << "orrery: what happens, and when, if this workload runs on that cluster?\n\n"
          "usage: orrery COMMAND …\n\n";
  for (const Command& command : commands()) {
    text << "  " << command.name << std::string(11 - command.name.size(), ' ') << command.summary
         << "\n";
  }
  text << "\n"
          "start here\n"
          "  orrery run experiments/quickstart/scenario.json\n"
          "  orrery run experiments/quickstart/scenario.json --set /workload/global_batch=128 \\\n"
          "             --out /tmp/result --trace\n"
          "  orrery list devices\n"
          "  orrery COMMAND --help\n\n"
          "A scenario is one JSON file: a cluster (from the catalogue, or your own), a workload, "
          "and\n"
          "optionally how collectives run and how kernels are priced. Quantities are strings with\n"
          "units (\"5 us\", \"400 Gbit/s\", \"80 GiB\"); a bare number is a count.\n\n"
          "exit codes: 0 done; 1 our bug; 2 wrong input; 3 ran, and the verdict is no (does not "
          "fit\n"
          "in memory, misses a published figure's limit); 4 the workload deadlocks; 5 a file or "
          "disk error;\n"
          "6 a sweep with failed points; 75 stopped, and the same command goes on\n";
  return text.str();
}

int dispatch(std::span<const std::string> words, const Builtins& builtins) {
  const std::string first = words.empty() ? "--help" : words.front();
  if (first == "--help" || first == "-h" || first == "help") {
    print(help_text());
    return words.empty() ? UsageError("").exit_code() : 0;
  }
  if (first == "--version") {
    print("orrery " ORRERY_VERSION "\n");
    return 0;
  }
  std::vector<std::string> names;
  for (const Command& command : commands()) {
    if (command.name == first) {
      return command.run(words.subspan(1), builtins);
    }
    names.push_back(command.name);
  }
  const std::string nearest = nearest_name(first, names);
  throw UsageError("unknown " + std::string(first.starts_with("-") ? "option " : "command ") +
                   json_string(first).describe() +
                   (nearest.empty() ? "" : "; did you mean \"" + nearest + "\"?") +
                   " (`orrery --help` shows all)");
}

}  // namespace

std::vector<Command> commands() {
  return {
      {"run", "simulate a scenario: how long, where the time goes, does it fit", run_command},
      {"check", "find every mistake of a scenario without running it", check_command},
      {"list", "what a scenario can name: devices, clusters, networks, …", list_command},
      {"collective", "times and bandwidths of one collective over sizes, as nccl-tests prints them",
       collective_command},
      {"topology", "the networks of a scenario: counts, diameter, bisection, a drawing",
       topology_command},
      {"trace", "summarise, compare and convert traces; write a workload as Chakra or GOAL",
       trace_command},
      {"plan", "which sequences go to which groups of devices, before anything is simulated",
       plan_command},
      {"cost", "what one kernel takes on a device, and why", cost_command},
      {"calibrate", "fit a kernel's cost to measured times", calibrate_command},
      {"report", "a page to look at: timeline, load, critical path, what would help",
       report_command},
      {"sweep", "many points of a scenario, on all processors or as a Slurm job array; resumes",
       sweep_command},
      {"search", "the best point of a sweep, proved without simulating most of them",
       search_command},
      {"reproduce", "published figures beside simulated ones, with the difference",
       reproduce_command},
      {"schema", "the JSON Schema of a scenario, for editors", schema_command}};
}

int run_program(std::span<const std::string> words, const Builtins& builtins) {
  try {
    return dispatch(words, builtins);
  } catch (const OverflowError& error) {
    std::cerr << error.what() << " (of time: 106 days in picoseconds); some time, size or rate of "
              << "the scenario is out of all proportion" << std::endl;
    return error.exit_code();
  } catch (const Error& error) {
    std::cerr << error.what() << std::endl;
    return error.exit_code();
  } catch (const std::bad_alloc&) {
    std::cerr << "orrery ran out of memory; a smaller scenario may fit" << std::endl;
  } catch (const std::exception& error) {
    std::cerr << "orrery failed, which is a bug of orrery: " << error.what() << std::endl;
  }
  return kOurBug;
}

void print(const std::string& text) {
  std::cout << text << std::flush;
  if (!std::cout) {
    throw IoError("cannot write to standard output");
  }
}

}  // namespace orrery
