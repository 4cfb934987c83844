#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "tools/orrery/command_line.hpp"
#include "tools/orrery/commands.hpp"
#include "tools/orrery/data_folders.hpp"
#include "tools/orrery/output_folder.hpp"
#include "tools/orrery/report_data.hpp"

namespace orrery {
namespace {

namespace po = boost::program_options;

constexpr const char* kHelp =
    "usage: orrery report RESULT_DIR [OTHER_DIR] [options]\n\n"
    "Writes one HTML file, which needs no network, of a run that `orrery run --out RESULT_DIR`\n"
    "left behind: where the time goes, memory and load over time, the critical path, what would\n"
    "help, and a timeline of ranks and streams to zoom into and to search. With a second run also\n"
    "the difference. The runs are simulated again, as their results say all that is needed; one\n"
    "whose messages SimGrid moved by orrery-simgrid, which does so once: without a second run, "
    "and\n"
    "without what would help.\n\n"
    "example\n"
    "  orrery run experiments/quickstart/scenario.json --out /tmp/q\n"
    "  orrery report /tmp/q\n\n";

CommandSyntax syntax() {
  CommandSyntax syntax{.command = "report",
                       .argument = "RESULT_DIR",
                       .required = true,
                       .more = "OTHER_DIR",
                       .options = {}};
  syntax.options.add_options()("help,h", "this text")(
      "out", po::value<std::string>()->value_name("FILE"),
      "where to write it; otherwise RESULT_DIR/report.html")(
      "max-spans", po::value<std::size_t>()->value_name("N")->default_value(1'000'000),
      "the timeline has the first ranks that together have no more spans than this")(
      "no-what-if", "leave out what would help, which takes five more simulations");
  return syntax;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) throw IoError("cannot read " + path.string() + ", a part of the page");
  return text.str();
}

void put(std::string& page, const std::string& mark, const std::string& text) {
  const std::size_t place = page.find(mark);
  ORRERY_CHECK(place != std::string::npos, "the page has no place for " + mark);
  page.replace(place, mark.size(), text);
}

/// Inside a script element no text may look like its end.
std::string script_safe(std::string text) {
  for (std::size_t at = text.find('<'); at != std::string::npos; at = text.find('<', at)) {
    text.replace(at, 1, "\\u003c");
  }
  return text;
}

std::string page_of(std::vector<JsonValue> runs, const std::filesystem::path& parts) {
  std::string page = read_file(parts / "page.html");
  put(page, "/*STYLE*/", read_file(parts / "style.css"));
  std::string scripts;
  for (const char* script :
       {"data.js", "timeline.js", "timeline_drawing.js", "charts.js", "page.js"}) {
    scripts += read_file(parts / script);
  }
  put(page, "/*SCRIPTS*/", scripts);
  const JsonValue data = json_object({{"runs", json_array(std::move(runs))}});
  put(page, "/*DATA*/", script_safe(to_text(data, false)));
  return page;
}

}  // namespace

int report_command(std::span<const std::string> words, const Builtins& builtins) {
  const CommandSyntax command = syntax();
  const po::variables_map options = parse_command_line(command, words);
  if (prints_help(options, kHelp, command)) return 0;
  std::vector<std::string> folders = more_arguments_of(options);
  folders.insert(folders.begin(), argument_of(options));
  if (folders.size() > 2)
    throw UsageError("expected one or two folders, got a third, " + folders[2]);
  std::vector<std::string> same = {"report"};
  same.insert(same.end(), words.begin(), words.end());
  const ReportOptions wanted{.maximum_spans = options["max-spans"].as<std::size_t>(),
                             .what_if = options.count("no-what-if") == 0,
                             .words = std::move(same)};
  std::vector<JsonValue> runs;
  for (const std::string& folder : folders) runs.push_back(report_data(folder, builtins, wanted));

  const std::string path = options.count("out") > 0
                               ? options["out"].as<std::string>()
                               : (std::filesystem::path(folders.front()) / "report.html").string();
  write_file(path, page_of(std::move(runs), find_data_folders().report));
  print(path + "\n");
  return 0;
}

}  // namespace orrery
