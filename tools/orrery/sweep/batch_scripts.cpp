#include "tools/orrery/sweep/batch_scripts.hpp"

namespace orrery {
namespace {

std::string replaced(std::string text, const std::string& mark, const std::string& with) {
  for (std::size_t at = text.find(mark); at != std::string::npos;
       at = text.find(mark, at + with.size())) {
    text.replace(at, mark.size(), with);
  }
  return text;
}

/// A line for each that is not empty.
std::string directives(const std::string& head, const std::vector<std::string>& options) {
  std::string lines;
  for (const std::string& option : options) {
    if (!option.empty()) lines += head + " " + option + "\n";
  }
  return lines;
}

std::string with(const std::string& flag, const std::string& value) {
  return value.empty() ? "" : flag + value;
}

std::string limit_of(const BatchOptions& options) {
  return options.array_limit == 0 ? "" : "%" + std::to_string(options.array_limit);
}

std::string filled(std::string text, const BatchPlace& place, const std::string& lines,
                   const BatchOptions& options) {
  text = replaced(std::move(text), "@LINES@", lines);
  text = replaced(std::move(text), "@RUN@", place.run_task);
  text = replaced(std::move(text), "@COLLECT@", place.collect);
  text = replaced(std::move(text), "@BATCH@", quoted(place.batch));
  text = replaced(std::move(text), "@FROM@", quoted(place.from));
  text = replaced(std::move(text), "@TASKS@", std::to_string(place.tasks));
  return replaced(std::move(text), "@LIMIT@", limit_of(options));
}

/// The batch shell gets the signal; it hands it on. A task that stops cleanly (75) goes back into
/// the queue, but not for ever: a point that outlasts the limit would never end.
constexpr const char* kSlurmTask = R"sh(#!/bin/bash
# Points of a sweep; $1: the number of this array's first task. Written by `orrery sweep`.
@LINES@set -u
task=$(($1 + SLURM_ARRAY_TASK_ID))
cd @FROM@ || exit # names of files are as they were given there
@RUN@"${task}" --jobs "${SLURM_CPUS_PER_TASK:-1}" &
child=$!
came=0
trap 'came=1; kill -USR1 "${child}" 2>/dev/null' USR1 TERM
wait "${child}"
code=$?
while ((came)); do # a trap ends a wait
  came=0
  wait "${child}"
  code=$?
done
if ((code == 75 && ${SLURM_RESTART_COUNT:-0} < 20)); then
  scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
fi
exit "${code}"
)sh";

constexpr const char* kCollect = R"sh(#!/bin/bash
# Runs when all tasks have ended, however: what is missing is named. Written by `orrery sweep`.
@LINES@@COLLECT@
)sh";

/// While a task goes back into the queue it counts as ended for a moment, and what waits for it may
/// start: seen after a preemption. A job that slept until then could hold the only place there is.
constexpr const char* kSlurmCollect = R"sh(#!/bin/bash
# Runs when all tasks have ended, however: what is missing is named. Written by `orrery sweep`.
# $1: the numbers of the arrays, colons between them.
@LINES@if [[ -n "$(squeue -h --jobs="${1//:/,}" 2>/dev/null)" ]]; then # some task goes on: after it
  cd @BATCH@ || exit
  id=$(sbatch --parsable --dependency="afterany:$1" collect.sh "$1") || exit
  echo "${id%%;*}" >>jobs.txt
  exit
fi
@COLLECT@
)sh";

/// Indices of an array are below MaxArraySize, so that many tasks are several arrays.
constexpr const char* kSlurmSubmit = R"sh(#!/bin/bash
# Submits the tasks and what collects their results. Written by `orrery sweep`.
set -euo pipefail
cd @BATCH@
tasks=@TASKS@
size=$(scontrol show config | awk '$1 == "MaxArraySize" { print $3 }')
[[ "${size}" =~ ^[1-9][0-9]*$ ]] || { echo "no MaxArraySize from scontrol" >&2; exit 1; }
arrays=
for ((first = 0; first < tasks; first += size)); do
  last=$((tasks - first < size ? tasks - first - 1 : size - 1))
  id=$(sbatch --parsable --array="0-${last}@LIMIT@" task.sh "${first}")
  id=${id%%;*}
  echo "${id}" >>jobs.txt
  arrays+="${arrays:+:}${id}"
done
id=$(sbatch --parsable --dependency="afterany:${arrays}" collect.sh "${arrays}")
echo "${id%%;*}" >>jobs.txt
)sh";

constexpr const char* kPbsTask = R"sh(#!/bin/bash
# Points of a sweep. Written by `orrery sweep`; its syntax was tested, not on a cluster.
@LINES@set -u
cd @FROM@ || exit # names of files are as they were given there
@RUN@"${PBS_ARRAY_INDEX}" --jobs "${NCPUS:-1}"
)sh";

