#include <string>
#include <vector>

#include "tools/orrery/builtins.hpp"
#include "tools/orrery/commands.hpp"

int main(int count, char** words) {
  const std::vector<std::string> arguments(words + (count > 0 ? 1 : 0), words + count);
  return orrery::run_program(arguments, orrery::Builtins());
}
