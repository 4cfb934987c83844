#include <filesystem>

#include "hw/spec.hpp"
#include "sim/base/json_cursor.hpp"
#include "sim/base/unit_text.hpp"
#include "tools/orrery/command_line.hpp"
#include "tools/orrery/commands.hpp"
#include "tools/orrery/data_folders.hpp"
#include "tools/orrery/output_folder.hpp"
#include "tools/orrery/scenario_document.hpp"
#include "tools/orrery/sweep/claim.hpp"
#include "tools/orrery/sweep/search.hpp"

namespace orrery {
namespace {

namespace po = boost::program_options;
namespace fs = std::filesystem;

constexpr int kNothingFits = 3;
constexpr int kFailedPoints = 6;

constexpr const char* kHelp =
    "usage: orrery search FILE [options]\n\n"
    "Finds the best point of a sweep file (`orrery sweep --help`) among those that fit in memory,\n"
    "without simulating most of them: points that cannot fit, or that a bound proves worse than "
    "the\n"
    "best so far, are dropped. FILE may also be a scenario of transformer_training: then it looks "
    "at\n"
    "all tensor and pipeline degrees that divide the cluster (the rest is data parallel),\n"
    "micro-batches of 1 to 8, recomputation, ZeRO stages, two orders of placement, rings instead "
    "of\n"
    "the library's choice of all-reduce, and, from 32768 tokens on, three methods of sequence\n"
    "parallelism of all degrees.\n\n"
    "Bounds are for --minimise of the workload's time and --maximise tokens_per_s; for other "
    "figures\n"
    "only memory prunes. The best is the same whatever --jobs; which of the others were simulated "
    "may\n"
    "differ. Stopped by a signal or a budget it says what it has, and the same command goes on; a "
    "time\n"
    "counts from the start, and points that have begun are finished. Exit code 3: no point fits, "
    "6: "
    "some\n"
    "points failed.\n\n"
    "example\n"
    "  orrery search experiments/sweeps/llama3_70b_on_64_h100/search.json --minimise "
    "step_time_s\n\n";

CommandSyntax syntax() {
  CommandSyntax syntax{.command = "search", .argument = "FILE", .required = true, .options = {}};
  const auto text = [](const char* name) { return po::value<std::string>()->value_name(name); };
  syntax.options.add_options()("help,h", "this text")(
      "minimise", text("METRIC"), "a column of `orrery sweep collect`; default: step_time_s")(
      "maximise", text("METRIC"), "say tokens_per_s")(
      "budget", text("N|TIME"), "simulate at most N points, or take no longer than \"60 s\"")(
      "out", text("DIR"), "the folder of the results; default: FILE's name with .search, here")(
      "set", po::value<std::vector<std::string>>()->value_name("PTR=VALUE"),
      "put VALUE into the scenario before anything varies; repeatable")(
      "jobs,j", po::value<int>()->value_name("N"), "points at once; default: all processors")(
      "adopt", "go on in a folder of another search; points that both have are kept")(
      "retry", text("failed"), "simulate failed points again")("exhaustive",
                                                               "prune nothing, for comparison")(
      "json", "as JSON on standard output, nothing else there");
  return syntax;
}

Objective objective_of(const po::variables_map& options) {
  if (options.count("minimise") > 0 && options.count("maximise") > 0) {
    throw UsageError("expected --minimise or --maximise, got both");
  }
  if (options.count("maximise") > 0) return {options["maximise"].as<std::string>(), true};
  if (options.count("minimise") > 0) return {options["minimise"].as<std::string>(), false};
  return {"step_time_s", false};
}

void read_budget(const po::variables_map& options, SearchOptions& search) {
  if (options.count("budget") == 0) return;
  const std::string text = options["budget"].as<std::string>();
  if (const std::optional<Duration> time = parse_duration(text); time && *time > Duration(0)) {
    search.time = std::chrono::duration<double>(to_seconds(*time));
  } else if (text.size() < 10 && text.find_first_not_of("0123456789") == std::string::npos &&
             !text.empty() && std::stoul(text) > 0) {
    search.most_points = std::stoul(text);
  } else {
    throw UsageError("--budget: expected a number of points, or a time such as \"60 s\", got " +
                     json_string(text).describe());
  }
}

std::int64_t devices_of(const JsonValue& scenario, const Catalog& catalog) {
  const JsonValue* cluster = scenario.find("cluster");
  if (cluster == nullptr) throw UsageError("a scenario needs a cluster to be searched");
  JsonValue resolved = json_object({{"cluster", *cluster}});
  Diagnostics mistakes;
  catalog.resolve(resolved, mistakes);
  mistakes.throw_if_any();
  const ClusterSpec spec = read_cluster(JsonCursor(*resolved.find("cluster"), mistakes));
  mistakes.throw_if_any();
  return spec.device_count();
}

SweepFile space_of(const std::string& path, const std::vector<std::string>& overrides,
                   const Catalog& catalog) {
  if (is_sweep(path)) return load_sweep(path, overrides);
  JsonValue scenario = load_json(path, path);
  Diagnostics mistakes;
  apply_overrides(scenario, overrides, mistakes);
  mistakes.throw_if_any();
  const std::int64_t devices = devices_of(scenario, catalog);
  JsonValue space = standard_space(scenario, devices);
  set_origin(space, {std::make_shared<const std::string>("(the standard axes)"), ""});
  return sweep_over(path, std::move(scenario), std::move(space));
}

/// Resolved, so that it can be run wherever it lies: it may name files beside the sweep.
void write_best(const Sweep& sweep, const SearchResult& result, const SweepFolder& folder,
                const Builtins& builtins, const Catalog& catalog) {
  const Scenario best =
      scenario_from(sweep.document(result.ranking.front()), {}, builtins, catalog);
  write_file(folder.path_of("best.json"), to_text(best.resolved, true) + "\n");
}

}  // namespace

int search_command(std::span<const std::string> words, const Builtins& builtins) {
  const CommandSyntax command = syntax();
  const po::variables_map options = parse_command_line(command, words);
  if (prints_help(options, kHelp, command)) return 0;
  SearchOptions how{
      .objective = objective_of(options),
      .jobs = options.count("jobs") > 0 ? options["jobs"].as<int>() : usable_processors(),
      .retry_failed = retries_failed(options),
      .prune = options.count("exhaustive") == 0};
  if (how.jobs < 1 || how.jobs > 1024) {
    throw UsageError("--jobs: expected a number from 1 to 1024, got " + std::to_string(how.jobs));
  }
  read_budget(options, how);
  const StopSignals held;  // also between one pool of threads and the next
  const Catalog catalog = open_catalog(find_data_folders());
  const std::string path = argument_of(options);
  const Sweep sweep(space_of(path, overrides_of(options), catalog), builtins, catalog, how.jobs);
  const SweepFolder folder(options.count("out") > 0 ? options["out"].as<std::string>()
                                                    : fs::path(path).stem().string() + ".search");
  const std::vector<Sweep::Named> names = sweep.name(all_of(sweep.size()));
  require_a_valid_one(names);
  folder.expect(sweep.file(), options.count("adopt") > 0);
  const Claim claim(folder.path(), "all");
  folder.open(sweep.file(), options.count("adopt") > 0);
  write_plan(sweep, names, folder);
  const SearchResult result = search(sweep, names, folder, how, builtins, catalog);
  if (!result.ranking.empty()) write_best(sweep, result, folder, builtins, catalog);
  print(options.count("json") > 0 ? to_text(to_json(sweep, result, how.objective), true) + "\n"
                                  : report_of(sweep, result, how.objective));
  if (!result.complete) return kResumable;
  if (result.failures() > 0) return kFailedPoints;
  return result.ranking.empty() ? kNothingFits : 0;
}

}  // namespace orrery
