#include "tools/orrery/sweep/batch.hpp"

#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "tools/orrery/command_line.hpp"
#include "tools/orrery/output_folder.hpp"
#include "tools/orrery/sweep/batch_scripts.hpp"

namespace orrery {
namespace {

namespace fs = std::filesystem;

/// A program of the batch system failed.
class BatchError : public Error {
 public:
  explicit BatchError(const std::string& what) : Error(what, 5) {}
};

/// What a command of the shell writes; throws BatchError when it fails.
std::string output_of(const std::string& command) {
  std::FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) throw BatchError("cannot run " + command);
  std::string text;
  std::array<char, 4096> part{};
  for (std::size_t read = 0; (read = std::fread(part.data(), 1, part.size(), pipe)) > 0;) {
    text.append(part.data(), read);
  }
  const int status = ::pclose(pipe);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    throw BatchError(command + " failed: " + text.substr(0, text.find_last_not_of('\n') + 1));
  }
  return text;
}

/// slurm/001, slurm/002, …: the first that is not there.
std::string next_batch(const SweepFolder& folder, const std::string& scheduler) {
  for (int number = 1;; ++number) {
    std::string name = std::to_string(number);
    name.insert(0, name.size() < 3 ? 3 - name.size() : 0, '0');
    const std::string path = folder.path_of(scheduler + "/" + name);
    std::error_code error;
    fs::create_directories(fs::path(path).parent_path(), error);
    if (fs::create_directory(path, error)) return path;
    if (error) throw IoError("cannot create the folder " + path + ": " + error.message());
  }
}

std::string tasks_text(const std::vector<std::size_t>& points, std::size_t chunk) {
  std::string text;
  for (std::size_t i = 0; i < points.size(); ++i) {
    text += std::to_string(points[i]);
    text += i + 1 == points.size() || (i + 1) % chunk == 0 ? "\n" : ",";
  }
  return text;
}

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream stream(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

}  // namespace

std::string write_batch(const SweepFolder& folder, const BatchOptions& options,
                        const std::vector<std::size_t>& points) {
  const std::string path = fs::absolute(next_batch(folder, options.scheduler)).string();
  const std::string where = quoted(fs::absolute(folder.path()).lexically_normal().string());
  const std::string program = quoted(options.program);
  BatchPlace place{.batch = path,
                   .from = fs::current_path().string(),
                   .run_task = program + " sweep " + quoted(options.sweep) + " --out " + where,
                   .collect = program + " sweep collect " + where + " --complete",
                   .tasks = (points.size() + options.chunk - 1) / options.chunk};
  for (const std::string& text : options.overrides) place.run_task += " --set " + quoted(text);
  if (options.retry) place.run_task += " --retry failed";
  place.run_task += " --task " + quoted(path + "/tasks.txt") + ":";
  const BatchScripts scripts = options.scheduler == "slurm" ? slurm_scripts(options, place)
                               : options.scheduler == "pbs" ? pbs_scripts(options, place)
                                                            : lsf_scripts(options, place);
  write_file(path + "/tasks.txt", tasks_text(points, options.chunk));
  write_file(path + "/task.sh", scripts.task);
  write_file(path + "/collect.sh", scripts.collect);
  write_file(path + "/submit.sh", scripts.submit);
  return path;
}

std::vector<std::size_t> points_of_task(const std::string& list, std::size_t line,
                                        std::size_t known) {
  const std::vector<std::string> lines = lines_of(list);
  if (line >= lines.size()) {
    throw UsageError("--task: " + list + " has no line " + std::to_string(line));
  }
  std::vector<std::size_t> points;
  std::istringstream stream(lines[line]);
  for (std::string number; std::getline(stream, number, ',');) {
    const bool is_number = !number.empty() && number.size() < 10 &&
                           number.find_first_not_of("0123456789") == std::string::npos;
    if (!is_number || std::stoull(number) >= known) {
      throw UsageError("--task: " + list + " names a point \"" + number + "\", the sweep has " +
                       std::to_string(known) + "; was it changed since?");
    }
    points.push_back(std::stoull(number));
  }
  return points;
}

std::vector<std::string> submit_batch(const std::string& batch) {
  output_of("bash " + quoted(batch + "/submit.sh"));
  return lines_of(batch + "/jobs.txt");
}

std::vector<std::string> jobs_in_queue(const SweepFolder& folder) {
  std::set<std::string> submitted;
  std::error_code error;
  for (const auto& batch : fs::directory_iterator(folder.path_of("slurm"), error)) {
    for (const std::string& job : lines_of((batch.path() / "jobs.txt").string()))
      submitted.insert(job);
  }
  if (submitted.empty()) return {};
  // %F: the number of the array, whichever of its tasks it is.
  std::istringstream stream(output_of("squeue --me --noheader --format=%F"));
  const std::set<std::string> queued{std::istream_iterator<std::string>(stream), {}};
  std::vector<std::string> both;
  std::set_intersection(submitted.begin(), submitted.end(), queued.begin(), queued.end(),
                        std::back_inserter(both));
  return both;
}

}  // namespace orrery
