#include "tools/orrery/command_line.hpp"

#include <sstream>
#include <utility>

#include "sim/base/json_cursor.hpp"
#include "tools/orrery/commands.hpp"

namespace orrery {
namespace {

namespace po = boost::program_options;

constexpr const char* kArgument = "argument";
constexpr const char* kMore = "more-arguments";

std::string hint(std::string name, const po::options_description& options) {
  name.erase(0, name.find_first_not_of('-'));
  std::vector<std::string> known;
  for (const auto& option : options.options()) {
    known.push_back(option->long_name());
  }
  const std::string nearest = nearest_name(name, known);
  return nearest.empty() ? "" : "; did you mean --" + nearest + "?";
}

std::string see_help(const CommandSyntax& syntax) {
  return " (`orrery " + syntax.command + " --help` explains)";
}

}  // namespace

po::variables_map parse_command_line(const CommandSyntax& syntax,
                                     std::span<const std::string> words) {
  po::options_description all;
  all.add(syntax.options);
  po::positional_options_description positional;
  if (!syntax.argument.empty()) {
    all.add_options()(kArgument, po::value<std::string>());
    positional.add(kArgument, 1);
  }
  if (!syntax.more.empty()) {
    all.add_options()(kMore, po::value<std::vector<std::string>>());
    positional.add(kMore, -1);
  }
  const int style = po::command_line_style::default_style &
                    ~static_cast<int>(po::command_line_style::allow_guessing);
  po::variables_map values;
  try {
    po::store(po::command_line_parser(std::vector<std::string>(words.begin(), words.end()))
                  .options(all)
                  .positional(positional)
                  .style(style)
                  .run(),
              values);
    po::notify(values);
  } catch (const po::unknown_option& error) {
    throw UsageError("unknown option " + error.get_option_name() +
                     hint(error.get_option_name(), syntax.options) + see_help(syntax));
  } catch (const po::too_many_positional_options_error&) {
    throw UsageError("expected " +
                     (syntax.argument.empty() ? "no argument" : "one " + syntax.argument) +
                     ", got more" + see_help(syntax));
  } catch (const po::error& error) {
    throw UsageError(error.what() + see_help(syntax));
  }
  if (syntax.required && values.count("help") == 0 && argument_of(values).empty()) {
    throw UsageError("expected a " + syntax.argument + see_help(syntax));
  }
  return values;
}

bool prints_help(const po::variables_map& values, const char* about, const CommandSyntax& syntax) {
  if (values.count("help") == 0) return false;
  std::ostringstream text;
  text << about << syntax.options;
  print(text.str());
  return true;
}

std::string text_or(const po::variables_map& values, const char* name, std::string otherwise) {
  return values.count(name) > 0 ? values[name].as<std::string>() : std::move(otherwise);
}

bool retries_failed(const po::variables_map& values) {
  if (values.count("retry") == 0) return false;
  const std::string what = values["retry"].as<std::string>();
  if (what != "failed") throw UsageError("--retry: expected failed, got " + what);
  return true;
}

std::string argument_of(const po::variables_map& values) {
  return values.count(kArgument) > 0 ? values[kArgument].as<std::string>() : "";
}

std::vector<std::string> more_arguments_of(const po::variables_map& values) {
  if (values.count(kMore) == 0) return {};
  return values[kMore].as<std::vector<std::string>>();
}

std::vector<std::string> overrides_of(const po::variables_map& values) {
  if (values.count("set") == 0) return {};
  return values["set"].as<std::vector<std::string>>();
}

}  // namespace orrery
