#pragma once

#include <string>

#include "sim/base/json_cursor.hpp"

namespace orrery {

inline constexpr const char* kReproduceFile = "reproduce.json";

/// What every form of reproduce.json begins with.
struct ReproduceFile {
  std::string name;  // of its folder, or as the user calls it
  std::string description;
  std::string source;
};

/// `folder`/reproduce.json, and reads its head: "orrery_reproduce", "description", "source".
JsonValue load_reproduce_file(const std::string& folder);
ReproduceFile read_reproduce_head(JsonCursor& root, const std::string& name);

/// A text that is not empty.
std::string text_at(JsonCursor& cursor, std::string_view key);

}  // namespace orrery
