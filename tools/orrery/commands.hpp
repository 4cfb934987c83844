#pragma once

#include <span>
#include <string>
#include <vector>

#include "tools/orrery/builtins.hpp"

namespace orrery {

/// One verb of the program. `run` gets the words after the verb and returns the exit code; it
/// throws Error for everything that went wrong.
struct Command {
  std::string name;
  std::string summary;
  int (*run)(std::span<const std::string> words, const Builtins& builtins);
};

int run_command(std::span<const std::string> words, const Builtins& builtins);
int calibrate_command(std::span<const std::string> words, const Builtins& builtins);
int check_command(std::span<const std::string> words, const Builtins& builtins);
int collective_command(std::span<const std::string> words, const Builtins& builtins);
int cost_command(std::span<const std::string> words, const Builtins& builtins);
int list_command(std::span<const std::string> words, const Builtins& builtins);
int plan_command(std::span<const std::string> words, const Builtins& builtins);
int report_command(std::span<const std::string> words, const Builtins& builtins);
int reproduce_command(std::span<const std::string> words, const Builtins& builtins);
int schema_command(std::span<const std::string> words, const Builtins& builtins);
int search_command(std::span<const std::string> words, const Builtins& builtins);
int sweep_command(std::span<const std::string> words, const Builtins& builtins);
int trace_command(std::span<const std::string> words, const Builtins& builtins);
int topology_command(std::span<const std::string> words, const Builtins& builtins);

/// In the order in which --help shows them.
std::vector<Command> commands();

/// The whole program: finds the command, runs it, turns what it throws into a message on stderr and
/// an exit code (0 done, 1 our bug, 2 wrong input, 3 the verdict is no, 4 deadlock, 5 file or
/// disk, 6 a sweep with failed points, 75 interrupted and resumable).
int run_program(std::span<const std::string> words, const Builtins& builtins);

/// Writes to stdout; throws IoError when that fails (a full disk, say).
void print(const std::string& text);

}  // namespace orrery
