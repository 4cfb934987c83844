#include "hw/catalog_resolver.hpp"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>

#include "hw/catalog_reference.hpp"
#include "sim/base/json_cursor.hpp"

namespace orrery {
namespace {

/// Below this key a link or a node is a part of the cluster, not an entry of the catalogue.
constexpr std::string_view kNamesOfParts = "faults";

using Kind = JsonValue::Kind;

constexpr std::size_t kMaximumChain = 32;
constexpr int kMaximumUses = 10'000;  // files that use each other twice grow as 2^depth

/// A cluster that consists of the one node that `use` names.
JsonValue cluster_of(const CatalogFile& node, const JsonValue& use) {
  const JsonValue* own = node.value.find("description");
  JsonValue cluster = json_object({{"description", own != nullptr ? *own : json_string("")},
                                   {"node", spelled_out(use)},
                                   {"nodes", json_integer(1)}});
  cluster.origin = use.origin;
  cluster.members.back().value.origin = use.origin;
  return cluster;
}

}  // namespace

void CatalogResolver::resolve(JsonValue& value, int depth) {
  if (depth > kMaximumJsonDepth) {
    error(value, "nested deeper than " + std::to_string(kMaximumJsonDepth) + " levels");
    return;
  }
  for (JsonValue& item : value.items) {
    resolve(item, depth + 1);
  }
  for (auto& [key, member] : value.members) {
    if (key == kNamesOfParts) continue;
    const std::string_view kind = kind_of_key(key);
    if (!kind.empty() && is_reference(member)) {
      resolve_reference(kind, member, depth + 1);
    } else {
      resolve(member, depth + 1);
    }
  }
}

void CatalogResolver::resolve_reference(std::string_view kind, JsonValue& place, int depth) {
  const std::size_t outer = chain_.size();
  if (std::optional<JsonValue> expanded = expand(kind, place)) {
    resolve(*expanded, depth);
    expanded->used_at = std::make_shared<const Origin>(place.origin);
    place = std::move(*expanded);
  }
  chain_.resize(outer);
}

std::optional<JsonValue> CatalogResolver::expand(std::string_view kind, const JsonValue& place) {
  const std::optional<Reference> reference = read_reference(place);
  if (!reference) {
    return std::nullopt;
  }
  const std::optional<Found> found = find(kind, reference->use);
  if (!found) {
    return std::nullopt;
  }
  std::optional<JsonValue> value = found->is_node_for_cluster
                                       ? cluster_of(*found->file, reference->use)
                                       : enter(kind, *found->file, reference->use);
  if (!value) {
    return std::nullopt;
  }
  bool starts_anew = false;
  for (const JsonValue* patch : {&reference->with, &reference->beside}) {
    // A link of another kind is not the one that was named.
    if (kind == "links" && is_of_another_kind(*value, *patch)) {
      starts_anew = true;
      *value = empty_object(patch->origin);
    }
    merge_override(*value, *patch);
  }
  if (starts_anew) return value;
  JsonValue name = json_string(name_of(*found->file));
  name.origin = reference->use.origin;
  const bool is_named_by_hand = found->file->value.find("name") != nullptr ||
                                reference->with.find("name") != nullptr ||
                                reference->beside.find("name") != nullptr;
  set_name(*value, std::move(name), !is_named_by_hand);
  return value;
}

std::optional<CatalogResolver::Reference> CatalogResolver::read_reference(const JsonValue& place) {
  if (++uses_ > kMaximumUses) {
    error(place, "more than " + std::to_string(kMaximumUses) + " references in one document");
    return std::nullopt;
  }
  Reference reference{
      .use = place, .with = empty_object(place.origin), .beside = empty_object(place.origin)};
  if (place.kind == Kind::string) {
    return reference;
  }
  const JsonValue* use = place.find("use");
  ORRERY_CHECK(use != nullptr, "a reference without use");
  if (use->kind != Kind::string) {
    error(*use, "expected the name of a catalogue entry or a file, got " + use->describe());
    return std::nullopt;
  }
  if (const JsonValue* with = place.find("with")) {
    if (with->kind != Kind::object) {
      error(*with, "expected an object with the fields to override, got " + with->describe());
      return std::nullopt;
    }
    if (const JsonValue* other = with->find("use")) {
      error(*other, "an override cannot name another entry");
      return std::nullopt;
    }
    reference.with = *with;
  }
  reference.use = *use;
  reference.beside.members = place.members;
  erase(reference.beside, "use");
  erase(reference.beside, "with");
  return reference;
}

std::optional<CatalogResolver::Found> CatalogResolver::find(std::string_view kind,
                                                            const JsonValue& use) {
  const bool may_be_node = kind == "clusters";
  const bool by_path = is_file(use.string);
  std::string_view folder = kind;
  if (!by_path && !store_.has(kind, use.string)) {
    if (!may_be_node || !store_.has("nodes", use.string)) {
      report_unknown(kind, use);
      return std::nullopt;
    }
    folder = "nodes";
  }
  try {
    if (!by_path) {
      return Found{&store_.entry(folder, use.string), folder != kind};
    }
    const auto path = std::filesystem::path(directory_of(use.origin)) / use.string;
    const CatalogFile& file = store_.file(path.string(), use.string);
    const bool is_node = file.value.find("device") != nullptr && !file.value.find("node");
    return Found{&file, may_be_node && is_node};
  } catch (const ScenarioError& mistakes) {
    for (const Diagnostic& diagnostic : mistakes.diagnostics()) {
      diagnostics_.add(diagnostic);
    }
  } catch (const IoError& io_error) {
    error(use, io_error.what());
  }
  return std::nullopt;
}

void CatalogResolver::report_unknown(std::string_view kind, const JsonValue& use) {
  std::vector<std::string> candidates = store_.names(kind);
  if (kind == "clusters") {
    const std::vector<std::string>& nodes = store_.names("nodes");
    candidates.insert(candidates.end(), nodes.begin(), nodes.end());
  }
  const std::string nearest = nearest_name(use.string, candidates);
  const std::string guess = nearest.empty() ? "; " : "; did you mean \"" + nearest + "\"? ";
  error(use, "no " + std::string(kind.substr(0, kind.size() - 1)) + " is named " + use.describe() +
                 guess + "`orrery list " + std::string(kind) + "` shows all");
}

std::optional<JsonValue> CatalogResolver::enter(std::string_view kind, const CatalogFile& file,
                                                const JsonValue& use) {
  const auto again = std::find(chain_.begin(), chain_.end(), &file);
  if (again != chain_.end()) {
    report_cycle(static_cast<std::size_t>(again - chain_.begin()), file, use);
    return std::nullopt;
  }
  if (chain_.size() >= kMaximumChain) {
    error(use, "more than " + std::to_string(kMaximumChain) + " entries that use one another");
    return std::nullopt;
  }
  if (file.value.kind != Kind::object) {
    error(file.value, "expected an object, got " + file.value.describe());
    return std::nullopt;
  }
  chain_.push_back(&file);
  return is_reference(file.value) ? expand(kind, file.value) : file.value;
}

void CatalogResolver::report_cycle(std::size_t first, const CatalogFile& file,
                                   const JsonValue& use) {
  bool is_known = false;
  std::string path;
  for (std::size_t index = first; index < chain_.size(); ++index) {
    is_known = !cyclic_.insert(chain_[index]->source).second || is_known;
    path += chain_[index]->name + " -> ";
  }
  if (!is_known) {
    error(use, "cyclic use: " + path + file.name);
  }
}

/// Known files say where they lie; the document itself, and an override, by its own path.
std::string CatalogResolver::directory_of(const Origin& origin) const {
  for (const auto& [path, file] : store_.files()) {
    if (file.value.origin.file == origin.file) {
      return file.directory;
    }
  }
  return origin.file ? std::filesystem::path(*origin.file).parent_path().string() : "";
}

void CatalogResolver::error(const JsonValue& place, const std::string& message) {
  report_at(place, message, diagnostics_);
}

}  // namespace orrery
