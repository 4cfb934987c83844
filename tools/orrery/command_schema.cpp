
#include "tools/orrery/command_line.hpp"
#include "tools/orrery/commands.hpp"
#include "tools/orrery/data_folders.hpp"
#include "tools/orrery/schema.hpp"

namespace orrery {
namespace {

constexpr const char* kHelp =
    "usage: orrery schema [--sweep]\n\n"
    "Prints the JSON Schema of a scenario, or of a sweep (draft 2020-12), from which editors "
    "complete\n"
    "keys and mark mistakes while you type.\n\n"
    "example\n"
    "  orrery schema > scenario.schema.json\n\n";

}  // namespace

int schema_command(std::span<const std::string> words, const Builtins& builtins) {
  CommandSyntax syntax{.command = "schema", .argument = "", .required = false, .options = {}};
  syntax.options.add_options()("help,h", "this text")("sweep", "of a sweep file");
  const auto options = parse_command_line(syntax, words);
  if (prints_help(options, kHelp, syntax)) return 0;
  const Catalog catalog = open_catalog(find_data_folders());
  print(to_text(options.count("sweep") > 0 ? sweep_schema(builtins, catalog)
                                           : scenario_schema(builtins, catalog),
                true) +
        "\n");
  return 0;
}

}  // namespace orrery
