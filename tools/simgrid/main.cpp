#include <exception>
#include <iostream>
#include <string>

#include "sim/base/errors.hpp"
#include "tools/simgrid/interchange.hpp"
#include "tools/simgrid/simulate.hpp"

namespace orrery::simgrid_program {
namespace {

constexpr int kOurBug = 1;
constexpr int kWrongInput = 2;
constexpr const char* kUsage =
    "usage: orrery-simgrid FILE\n"
    "Runs the transfers and computes of FILE on SimGrid and prints when each ends, as JSON.\n"
    "The form of FILE stands in tools/simgrid/interchange.hpp.\n"
    "exit codes: 0 done; 1 our bug; 2 wrong input; 5 a file or disk error\n";

int run_program(int count, char** words) {
  if (count != 2) {
    std::cerr << kUsage;
    return kWrongInput;
  }
  const std::string path = words[1];
  if (path == "--help" || path == "-h") {
    std::cout << kUsage;
    return 0;
  }
  std::cout << answer_text(simulate(read_input(path))) << std::flush;
  if (!std::cout) {
    throw IoError("cannot write to standard output");
  }
  return 0;
}

}  // namespace
}  // namespace orrery::simgrid_program

int main(int count, char** words) {
  using orrery::simgrid_program::kOurBug;
  try {
    return orrery::simgrid_program::run_program(count, words);
  } catch (const orrery::Error& error) {
    std::cerr << error.what() << std::endl;
    return error.exit_code();
  } catch (const std::exception& error) {
    std::cerr << "orrery-simgrid failed, which is a bug of it: " << error.what() << std::endl;
  }
  return kOurBug;
}
