#include <algorithm>
#include <array>
#include <cstdio>
#include <span>

#include "sim/base/json_cursor.hpp"
#include "sim/base/unit_text.hpp"
#include "tools/orrery/checks.hpp"
#include "tools/orrery/collective_times.hpp"
#include "tools/orrery/command_line.hpp"
#include "tools/orrery/commands.hpp"
#include "tools/orrery/libraries.hpp"

namespace orrery {
namespace {

namespace po = boost::program_options;

constexpr std::size_t kMostSizes = 10'000;
/// All but an all-to-all-v, which is a table of sizes and not one: a scenario says it.
constexpr std::span kKinds = std::span(kCollectiveKinds).first<kCollectiveKinds.size() - 1>();
static_assert(kCollectiveKinds.back() == CollectiveKind::all_to_all_v);

constexpr const char* kHelp =
    "usage: orrery collective KIND --cluster NAME [options]\n\n"
    "Simulates one collective alone, as NCCL would run it, and prints a table in the form of\n"
    "nccl-tests: size, time, algorithm and bus bandwidth. KIND: all_reduce, all_gather,\n"
    "reduce_scatter, all_to_all, broadcast, reduce, gather, scatter, send_recv, barrier "
    "(all_to_all_v\n"
    "has a table of sizes: workload `collective` of `orrery run`). Sizes mean what they mean in\n"
    "nccl-tests: the buffer of a rank; of all-gather, reduce-scatter, all-to-all, gather and "
    "scatter\n"
    "the full one of all parts; a barrier has none, and one row.\n\n"
    "example\n"
    "  orrery collective all_reduce --cluster dgx_h100 --ranks 8 --sizes 1KiB..4GiB\n\n";

CommandSyntax syntax() {
  CommandSyntax syntax{
      .command = "collective", .argument = "KIND", .required = true, .options = {}};
  syntax.options.add_options()("help,h", "this text")(
      "cluster", po::value<std::string>(), "a cluster or node of the catalogue, or a file")(
      "ranks", po::value<int>(), "the first so many devices; default: all")(
      "sizes", po::value<std::string>()->default_value("1KiB..4GiB"),
      "FROM..TO, doubling, or a list with commas; a plain number is bytes")(
      "algorithm", po::value<std::string>()->default_value("auto"),
      "what follows the slash in `orrery list collectives`; auto also takes NVLS where "
      "the switch adds")("protocol", po::value<std::string>()->default_value("auto"),
                         "auto, ll, ll128 or simple")(
      "library", po::value<std::string>()->default_value("auto"),
      "nccl (auto on NVIDIA's devices, over PCIe too, with assumed constants, where `orrery run` "
      "takes predicted); nccl_older: with those of an older version, and its choices between "
      "nodes; vllm: its custom all-reduce beside that; deepep: all-to-alls of experts (--deepep); "
      "predicted (auto on others) or plain: links as the catalogue has them")(
      "deepep", po::value<std::string>(),
      "for that library, as in a scenario: {\"kernel\": \"dispatch\", \"token\": \"7392 B\", "
      "\"experts\": 256, \"top_k\": 8}")(
      "datatype", po::value<std::string>()->default_value("float"),
      "float, half, bfloat16, or int8, which switches do not add")(
      "json", "as JSON on standard output, nothing else there");
  return syntax;
}

/// Throws UsageError with the nearest of `known` when `value` is none of them.
void require_known(const std::string& what, const std::string& value,
                   const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), value) != known.end()) return;
  const std::string nearest = nearest_name(value, known);
  std::string all;
  for (const std::string& name : known) all += (all.empty() ? "" : ", ") + name;
  throw UsageError(what + ": expected one of " + all + ", got " + json_string(value).describe() +
                   (nearest.empty() ? "" : "; did you mean \"" + nearest + "\"?"));
}

Bytes size_from(const std::string& text) {
  const bool plain = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  const auto bytes = parse_bytes(plain ? text + " B" : text);
  if (!bytes || *bytes == Bytes(0)) {
    throw UsageError(
        "--sizes: expected a size above 0 such as 4096, 64KiB or 1GiB (B, kB, MB, GB, TB, KiB, "
        "MiB, GiB or TiB; less than 2^63 bytes), got " +
        json_string(text).describe());
  }
  return *bytes;
}

