#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tools/orrery/sweep/sweep_folder.hpp"

namespace orrery {

/// How points go to a batch system.
struct BatchOptions {
  std::string scheduler;  // "slurm", "pbs", "lsf"
  std::string partition;  // or queue; "" for the site's own
  std::string time;       // wall-clock limit of a task, as the scheduler writes it; "": the site's
  std::size_t array_limit = 0;           // tasks that may run at once; 0: as many as the site lets
  std::size_t chunk = 20;                // points of a task
  int processors = 1;                    // of a task
  std::vector<std::string> directives;   // further ones: "--account=physics"
  std::string program;                   // this one's path
  std::string sweep;                     // the file's
  std::vector<std::string> overrides{};  // of `--set`
  bool retry = false;                    // failed points too
};

/// The scripts of one submission, in a folder of their own: tasks.txt (the points of a task a
/// line), task.sh (an array job), collect.sh (the table, after all tasks) and submit.sh, which
/// submits both and writes their numbers into jobs.txt. Returns that folder. Slurm's are tested on
/// a cluster, the others' syntax is.
std::string write_batch(const SweepFolder& folder, const BatchOptions& options,
                        const std::vector<std::size_t>& points);

/// The points of one line of tasks.txt, counted from 0. Throws UsageError.
std::vector<std::size_t> points_of_task(const std::string& list, std::size_t line,
                                        std::size_t known);

/// Runs submit.sh. Throws Error when it fails. Returns the numbers of the jobs, the last of them
/// the one that collects.
std::vector<std::string> submit_batch(const std::string& batch);

/// Jobs of earlier submissions that Slurm still has. Throws Error when it does not answer.
std::vector<std::string> jobs_in_queue(const SweepFolder& folder);

}  // namespace orrery
