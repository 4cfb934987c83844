#include <algorithm>
#include <filesystem>
#include <iostream>
#include <sstream>

#include "tools/orrery/command_line.hpp"
#include "tools/orrery/commands.hpp"
#include "tools/orrery/data_folders.hpp"
#include "tools/orrery/output_folder.hpp"
#include "tools/orrery/sweep/batch.hpp"
#include "tools/orrery/sweep/claim.hpp"
#include "tools/orrery/sweep/collect.hpp"
#include "tools/orrery/sweep/submit.hpp"
#include "tools/orrery/sweep/sweep.hpp"

namespace orrery {
namespace {

namespace po = boost::program_options;
namespace fs = std::filesystem;

constexpr int kFailedPoints = 6;

constexpr const char* kHelp =
    "usage: orrery sweep FILE [options]        simulate all points of a sweep, or go on with them\n"
    "       orrery sweep collect DIR [options] their table: table.csv and summary.md in DIR\n\n"
    "A sweep file is a scenario and what varies in it, by JSON pointer:\n\n"
    "  { \"orrery\": 1, \"sweep\": {\n"
    "      \"base\": \"scenario.json\",                         or a scenario in place\n"
    "      \"axes\": { \"/cluster/with/nodes\": [1, 2, 4],\n"
    "                \"/workload/parallel/tensor\": {\"from\": 1, \"to\": 8, \"times\": 2},\n"
    "                \"/workload/micro_batch\": {\"from\": 1, \"to\": 4, \"step\": 1} },\n"
    "      \"zip\": [ {\"/a\": [1, 2], \"/b\": [3, 4]} ],          go together\n"
    "      \"where\": \"tensor * pipeline <= devices\",         names of axes, devices, or values "
    "of\n"
    "                the scenario; and or not in min max + - * / % == != < <= > >=\n"
    "      \"sample\": {\"kind\": \"latin_hypercube\", \"points\": 200, \"seed\": 1},   or random\n"
    "      \"repeat\": {\"seeds\": 5} } }\n\n"
    "Each point's result is one file in DIR, which appears whole or not at all; the same command\n"
    "again does what is missing or broken. Exit code 6: some points failed, 75: stopped by a "
    "signal.\n\n"
    "example\n"
    "  orrery sweep experiments/sweeps/scaling/sweep.json --out /tmp/scaling\n"
    "  orrery sweep collect /tmp/scaling --pareto step_time_s,mfu+\n\n";

CommandSyntax syntax() {
  CommandSyntax syntax{
      .command = "sweep", .argument = "FILE", .required = true, .more = "DIR", .options = {}};
  const auto text = [](const char* name) { return po::value<std::string>()->value_name(name); };
  syntax.options.add_options()("help,h", "this text")(
      "out", text("DIR"), "the folder of the results; default: FILE's name with .sweep, here")(
      "set", po::value<std::vector<std::string>>()->value_name("PTR=VALUE"),
      "put VALUE into the scenario before anything varies; repeatable")(
      "jobs,j", po::value<int>()->value_name("N"), "points at once; default: all processors")(
      "dry-run", "list the points, and what is wrong with which, and simulate nothing")(
      "retry", text("failed"), "do failed points again too")(
      "adopt", "go on in a folder of another sweep; points that both have are kept")(
      "shard", text("I/N"), "every N-th point from the I-th; the N parts may run anywhere at once")(
      "slurm", "submit as a Slurm job array, with a job that collects")(
      "pbs", "write scripts for PBS; their syntax is tested, not on a cluster")(
      "lsf", "write scripts for LSF; likewise")("write-only", "with --slurm: do not submit")(
      "partition", text("NAME"), "or queue")("time", text("LIMIT"), "of a task, say 01:00:00")(
      "array-limit", po::value<std::int64_t>()->value_name("N"), "tasks that may run at once")(
      "chunk", po::value<std::int64_t>()->value_name("N"), "points of a task; default 20")(
      "processors", po::value<int>()->value_name("N"), "of a task; default 1")(
      "directive", po::value<std::vector<std::string>>()->value_name("TEXT"),
      "another line for the scheduler, --directive=--account=x; repeatable")(
      "task", text("LIST:LINE"), "the points in a line of a file; what the scripts call")(
      "complete", "collect: exit code 75 when results are missing")(
      "pareto", text("METRIC[+],…"),
      "collect: mark what nothing is better than in all of these; + where more is better");
  return syntax;
}

int jobs_of(const po::variables_map& options) {
  const int jobs = options.count("jobs") > 0 ? options["jobs"].as<int>() : usable_processors();
  if (jobs < 1 || jobs > 1024) {
    throw UsageError("--jobs: expected a number from 1 to 1024, got " + std::to_string(jobs));
  }
  return jobs;
}

int collect(const std::string& folder, const po::variables_map& options) {
  const SweepFolder from(folder);
  SweepTable table = read_table(from);
  std::vector<Objective> front;
  if (options.count("pareto") > 0) {
    front = objectives_from(options["pareto"].as<std::string>());
    mark_front(table, front);
  }
  const std::string summary = to_markdown(table, front);
  write_file(from.path_of("table.csv"), to_csv(table, !front.empty()));
  write_file(from.path_of("summary.md"), summary);
  print(summary + "\n" + from.path_of("table.csv") + "\n");
  const std::size_t missing = table.count("missing");
  if (missing > 0 && options.count("complete") > 0) {
    std::cerr << missing << " of " << table.rows.size()
              << " points have no result; the same `orrery sweep` again does what is missing"
              << std::endl;
    return kResumable;
  }
  return table.count("failed") + table.count("invalid") > 0 ? kFailedPoints : 0;
}

std::string state_of(const std::optional<PointRow>& row) {
  if (!row) return "ok";
  return row->is_failure() ? "failed, done again with --retry failed: " + row->error : "done";
}

int dry_run(const Sweep& sweep, const SweepFolder& folder, const std::vector<std::size_t>& points) {
  const std::vector<std::string> mistakes = sweep.check(points);
  const std::vector<Sweep::Named> names = sweep.name(points);
  std::ostringstream text;
  std::size_t invalid = 0;
  const std::vector<std::string> columns = columns_of(sweep.file());
  for (std::size_t i = 0; i < points.size(); ++i) {
    text << points[i];
    const std::vector<std::string> labels = sweep.labels(points[i]);
    for (std::size_t c = 0; c < columns.size(); ++c) text << "  " << columns[c] << " " << labels[c];
    if (!mistakes[i].empty()) ++invalid;
    text << "  "
         << (mistakes[i].empty() ? state_of(folder.read_result(names[i].id))
                                 : "invalid: " + mistakes[i])
         << "\n";
  }
  text << points.size() << " points, " << invalid << " of them invalid\n";
  print(text.str());
  return invalid == points.size() ? UsageError("").exit_code() : 0;
}

struct Shard {
  std::size_t index = 1;
  std::size_t count = 1;

