#include <algorithm>

#include "models/cost/op/op_model.hpp"
#include "sim/base/json_cursor.hpp"
#include "tools/orrery/command_line.hpp"
#include "tools/orrery/commands.hpp"
#include "tools/orrery/data_folders.hpp"
#include "workloads/sequence/sequence_method.hpp"

namespace orrery {
namespace {

namespace po = boost::program_options;

constexpr const char* kHelp =
    "usage: orrery list [KIND]\n\n"
    "What a scenario can name. Devices, links, nodes, clusters and networks are files of the\n"
    "catalogue; the other kinds are built in. Without KIND: all kinds.\n\n"
    "example\n"
    "  orrery list devices\n\n";

struct Kind {
  std::string name;
  std::string about;
  std::vector<Catalog::Entry> entries;
  std::vector<std::string> pictures = {};  // one an entry, of shapes
};

template <class Factory>
std::vector<Catalog::Entry> entries_of(const Registry<Factory>& registry) {
  std::vector<Catalog::Entry> result;
  for (const auto& entry : registry.entries()) {
    result.push_back({entry.name, entry.summary});
  }
  return result;
}

/// With the sizes of each, those that may be left out in brackets.
std::vector<Catalog::Entry> entries_of_ops() {
  std::vector<Catalog::Entry> result;
  const Registry<OpModelFactory> models = builtin_op_models();
  for (const auto& entry : models.entries()) {
    std::string sizes;
    const std::unique_ptr<OpModel> model = entry.make();
    for (const OpSize& size : model->sizes()) {
      const std::string name(size.name);
      sizes += (sizes.empty() ? "" : " ") + (size.fallback ? "[" + name + "]" : name);
    }
    sizes += " [dtype]";
    if (!model->stored_as().empty()) sizes += " [" + std::string(model->stored_as()) + "]";
    result.push_back({entry.name, entry.summary + ": " + sizes});
  }
  return result;
}

template <class Factory>
std::vector<std::string> pictures_of(const Registry<Factory>& registry) {
  std::vector<std::string> result;
  for (const auto& entry : registry.entries()) {
    result.push_back(entry.picture);
  }
  return result;
}

std::vector<Kind> all_kinds(const Builtins& builtins, const Catalog& catalog) {
  const Registry<SequenceMethodFactory> sequence_methods = builtin_sequence_methods();
  return {
      {"devices", "accelerators: \"device\" of a node", catalog.list("devices")},
      {"links", "cables, lanes and ports: \"link\" of a fabric", catalog.list("links")},
      {"nodes", "devices in a chassis: \"node\" of a cluster, or a \"cluster\" of one",
       catalog.list("nodes")},
      {"clusters", "nodes and their network: \"cluster\"", catalog.list("clusters")},
      {"networks", "shapes of neural networks: \"network\" of a workload",
       catalog.list("networks")},
      {"topologies", "\"kind\" of a fabric", entries_of(builtins.topologies),
       pictures_of(builtins.topologies)},
      {"link_kinds", "\"kind\" of a link", entries_of(builtins.link_kinds)},
      {"collectives", "algorithms, by collective: keys and values of \"collectives\"",
       entries_of(builtins.collectives)},
      {"cost_models", "\"kind\" of \"cost\"", entries_of(builtins.cost_models)},
      {"ops", "kernels with a cost model of their own: OP of `orrery cost`", entries_of_ops()},
      {"fabric_engines", "\"engine\" of \"fabric\"; simgrid is another, run by orrery-simgrid",
       entries_of(builtins.fabric_engines)},
      {"workloads", "\"kind\" of \"workload\"", entries_of(builtins.workloads)},
      {"sequence_methods", "\"method\" of \"sequence_parallel_attention\"",
       entries_of(sequence_methods)},
  };
}

std::string table(const std::vector<std::pair<std::string, std::string>>& rows) {
  std::size_t width = 0;
  for (const auto& [left, right] : rows) {
    width = std::max(width, left.size());
  }
  std::string text;
  for (const auto& [left, right] : rows) {
    text += left;
    text.append(width - left.size() + 2, ' ');
    text += right;
    text += '\n';
  }
  return text;
}

/// The same, with a picture below each row.
std::string table_with(const std::vector<std::pair<std::string, std::string>>& rows,
                       const std::vector<std::string>& pictures) {
  std::string text;
  std::string lines = table(rows);
  for (const std::string& picture : pictures) {
    const std::size_t end = lines.find('\n') + 1;
    text += lines.substr(0, end) + picture + (picture.empty() ? "" : "\n");
    lines.erase(0, end);
  }
  return text;
}

}  // namespace

int list_command(std::span<const std::string> words, const Builtins& builtins) {
  CommandSyntax syntax{.command = "list", .argument = "KIND", .required = false, .options = {}};
  syntax.options.add_options()("help,h", "this text");
  const po::variables_map options = parse_command_line(syntax, words);
  if (prints_help(options, kHelp, syntax)) return 0;
  const std::vector<Kind> kinds = all_kinds(builtins, open_catalog(find_data_folders()));
  const std::string wanted = argument_of(options);
  std::vector<std::pair<std::string, std::string>> rows;
  std::vector<std::string> names;
  for (const Kind& kind : kinds) {
    names.push_back(kind.name);
    if (wanted.empty()) {
      rows.emplace_back(kind.name, std::to_string(kind.entries.size()) + ": " + kind.about);
    } else if (wanted == kind.name) {
      for (const Catalog::Entry& entry : kind.entries) {
        rows.emplace_back(entry.name, entry.description);
      }
      print(kind.pictures.empty() ? table(rows) : table_with(rows, kind.pictures));
      return 0;
    }
  }
  if (!wanted.empty()) {
    const std::string nearest = nearest_name(wanted, names);
    throw UsageError("nothing is listed under " + json_string(wanted).describe() +
                     (nearest.empty() ? "" : "; did you mean \"" + nearest + "\"?") +
                     " (`orrery list` shows all kinds)");
  }
  print(table(rows));
  return 0;
}

}  // namespace orrery
