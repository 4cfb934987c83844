#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tests/oracle/simgrid_cases.hpp"
#include "tests/tools/child_program.hpp"

/// Cases on SimGrid, through orrery-simgrid as a child process: SimGrid keeps one engine per
/// process and cannot reset it.
namespace orrery::oracle {

/// False where CMake found no SimGrid; nothing below may be called then.
bool simgrid_is_built();
/// What orrery-simgrid does with this file.
testing_program::Outcome run_simgrid(const std::string& text);

std::size_t activity_count(const Case& one);
/// When each activity ends, case by case, the transfers of a case before its computes. One process
/// runs them all, side by side: no case sees a link or a host of another.
std::vector<std::vector<double>> simgrid_completion_s(const std::vector<Case>& cases);

}  // namespace orrery::oracle
