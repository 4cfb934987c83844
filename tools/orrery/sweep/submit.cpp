#include "tools/orrery/sweep/submit.hpp"

#include <filesystem>

#include "tools/orrery/commands.hpp"
#include "tools/orrery/sweep/batch.hpp"
#include "tools/orrery/sweep/points.hpp"

namespace orrery {
namespace {

namespace po = boost::program_options;
namespace fs = std::filesystem;

std::string joined(const std::vector<std::string>& texts, const char* separator) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : separator) + text;
  return all;
}

std::size_t count_or(const po::variables_map& options, const char* name, std::size_t otherwise) {
  if (options.count(name) == 0) return otherwise;
  const std::int64_t count = options[name].as<std::int64_t>();
  if (count < 1 || count > static_cast<std::int64_t>(kMaximumPoints)) {
    throw UsageError(std::string("--") + name + ": expected a number from 1 to " +
                     std::to_string(kMaximumPoints) + ", got " + std::to_string(count));
  }
  return static_cast<std::size_t>(count);
}

BatchOptions batch_options(const po::variables_map& options, const std::string& sweep) {
  BatchOptions batch;
  batch.scheduler = scheduler_of(options);
  batch.sweep = sweep;
  batch.partition = text_or(options, "partition", "");
  batch.time = text_or(options, "time", "");
  batch.array_limit = count_or(options, "array-limit", batch.array_limit);
  batch.chunk = count_or(options, "chunk", batch.chunk);
  if (options.count("processors") > 0) batch.processors = options["processors"].as<int>();
  if (batch.processors < 1) throw UsageError("--processors: expected a number above 0");
  if (options.count("directive") > 0) {
    batch.directives = options["directive"].as<std::vector<std::string>>();
  }
  batch.program = fs::read_symlink("/proc/self/exe").string();
  batch.overrides = overrides_of(options);
  batch.retry = options.count("retry") > 0;
  return batch;
}

}  // namespace

std::string scheduler_of(const po::variables_map& options) {
  for (const char* name : {"slurm", "pbs", "lsf"}) {
    if (options.count(name) > 0) return name;
  }
  return "";
}

int submit_points(const SweepFolder& folder, const std::string& sweep,
                  const std::vector<std::size_t>& missing, const po::variables_map& options) {
  const BatchOptions batch = batch_options(options, sweep);
  const std::string count = std::to_string(missing.size()) + " points";
  const bool is_slurm = batch.scheduler == "slurm";
  if (!is_slurm || options.count("write-only") > 0) {
    const std::string path = write_batch(folder, batch, missing);
    print(count + " in " + path + "; `bash " + path + "/submit.sh` submits them" +
          (is_slurm ? "\n" : "; of these scripts only the syntax was tested\n"));
    return 0;
  }
  if (const std::vector<std::string> queued = jobs_in_queue(folder); !queued.empty()) {
    throw UsageError("the sweep in " + folder.path() + " is still in the queue; watch it with " +
                     "`squeue --jobs=" + joined(queued, ",") + "`, cancel it with `scancel " +
                     joined(queued, " ") + "`");
  }
  const std::string path = write_batch(folder, batch, missing);
  const std::vector<std::string> jobs = submit_batch(path);
  print("submitted " + count + " as jobs " + joined(jobs, " ") +
        ", the last of which collects\n  watch:  squeue --jobs=" + joined(jobs, ",") +
        "\n  cancel: scancel " + joined(jobs, " ") + "\n  logs:   " + path + "\n");
  return 0;
}

}  // namespace orrery