constexpr const char* kPbsSubmit = R"sh(#!/bin/bash
# Submits the tasks and what collects their results (PBS Pro, OpenPBS). Written by `orrery sweep`; its
# syntax was tested, not on a cluster.
set -euo pipefail
cd @BATCH@
last=$((@TASKS@ - 1))
if ((last > 0)); then
  id=$(qsub -J "0-${last}@LIMIT@" task.sh)
else # an array has two tasks at least
  id=$(qsub -v PBS_ARRAY_INDEX=0 task.sh)
fi
echo "${id}" >>jobs.txt
qsub -W depend=afterany:"${id}" collect.sh >>jobs.txt
)sh";

constexpr const char* kLsfTask = R"sh(#!/bin/bash
# Points of a sweep. Written by `orrery sweep`; its syntax was tested, not on a cluster.
@LINES@set -u
cd @FROM@ || exit # names of files are as they were given there
@RUN@"$((LSB_JOBINDEX - 1))" --jobs "${LSB_DJOB_NUMPROC:-1}"
code=$?
((code != 75)) || code=99 # with -Q 99: back into the queue
exit "${code}"
)sh";

constexpr const char* kLsfSubmit = R"sh(#!/bin/bash
# Submits the tasks and what collects their results. Written by `orrery sweep`; its syntax was tested,
# not on a cluster.
set -euo pipefail
cd @BATCH@
answer=$(bsub -J "orrery[1-@TASKS@]@LIMIT@" <task.sh)
id=$(sed -n 's/^Job <\([0-9]*\)>.*/\1/p' <<<"${answer}")
echo "${id}" >>jobs.txt
bsub -w "ended(${id})" <collect.sh | sed -n 's/^Job <\([0-9]*\)>.*/\1/p' >>jobs.txt
)sh";

BatchScripts scripts(const BatchPlace& place, const BatchOptions& options, const char* task,
                     const std::string& task_lines, const char* collect,
                     const std::string& collect_lines, const char* submit) {
  return {filled(task, place, task_lines, options), filled(collect, place, collect_lines, options),
          filled(submit, place, "", options)};
}

}  // namespace

std::string quoted(const std::string& word) {
  return "'" + replaced(word, "'", "'\\''") + "'";
}

BatchScripts slurm_scripts(const BatchOptions& options, const BatchPlace& place) {
  const auto lines = [&](const std::string& log, int processors, bool is_task) {
    std::vector<std::string> all = {"--job-name=orrery", "--output=" + log,
                                    with("--partition=", options.partition),
                                    "--cpus-per-task=" + std::to_string(processors)};
    if (is_task) {
      // Sixty seconds before the limit; Slurm may send it up to a minute earlier, sbatch(1).
      all.insert(all.end(), {with("--time=", options.time), "--requeue", "--open-mode=append",
                             "--signal=B:USR1@60"});
    }
    all.insert(all.end(), options.directives.begin(), options.directives.end());
    return directives("#SBATCH", all);
  };
  return scripts(place, options, kSlurmTask, lines("task_%A_%a.log", options.processors, true),
                 kSlurmCollect, lines("collect_%j.log", 1, false), kSlurmSubmit);
}

BatchScripts pbs_scripts(const BatchOptions& options, const BatchPlace& place) {
  const std::string lines =
      directives("#PBS", {"-N orrery", "-j oe", "-r y", with("-q ", options.partition),
                          with("-l walltime=", options.time),
                          "-l select=1:ncpus=" + std::to_string(options.processors)}) +
      directives("#PBS", options.directives);
  const std::string collect =
      directives("#PBS", {"-N orrery", "-j oe", with("-q ", options.partition)}) +
      directives("#PBS", options.directives);
  return scripts(place, options, kPbsTask, lines, kCollect, collect, kPbsSubmit);
}

BatchScripts lsf_scripts(const BatchOptions& options, const BatchPlace& place) {
  const std::string lines =
      directives("#BSUB", {"-o task_%J_%I.log", "-r", "-Q 99", with("-q ", options.partition),
                           with("-W ", options.time), "-n " + std::to_string(options.processors)}) +
      directives("#BSUB", options.directives);
  const std::string collect =
      directives("#BSUB", {"-J orrery", "-o collect_%J.log", with("-q ", options.partition)}) +
      directives("#BSUB", options.directives);
  return scripts(place, options, kLsfTask, lines, kCollect, collect, kLsfSubmit);
}

}  // namespace orrery
