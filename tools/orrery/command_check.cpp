#include <sstream>

#include "sim/base/unit_text.hpp"
#include "tools/orrery/command_line.hpp"
#include "tools/orrery/commands.hpp"
#include "tools/orrery/data_folders.hpp"
#include "tools/orrery/fault_check.hpp"
#include "tools/orrery/scenario.hpp"
#include "tools/orrery/summary.hpp"

namespace orrery {
namespace {

namespace po = boost::program_options;

constexpr const char* kHelp =
    "usage: orrery check SCENARIO [options]\n\n"
    "Does everything short of running: reads the scenario, resolves what it names, and reports "
    "all\n"
    "mistakes at once, each with its file and JSON pointer. With --resolved it prints every value\n"
    "that a run would use, where that value was written, and its source.\n\n"
    "example\n"
    "  orrery check experiments/quickstart/scenario.json --resolved | grep assumed\n\n";

CommandSyntax syntax() {
  CommandSyntax syntax{.command = "check", .argument = "SCENARIO", .required = true, .options = {}};
  syntax.options.add_options()("help,h", "this text")(
      "set", po::value<std::vector<std::string>>()->value_name("PTR=VALUE"),
      "put VALUE at a JSON pointer of the scenario, as `run` does; repeatable")(
      "resolved", "print every value of the resolved scenario with its origin");
  return syntax;
}

std::string origin_text(const Origin& origin) {
  if (!origin.file) {
    return "";
  }
  const bool is_plain = *origin.file == kDefaultOrigin || *origin.file == kOverrideOrigin;
  return is_plain ? *origin.file : *origin.file + "#" + origin.pointer;
}

void print_leaves(const JsonValue& value, const std::string& pointer, std::ostream& out) {
  const JsonValue* wrapped = value.find("value");
  const JsonValue& leaf = wrapped != nullptr ? *wrapped : value;
  const bool nests = !leaf.items.empty() || !leaf.members.empty();
  if (!nests) {
    out << pointer << " = " << to_text(leaf, false) << "  (" << origin_text(leaf.origin);
    if (const JsonValue* source = wrapped != nullptr ? value.find("source") : nullptr) {
      out << "; source: " << source->string;
    }
    out << ")\n";
    return;
  }
  for (std::size_t index = 0; index < leaf.items.size(); ++index) {
    print_leaves(leaf.items[index], pointer + "/" + std::to_string(index), out);
  }
  for (const JsonValue::Member& member : leaf.members) {
    print_leaves(member.value, pointer + "/" + pointer_token(member.key), out);
  }
}

/// The fullest rank's memory that is there from the beginning.
Bytes static_memory(const TaskGraph& graph) {
  std::vector<Bytes> held(static_cast<std::size_t>(graph.world_size()));
  Bytes most;
  for (const StaticMemory& memory : graph.static_memory()) {
    for (const Rank rank : graph.ranks(memory.ranks)) {
      Bytes& bytes = held[static_cast<std::size_t>(rank)];
      bytes += memory.bytes;
      most = std::max(most, bytes);
    }
  }
  return most;
}

std::string verdict(const Scenario& scenario, const Job& job) {
  std::ostringstream text;
  text << "ok: " << what_runs(scenario) << "\n";
  text << "  " << job.graph.world_size() << " ranks, " << job.graph.ops().size() << " ops, "
       << job.graph.dependencies().size() << " dependencies, " << job.graph.kernels().size()
       << " different kernels\n";
  text << "  at least " << to_text(static_memory(job.graph)) << " of the "
       << to_text(scenario.cluster.node.device.memory_capacity)
       << " of each device; `orrery run` finds the peak\n";
  text << "  scenario " << scenario.hash << "\n";
  return text.str();
}

}  // namespace

int check_command(std::span<const std::string> words, const Builtins& builtins) {
  const CommandSyntax command = syntax();
  const po::variables_map options = parse_command_line(command, words);
  if (prints_help(options, kHelp, command)) return 0;
  std::ostringstream text;
  const std::vector<std::string> overrides = overrides_of(options);
  const Scenario scenario =
      load_scenario(argument_of(options), overrides, builtins, open_catalog(find_data_folders()));
  const Job job = build_job(scenario);
  check_faults(scenario, job, builtins);
  if (options.count("resolved") > 0) {
    print_leaves(scenario.resolved, "", text);
  } else {
    text << verdict(scenario, job);
  }
  print(text.str());
  return 0;
}

}  // namespace orrery
