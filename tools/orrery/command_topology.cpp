#include <cmath>
#include <iomanip>
#include <sstream>

#include "models/topology/figures.hpp"
#include "sim/base/unit_text.hpp"
#include "tools/orrery/command_line.hpp"
#include "tools/orrery/commands.hpp"
#include "tools/orrery/data_folders.hpp"
#include "tools/orrery/fault_figures.hpp"
#include "tools/orrery/output_folder.hpp"
#include "tools/orrery/scenario.hpp"
#include "tools/orrery/topology_text.hpp"

namespace orrery {
namespace {

namespace po = boost::program_options;

constexpr const char* kHelp =
    "usage: orrery topology SCENARIO [options]\n\n"
    "What the networks of a scenario's cluster are: endpoints, switches, links, the longest of "
    "the\n"
    "shortest ways, and what goes at once from one half to the other; with --links also the name\n"
    "of each link, as faults and variability use it. With --graphviz or --graphml it writes the\n"
    "network between the nodes (of a single node: the one inside it) to a file; the latter can be\n"
    "read again: {\"kind\": \"graph\", \"file\": FILE}.\n\n"
    "example\n"
    "  orrery topology experiments/quickstart/scenario.json --graphviz fabric.dot\n\n";

CommandSyntax syntax() {
  CommandSyntax syntax{
      .command = "topology", .argument = "SCENARIO", .required = true, .options = {}};
  syntax.options.add_options()("help,h", "this text")(
      "set", po::value<std::vector<std::string>>()->value_name("PTR=VALUE"),
      "put VALUE at a JSON pointer of the scenario, as `run` does; repeatable")(
      "graphviz", po::value<std::string>()->value_name("FILE"), "write it for Graphviz")(
      "graphml", po::value<std::string>()->value_name("FILE"), "write it as GraphML")(
      "links", "print the name of every link of the cluster, as faults and variability name them")(
      "of", po::value<std::string>()->value_name("PART"),
      "which network to write: node (inside one) or cluster (between them)");
  return syntax;
}

std::string figures_text(const std::string& title, const std::string& endpoint,
                         const Topology& topology) {
  const TopologyFigures figures = figures_of(topology);
  std::ostringstream text;
  text << title << "\n"
       << "  " << figures.endpoints << " " << endpoint << ", " << figures.switches << " switches, "
       << figures.links << " links (one direction each, a bundle is one)\n"
       << std::fixed << std::setprecision(2) << "  diameter " << figures.diameter << " hops, "
       << figures.mean_hops << " on average\n";
  if (figures.bisection > 0) {
    text << "  bisection " << figures.bisection / 1e9
         << " GB/s from one half to the other, raw; oversubscription " << figures.oversubscription
         << "\n";
  }
  return text.str();
}

std::string kind_of(const JsonValue& section) {
  const JsonValue* kind = section.find("kind");
  const JsonValue* routing = section.find("routing");
  return (kind == nullptr ? "" : kind->string) +
         (routing == nullptr ? "" : ", routing " + routing->string);
}

/// Where it says nothing, or chooses between nothing.
void refuse_of(const std::string& of, bool writes) {
  if (of != "node" && of != "cluster") {
    throw UsageError("--of: expected \"node\" or \"cluster\", got " + json_string(of).describe());
  }
  if (!writes) throw UsageError("--of: expected a --graphviz or --graphml file to write it to");
}

const Topology& part_to_write(const po::variables_map& options, const Fabric& fabric) {
  const Topology* node = fabric.node_topology();
  const Topology* cluster = fabric.cluster_topology();
  const Topology* part = cluster != nullptr ? cluster : node;
  if (options.count("of") > 0) {
    part = options["of"].as<std::string>() == "node" ? node : cluster;
  }
  if (part == nullptr) throw UsageError("there is no such network to write in this scenario");
  return *part;
}

}  // namespace

int topology_command(std::span<const std::string> words, const Builtins& builtins) {
  const CommandSyntax command = syntax();
  const po::variables_map options = parse_command_line(command, words);
  if (prints_help(options, kHelp, command)) return 0;
  const bool graphviz = options.count("graphviz") > 0;
  const bool graphml = options.count("graphml") > 0;
  if (options.count("of") > 0) refuse_of(options["of"].as<std::string>(), graphviz || graphml);
  std::ostringstream text;
  const std::vector<std::string> overrides = overrides_of(options);
  const Scenario scenario =
      load_scenario(argument_of(options), overrides, builtins, open_catalog(find_data_folders()));
  const ClusterSpec& cluster = scenario.cluster;
  const Fabric& fabric = *scenario.fabric;
  if (const Topology* node = fabric.node_topology(); node != nullptr) {
    text << figures_text("inside each node: " + kind_of(cluster.node.fabric), "devices", *node);
  }
  if (const Topology* between = fabric.cluster_topology(); between != nullptr) {
    text << figures_text(
        "between the " + std::to_string(cluster.nodes) + " nodes: " + kind_of(*cluster.fabric),
        "NICs", *between);
  }
  text << "all links of the cluster, with those of devices to NICs: " << fabric.links().size()
       << "\n";
  for (const Fault& fault : scenario.faults) {
    text << "  fault at " << to_text(fault.at.since_start()) << ": " << fault_text(fault) << " ("
         << fault.links.size() << " links)\n";
  }
  if (options.count("links") > 0) {
    for (const Fabric::Link& link : fabric.links()) {
      text << "  " << link.name << "  " << link.kind << ", "
           << to_text(Bandwidth(std::llround(link.capacity))) << "\n";
    }
  }
  if (graphviz || graphml) {
    const Topology& part = part_to_write(options, fabric);
    if (graphviz) write_file(options["graphviz"].as<std::string>(), graphviz_text(part));
    if (graphml) write_file(options["graphml"].as<std::string>(), graphml_text(part));
    if (graphml && part.node_ports() != nullptr) {
      text
          << "read again, that file has no adapters and no way to the host: these are links of the "
             "node then\n";
    }
  }
  print(text.str());
  return 0;
}

}  // namespace orrery
