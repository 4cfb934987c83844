#include <iostream>
#include <string>
#include <vector>

#include "sim/base/errors.hpp"
#include "tools/orrery/builtins.hpp"
#include "tools/orrery/commands.hpp"
#include "tools/simgrid/interchange.hpp"
#include "tools/simgrid/simgrid_flows.hpp"
#include "tools/simgrid/simulate.hpp"

// orrery-simgrid: the program orrery with one more engine of messages, which `orrery run` starts
// when a scenario asks for it; and a verb of its own that runs activities on SimGrid alone, without
// anything of orrery's engine, as an oracle for it:
//   orrery-simgrid activities FILE    the form of FILE stands in tools/simgrid/interchange.hpp
int main(int count, char** words) {
  using namespace orrery;
  const std::vector<std::string> arguments(words + (count > 0 ? 1 : 0), words + count);
  if (arguments.size() == 2 && arguments.front() == "activities") {
    try {
      print(simgrid_program::answer_text(
          simgrid_program::simulate(simgrid_program::read_input(arguments.back()))));
      return 0;
    } catch (const Error& error) {
      std::cerr << error.what() << std::endl;
      return error.exit_code();
    }
  }
  Builtins builtins;
  builtins.fabric_engines.add({"simgrid", simgrid_program::make_simgrid_flows,
                               "SimGrid 3.32, by its models CM02 and LV08"});
  return run_program(arguments, builtins);
}
