#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tools/orrery/command_line.hpp"
#include "tools/orrery/sweep/sweep_folder.hpp"

namespace orrery {

/// "slurm", "pbs" or "lsf", whichever the command line asks for; "" for none.
std::string scheduler_of(const boost::program_options::variables_map& options);

/// Writes the scripts for the points that are missing and, with Slurm and unless --write-only,
/// submits them, then prints how to watch and cancel. Throws UsageError while earlier jobs of this
/// folder are in the queue. `sweep`: the path of the file. Returns the exit code.
int submit_points(const SweepFolder& folder, const std::string& sweep,
                  const std::vector<std::size_t>& missing,
                  const boost::program_options::variables_map& options);

}  // namespace orrery
