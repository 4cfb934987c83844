#include "sim/base/errors.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace orrery {
namespace {

constexpr std::size_t kMaximumShown = 50;

/// Keys come from the user's file: a line break in one must not look like a second diagnostic.
std::string escape_controls(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string result;
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte < 0x20 || byte == 0x7f) {
      result += "\\u00";
      result += kHex[byte >> 4U];
      result += kHex[byte & 0xFU];
    } else {
      result += character;
    }
  }
  return result;
}

/// What stands on the command line, "--cluster" or "DEVICE", is no document with places in it.
std::string shown(const Diagnostic& diagnostic) {
  const auto is_capital = [](char character) { return character >= 'A' && character <= 'Z'; };
  const bool is_word = !diagnostic.file.empty() &&
                       (diagnostic.file.starts_with("--") ||
                        std::all_of(diagnostic.file.begin(), diagnostic.file.end(), is_capital));
  return is_word && diagnostic.pointer.empty() ? diagnostic.file + ": " + diagnostic.message
                                               : diagnostic.text();
}

std::string joined(const std::vector<Diagnostic>& diagnostics) {
  const std::size_t count = std::min(diagnostics.size(), kMaximumShown);
  std::string result;
  for (std::size_t index = 0; index < count; ++index) {
    if (index > 0) {
      result += '\n';
    }
    result += escape_controls(shown(diagnostics[index]));
  }
  if (count < diagnostics.size()) {
    result += "\n… and " + std::to_string(diagnostics.size() - count) + " more";
  }
  return result;
}

}  // namespace

ScenarioError::ScenarioError(std::vector<Diagnostic> diagnostics)
    : Error(joined(diagnostics), 2), diagnostics_(std::move(diagnostics)) {}

void Diagnostics::add(Diagnostic diagnostic) {
  if (texts_.insert(diagnostic.text()).second) {
    items_.push_back(std::move(diagnostic));
  }
}

void Diagnostics::throw_if_any() const {
  if (!items_.empty()) {
    throw ScenarioError(items_);
  }
}

void internal_error(const char* file, int line, const std::string& what) {
  std::string_view name = file;
  name.remove_prefix(name.find_last_of("/\\") + 1);  // npos + 1 is 0
  throw InternalError("internal error at " + std::string(name) + ":" + std::to_string(line) + ": " +
                      what + "; please report this");
}

}  // namespace orrery
