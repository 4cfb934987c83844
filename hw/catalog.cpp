#include "hw/catalog.hpp"

#include <algorithm>
#include <tuple>

#include "hw/catalog_resolver.hpp"
#include "hw/catalog_store.hpp"

namespace orrery {

Catalog::Catalog(std::vector<std::pair<std::string, std::string>> folders)
    : folders_(std::move(folders)) {}

std::vector<std::string> Catalog::kinds() const {
  std::vector<std::string> result;
  for (const auto& [kind, folder] : folders_) {
    if (std::find(result.begin(), result.end(), kind) == result.end()) {
      result.push_back(kind);
    }
  }
  return result;
}

std::vector<Catalog::Entry> Catalog::list(std::string_view kind) const {
  CatalogStore store(folders_);
  std::vector<Entry> result;
  for (const std::string& name : store.names(kind)) {
    const JsonValue* description = store.entry(kind, name).value.find("description");
    const bool is_text = description != nullptr && description->kind == JsonValue::Kind::string;
    result.push_back({name, is_text ? description->string : ""});
  }
  return result;
}

std::vector<Catalog::SourceFile> Catalog::resolve(JsonValue& document,
                                                  Diagnostics& diagnostics) const {
  CatalogStore store(folders_);
  CatalogResolver(store, diagnostics).resolve(document);
  std::vector<SourceFile> result;
  for (const auto& [path, file] : store.files()) {
    result.push_back({file.source, file.hash});
  }
  std::sort(result.begin(), result.end(), [](const SourceFile& a, const SourceFile& b) {
    return std::tie(a.name, a.hash) < std::tie(b.name, b.hash);
  });
  return result;
}

}  // namespace orrery
