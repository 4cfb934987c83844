#include "tools/orrery/reproduce_file.hpp"

namespace orrery {
namespace {

constexpr std::int64_t kVersion = 1;

}  // namespace

JsonValue load_reproduce_file(const std::string& folder) {
  const std::string path = folder + "/" + kReproduceFile;
  return load_json(path, path);
}

ReproduceFile read_reproduce_head(JsonCursor& root, const std::string& name) {
  JsonCursor version = root.at("orrery_reproduce");
  if (version.present() &&
      (version.value().kind != JsonValue::Kind::integer || version.value().integer != kVersion)) {
    version.expected("1, the version of the form that this program reads");
  }
  return {name, text_at(root, "description"), text_at(root, "source")};
}

std::string text_at(JsonCursor& cursor, std::string_view key) {
  JsonCursor place = cursor.at(key);
  std::string text = place.as_string();
  if (place.present() && place.value().kind == JsonValue::Kind::string && text.empty()) {
    place.expected("a text that is not empty");
  }
  return text;
}

}  // namespace orrery
