#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "hw/catalog_store.hpp"
#include "sim/base/errors.hpp"
#include "sim/base/json_value.hpp"

namespace orrery {

/// One run of Catalog::resolve. A reference is first expanded (its entry, and the entry's own base
/// where the entry is itself a reference, merged with all overrides), and only then are the
/// references inside it resolved: so an override can replace them.
class CatalogResolver {
 public:
  /// Borrows both.
  CatalogResolver(CatalogStore& store, Diagnostics& diagnostics)
      : store_(store), diagnostics_(diagnostics) {}

  /// Resolves every reference at and below `value`, which lies `depth` levels inside the document.
  void resolve(JsonValue& value, int depth = 0);

 private:
  struct Reference {
    JsonValue use;     // a string
    JsonValue with;    // an object, merged first
    JsonValue beside;  // an object, the other keys beside "use"
  };
  struct Found {
    const CatalogFile* file;
    bool is_node_for_cluster;  // a cluster was asked for, and this is one node
  };

  void resolve_reference(std::string_view kind, JsonValue& place, int depth);
  /// The entry with its overrides, the references inside it still unresolved.
  std::optional<JsonValue> expand(std::string_view kind, const JsonValue& place);
  std::optional<Reference> read_reference(const JsonValue& place);
  std::optional<Found> find(std::string_view kind, const JsonValue& use);
  void report_unknown(std::string_view kind, const JsonValue& use);
  /// The entry's value, its base expanded; nothing when `use` closes a cycle.
  std::optional<JsonValue> enter(std::string_view kind, const CatalogFile& file,
                                 const JsonValue& use);
  void report_cycle(std::size_t first, const CatalogFile& file, const JsonValue& use);
  std::string directory_of(const Origin& origin) const;
  void error(const JsonValue& place, const std::string& message);

  CatalogStore& store_;
  Diagnostics& diagnostics_;
  std::vector<const CatalogFile*> chain_;  // entries being resolved, outermost first
  std::set<std::string> cyclic_;           // entries on a cycle that was reported
  int uses_ = 0;
};

}  // namespace orrery
