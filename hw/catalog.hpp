#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/base/errors.hpp"
#include "sim/base/json_value.hpp"

namespace orrery {

/// Named data files: devices, links, nodes, clusters, networks.
///
/// Anywhere in a document but below `faults`, the keys `device`; `link`, `nic_link`, `host_link`,
/// `uplink`, `global_link`, `processor_link`; `node`; `cluster`;
/// `network` may hold `"name"` or `{"use": "name", "with": {…}}`. `use` takes a catalogue name, or
/// a file (it contains a '/' or ends in ".json") relative to the file that says it. `with`, and any
/// other key beside `use`, overrides the entry's fields by RFC 7396 merge.
class Catalog {
 public:
  struct Entry {
    std::string name;
    std::string description;
  };

  /// `folders`: (kind, directory) pairs, e.g. {"devices", ".../catalog/devices"}.
  explicit Catalog(std::vector<std::pair<std::string, std::string>> folders);

  std::vector<std::string> kinds() const;
  /// In alphabetical order. Throws IoError when the folder cannot be read.
  std::vector<Entry> list(std::string_view kind) const;

  /// A file that resolve read: "devices/h100_sxm" (or the path as the user wrote it) and the FNV-1a
  /// hash of its content in hex.
  struct SourceFile {
    std::string name;
    std::string hash;
  };

  /// Replaces every reference inside `document` by what it names, with "name" as its first member,
  /// and returns the files read, each once, in alphabetical order. A cluster may also name a node:
  /// one node of it. Unknown names (with the nearest), unreadable files and cyclic `use` go to
  /// `diagnostics`; such places stay unresolved.
  std::vector<SourceFile> resolve(JsonValue& document, Diagnostics& diagnostics) const;

 private:
  std::vector<std::pair<std::string, std::string>> folders_;
};

}  // namespace orrery