std::vector<Bytes> sizes_from(const std::string& text) {
  std::vector<Bytes> sizes;
  if (const std::size_t dots = text.find(".."); dots != std::string::npos) {
    const Bytes last = size_from(text.substr(dots + 2));
    for (Bytes size = size_from(text.substr(0, dots)); size <= last; size = 2 * size) {
      sizes.push_back(size);
      if (size > last / 2) break;
    }
    if (sizes.empty()) {
      throw UsageError("--sizes: expected the first to be at most the last, got " +
                       json_string(text).describe());
    }
    return sizes;
  }
  std::istringstream list(text);
  for (std::string part; std::getline(list, part, ',');) sizes.push_back(size_from(part));
  if (sizes.empty() || text.back() == ',') size_from("");
  if (sizes.size() > kMostSizes) {
    throw UsageError("--sizes: expected at most " + std::to_string(kMostSizes) + " sizes, got " +
                     std::to_string(sizes.size()));
  }
  return sizes;
}

CollectiveKind kind_from(const std::string& name) {
  std::vector<std::string> names;
  for (const CollectiveKind kind : kKinds) names.emplace_back(to_string(kind));
  require_known("KIND", name, names);
  const auto found = std::find(names.begin(), names.end(), name);
  return kKinds[static_cast<std::size_t>(found - names.begin())];
}

/// Protocols are for what has several.
void refuse_fixed_ways(const CollectiveQuestion& question) {
  if (question.protocol == "auto") return;
  if (has_one_protocol(question.algorithm) && question.protocol != "simple") {
    throw UsageError("--protocol: expected auto or simple, the only one of " + question.algorithm +
                     ", got \"" + question.protocol + "\"");
  }
}

DeepEpOptions deepep_from(const po::variables_map& options) {
  const bool wanted = options["library"].as<std::string>() == "deepep";
  if (wanted != (options.count("deepep") > 0)) {
    throw UsageError(wanted ? "--library deepep: expected --deepep JSON beside it"
                            : "--deepep: expected --library deepep beside it");
  }
  if (!wanted) return {};
  const JsonValue document = parse_json(options["deepep"].as<std::string>(), "--deepep");
  Diagnostics mistakes;
  const DeepEpOptions deepep = read_deepep_options(JsonCursor(document, mistakes));
  mistakes.throw_if_any();
  return deepep;
}

CollectiveQuestion question_from(const po::variables_map& options, const Builtins& builtins) {
  CollectiveQuestion question;
  question.kind = kind_from(argument_of(options));
  if (options.count("cluster") == 0) {
    throw UsageError("expected --cluster NAME (`orrery list clusters`, `orrery list nodes`)");
  }
  question.cluster = options["cluster"].as<std::string>();
  if (options.count("ranks") > 0) {
    question.ranks = options["ranks"].as<int>();
    if (question.ranks < 2) {
      throw UsageError("--ranks: expected 2 or more, got " + std::to_string(question.ranks));
    }
  }
  question.algorithm = options["algorithm"].as<std::string>();
  std::vector<std::string> algorithms = {"auto"};
  const std::string prefix = std::string(to_string(question.kind)) + "/";
  for (const std::string& name : builtins.collectives.names()) {
    if (name.starts_with(prefix)) algorithms.push_back(name.substr(prefix.size()));
  }
  require_known("--algorithm", question.algorithm, algorithms);
  question.protocol = options["protocol"].as<std::string>();
  require_known("--protocol", question.protocol, {"auto", "ll", "ll128", "simple"});
  constexpr std::array kBySize = {CollectiveKind::all_to_all, CollectiveKind::gather,
                                  CollectiveKind::scatter, CollectiveKind::send_recv};
  if (std::find(kBySize.begin(), kBySize.end(), question.kind) != kBySize.end() &&
      question.protocol != "auto") {
    throw UsageError("--protocol: expected auto, as " + std::string(to_string(question.kind)) +
                     " chooses by size, got \"" + question.protocol + "\"");
  }
  refuse_fixed_ways(question);
  question.library = options["library"].as<std::string>();
  std::vector<std::string> libraries = collective_libraries();
  libraries.insert(libraries.end(), {"predicted", "plain", "auto"});
  require_known("--library", question.library, libraries);
  question.deepep = deepep_from(options);
  const std::string type = options["datatype"].as<std::string>();
  require_known("--datatype", type, {"float", "half", "bfloat16", "int8"});
  question.floats = type != "int8";
  if (!question.floats && (question.algorithm == "nvls" || question.algorithm == "sharp")) {
    throw UsageError("--datatype: expected one that switches add, as " + question.algorithm +
                     " is asked for, got \"" + type + "\"");
  }
  return question;
}

