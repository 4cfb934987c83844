#pragma once

#include <string>

#include "sim/base/json_cursor.hpp"

namespace orrery {

/// A document under the cursor, and what was said about it, one message per line.
class Reading {
 public:
  explicit Reading(const std::string& text) : root_(parse_json(text, "scenario.json")) {}

  JsonCursor cursor() { return {root_, diagnostics_}; }
  JsonValue& root() { return root_; }
  std::string said() const {
    std::string result;
    for (const Diagnostic& diagnostic : diagnostics_.items()) {
      result += (result.empty() ? "" : "\n") + diagnostic.text();
    }
    return result;
  }

 private:
  JsonValue root_;
  Diagnostics diagnostics_;
};

/// What reading {"x": <value>} by `read` says, without the place that all have in common.
template <class Read>
std::string said_about(const std::string& value, const Read& read) {
  const std::string place = "scenario.json#/x: ";
  Reading reading("{\"x\": " + value + "}");
  JsonCursor cursor = reading.cursor().at("x");
  read(cursor);
  const std::string said = reading.said();
  return said.starts_with(place) ? said.substr(place.size()) : said;
}

}  // namespace orrery