  std::string name() const {
    return count == 1 ? "all" : std::to_string(index) + "_of_" + std::to_string(count);
  }
};

Shard shard_of(const po::variables_map& options) {
  if (options.count("shard") == 0) return {};
  const std::string text = options["shard"].as<std::string>();
  std::istringstream stream(text);
  Shard shard;
  char slash = ' ';
  const bool is_read = static_cast<bool>(stream >> shard.index >> slash >> shard.count);
  if (!is_read || slash != '/' || !stream.eof() || shard.index < 1 || shard.index > shard.count ||
      shard.count > kMaximumPoints) {
    throw UsageError("--shard: expected I/N with 1 <= I <= N, got " + text);
  }
  return shard;
}

int report(const Sweep::Outcome& outcome, std::size_t points, const std::string& folder) {
  std::ostringstream text;
  text << points << " points:";
  for (const auto& [status, count] : outcome.by_status) text << " " << count << " " << status;
  text << "; " << outcome.there_already << " were there already\n"
       << "`orrery sweep collect " << folder << "` makes their table\n";
  print(text.str());
  if (outcome.stopped) {
    std::cerr << "stopped; the same command goes on" << std::endl;
    return kResumable;
  }
  return outcome.failures() > 0 ? kFailedPoints : 0;
}

int run_task(const Sweep& sweep, const SweepFolder& folder, const std::string& task, bool retry) {
  const std::size_t colon = task.rfind(':');
  const std::string line = colon == std::string::npos ? "" : task.substr(colon + 1);
  if (line.empty() || line.size() > 9 ||
      line.find_first_not_of("0123456789") != std::string::npos) {
    throw UsageError("--task: expected LIST:LINE, got " + task);
  }
  const std::vector<std::size_t> points =
      points_of_task(task.substr(0, colon), std::stoul(line), sweep.size());
  return report(sweep.run(folder, points, sweep.name(points), retry, {}), points.size(),
                folder.path());
}

std::vector<std::size_t> shard_points(const Shard& shard, std::size_t count) {
  std::vector<std::size_t> points;
  for (std::size_t i = shard.index - 1; i < count; i += shard.count) points.push_back(i);
  return points;
}

}  // namespace

int sweep_command(std::span<const std::string> words, const Builtins& builtins) {
  const CommandSyntax command = syntax();
  const po::variables_map options = parse_command_line(command, words);
  if (prints_help(options, kHelp, command)) return 0;
  const std::string path = argument_of(options);
  const std::vector<std::string> more = more_arguments_of(options);
  if (path == "collect") {
    if (more.size() != 1) throw UsageError("expected one DIR to collect from");
    return collect(more.front(), options);
  }
  if (!more.empty()) throw UsageError("expected one FILE, got more");
  const bool retry = retries_failed(options);
  const StopSignals held;  // also between one pool of threads and the next
  const Catalog catalog = open_catalog(find_data_folders());
  const Sweep sweep(load_sweep(path, overrides_of(options)), builtins, catalog, jobs_of(options));
  const SweepFolder folder(text_or(options, "out", fs::path(path).stem().string() + ".sweep"));
  const Shard shard = shard_of(options);
  if (options.count("dry-run") > 0) {
    return dry_run(sweep, folder, shard_points(shard, sweep.size()));
  }
  if (options.count("task") > 0) {
    folder.expect(sweep.file(), false);  // the file may have been changed since it was submitted
    return run_task(sweep, folder, options["task"].as<std::string>(), retry);
  }
  if (shard.count > 1 && !scheduler_of(options).empty()) {
    throw UsageError("--shard: a job array has all points, in tasks of --chunk");
  }
  const std::vector<Sweep::Named> names = sweep.name(all_of(sweep.size()));
  require_a_valid_one(names);
  folder.expect(sweep.file(), options.count("adopt") > 0);
  const Claim claim(folder.path(), shard.name());
  folder.open(sweep.file(), options.count("adopt") > 0);
  write_plan(sweep, names, folder);
  if (!scheduler_of(options).empty()) {
    const std::vector<std::size_t> missing = missing_in(folder, all_of(sweep.size()), names, retry);
    if (!missing.empty()) return submit_points(folder, path, missing, options);
    print("nothing is missing\n\n");  // a batch system may have lost the job that collects
    return collect(folder.path(), options);
  }
  if (shard.count == 1) folder.remove_temporary_files();
  const std::vector<std::size_t> points = shard_points(shard, sweep.size());
  std::vector<Sweep::Named> of_shard;
  for (const std::size_t point : points) of_shard.push_back(names[point]);
  return report(sweep.run(folder, points, of_shard, retry, [&] { claim.touch(); }), points.size(),
                folder.path());
}

}  // namespace orrery
