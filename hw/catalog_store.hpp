#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/base/json_value.hpp"

namespace orrery {

/// (kind, directory) pairs. A kind may have several directories; the first that has a name wins.
using CatalogFolders = std::vector<std::pair<std::string, std::string>>;

/// One JSON file, read and parsed.
struct CatalogFile {
  std::string name;       // what messages and cycles call it: "h100_sxm", or the path as written
  std::string source;     // "devices/h100_sxm", or the path as written
  std::string directory;  // relative paths inside the file start here
  std::string hash;       // FNV-1a of the content, 64 bits in hex
  JsonValue value;        // origins name "devices/h100_sxm.json", or the path as written
};

/// Whether a reference is a path, and not the name of an entry.
bool is_file(std::string_view use);
/// What the value of a file is named: entries as they are, other files by their stem; a
/// config.json, as Hugging Face calls the one of every network, by its folder.
std::string name_of(const CatalogFile& file);

/// The files behind a catalogue, each read at most once. References to files stay valid.
class CatalogStore {
 public:
  explicit CatalogStore(const CatalogFolders& folders) : folders_(folders) {}

  /// Names of one kind, in alphabetical order. Throws IoError when a folder cannot be read.
  const std::vector<std::string>& names(std::string_view kind);
  bool has(std::string_view kind, std::string_view name);

  // Both throw IoError for what cannot be read and ScenarioError for what is no JSON.
  /// Requires has(kind, name).
  const CatalogFile& entry(std::string_view kind, const std::string& name);
  const CatalogFile& file(const std::string& path, const std::string& as_written);

  /// In alphabetical order of their real paths.
  const std::map<std::string, CatalogFile>& files() const { return files_; }

 private:
  const CatalogFile& read(const std::string& path, const std::string& name,
                          const std::string& source, const std::string& shown_as);

  const CatalogFolders& folders_;
  std::map<std::string, std::vector<std::string>, std::less<>> names_;  // by kind
  std::map<std::string, CatalogFile> files_;                            // by real path
};

}  // namespace orrery
