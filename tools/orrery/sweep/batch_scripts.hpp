#pragma once

#include <string>

#include "tools/orrery/sweep/batch.hpp"

namespace orrery {

/// The three scripts of a submission.
struct BatchScripts {
  std::string task;
  std::string collect;
  std::string submit;
};

/// What they share, quoted for the shell.
struct BatchPlace {
  std::string batch;     // the submission's folder
  std::string from;      // where it was submitted, unquoted
  std::string run_task;  // the command of a task, but for its number
  std::string collect;   // the command that collects
  std::size_t tasks = 0;
};

BatchScripts slurm_scripts(const BatchOptions& options, const BatchPlace& place);
BatchScripts pbs_scripts(const BatchOptions& options, const BatchPlace& place);
BatchScripts lsf_scripts(const BatchOptions& options, const BatchPlace& place);

/// As one word for a POSIX shell.
std::string quoted(const std::string& word);

}  // namespace orrery
