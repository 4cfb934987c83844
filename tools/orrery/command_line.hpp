#pragma once

#include <boost/program_options.hpp>
#include <span>
#include <string>
#include <vector>

#include "sim/base/errors.hpp"

namespace orrery {

/// The program was called in a way it does not understand.
class UsageError : public Error {
 public:
  explicit UsageError(const std::string& what) : Error(what, 2) {}
};

/// What a command understands.
struct CommandSyntax {
  std::string command;
  std::string argument;   // name of its one argument, "" for none
  bool required = false;  // whether the argument must be there
  std::string more{};     // name of any number of further arguments, "" for none
  boost::program_options::options_description options;
};

/// Parses the words after the command. Throws UsageError with the nearest option for an unknown
/// one.
boost::program_options::variables_map parse_command_line(const CommandSyntax& syntax,
                                                         std::span<const std::string> words);

/// Whether --help is among them; prints `about` and the options then.
bool prints_help(const boost::program_options::variables_map& values, const char* about,
                 const CommandSyntax& syntax);

/// The values of --set, in their order.
std::vector<std::string> overrides_of(const boost::program_options::variables_map& values);

/// The value of --name, a text, or what else holds.
std::string text_or(const boost::program_options::variables_map& values, const char* name,
                    std::string otherwise);

/// Whether --retry says "failed", the only word that it takes.
bool retries_failed(const boost::program_options::variables_map& values);

/// The argument that CommandSyntax names, or "".
std::string argument_of(const boost::program_options::variables_map& values);
/// Those behind it, where CommandSyntax has `more`.
std::vector<std::string> more_arguments_of(const boost::program_options::variables_map& values);

}  // namespace orrery