struct Row {
  CollectiveTime time;
  double algorithm_bandwidth = 0;  // bytes/s
  double bus_bandwidth = 0;
};

std::vector<std::string> all_warnings(const std::vector<Row>& rows, const CollectiveTimes& times,
                                      bool ignores_sizes) {
  std::vector<std::string> warnings = times.warnings();
  if (ignores_sizes) warnings.emplace_back("--sizes says nothing here: a barrier has none");
  const auto idle = std::find_if(rows.begin(), rows.end(),
                                 [](const Row& row) { return !row.time.warning.empty(); });
  if (idle != rows.end()) warnings.push_back(idle->time.warning);  // one is enough to know
  return warnings;
}

std::string to_table(const std::vector<Row>& rows, const CollectiveQuestion& question,
                     const CollectiveTimes& times, const std::vector<std::string>& warnings) {
  std::string text = "# " + std::string(to_string(question.kind)) + ", " +
                     std::to_string(times.ranks()) + " ranks of " + question.cluster +
                     "; library " + times.library() + ", constants of " + times.provenance() + "\n";
  char line[200];
  std::snprintf(line, sizeof line, "#%12s%14s%10s%10s   %-28s%s\n", "size", "time", "algbw",
                "busbw", "algorithm", "protocol");
  text += line;
  std::snprintf(line, sizeof line, "#%12s%14s%10s%10s\n", "(B)", "(us)", "(GB/s)", "(GB/s)");
  text += line;
  for (const Row& row : rows) {
    std::snprintf(line, sizeof line, "%13lld%14.2f%10.2f%10.2f   %-28s%s\n",
                  static_cast<long long>(row.time.size.count()), to_seconds(row.time.time) * 1e6,
                  row.algorithm_bandwidth / 1e9, row.bus_bandwidth / 1e9,
                  row.time.algorithm.c_str(), row.time.protocol.c_str());
    text += line;
  }
  for (const std::string& warning : warnings) text += "# warning: " + warning + "\n";
  return text;
}

JsonValue to_json(const std::vector<Row>& rows, const CollectiveQuestion& question,
                  const CollectiveTimes& times, const std::vector<std::string>& said) {
  std::vector<JsonValue> items;
  for (const Row& row : rows) {
    items.push_back(json_object({{"bytes", json_integer(row.time.size.count())},
                                 {"time_s", json_real(to_seconds(row.time.time))},
                                 {"algbw_Bps", json_real(row.algorithm_bandwidth)},
                                 {"busbw_Bps", json_real(row.bus_bandwidth)},
                                 {"algorithm", json_string(row.time.algorithm)},
                                 {"protocol", json_string(row.time.protocol)},
                                 {"channels", json_integer(row.time.channels)},
                                 {"reason", json_string(row.time.reason)}}));
  }
  std::vector<JsonValue> warnings;
  for (const std::string& warning : said) warnings.push_back(json_string(warning));
  return json_object({{"collective", json_string(std::string(to_string(question.kind)))},
                      {"cluster", json_string(question.cluster)},
                      {"ranks", json_integer(times.ranks())},
                      {"library", json_string(times.library())},
                      {"constants", json_string(times.provenance())},
                      {"rows", json_array(std::move(items))},
                      {"warnings", json_array(std::move(warnings))}});
}

}  // namespace

int collective_command(std::span<const std::string> words, const Builtins& builtins) {
  const CommandSyntax command = syntax();
  const po::variables_map options = parse_command_line(command, words);
  if (prints_help(options, kHelp, command)) return 0;
  const CollectiveQuestion question = question_from(options, builtins);
  const std::vector<Bytes> sizes = sizes_from(options["sizes"].as<std::string>());
  const DataFolders data = find_data_folders();
  const CollectiveTimes times(question, builtins, open_catalog(data));
  std::vector<Row> rows;
  const bool has_size = question.kind != CollectiveKind::barrier;
  for (const Bytes size : has_size ? sizes : std::vector<Bytes>{Bytes(0)}) {
    Row row{.time = times.time_of(size)};
    row.algorithm_bandwidth = size.as_double() / to_seconds(row.time.time);
    row.bus_bandwidth = bus_bandwidth(question.kind, size, times.ranks(), row.time.time);
    rows.push_back(std::move(row));
  }
  const std::vector<std::string> warnings =
      all_warnings(rows, times, !has_size && !options["sizes"].defaulted());
  print(options.count("json") > 0 ? to_text(to_json(rows, question, times, warnings), true) + "\n"
                                  : to_table(rows, question, times, warnings));
  return 0;
}

}  // namespace orrery
