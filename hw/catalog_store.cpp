#include "hw/catalog_store.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <system_error>

#include "sim/base/errors.hpp"
#include "sim/base/hash.hpp"

namespace orrery {
namespace {

namespace fs = std::filesystem;

/// Only regular files: a pipe or a device could be waited for, or read, for ever.
std::string read_text(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::is_regular_file(status)) {
    throw IoError(path + (fs::is_directory(status) ? ": is a folder"
                          : fs::exists(status)     ? ": is no regular file"
                                                   : ": no such file"));
  }
  const std::uintmax_t size = fs::file_size(path, error);
  if (error || size > kMaximumJsonBytes) {
    throw IoError(path + ": larger than " + std::to_string(kMaximumJsonBytes) + " bytes");
  }
  std::ifstream stream(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  if (!stream) {
    throw IoError(path + ": cannot be read");
  }
  return text;
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator position(folder, error);
  for (; !error && position != fs::directory_iterator(); position.increment(error)) {
    if (position->path().extension() == ".json") {
      names.push_back(position->path().stem().string());
    }
  }
  if (error) {
    throw IoError(folder + ": cannot read this catalogue folder: " + error.message());
  }
  return names;
}

}  // namespace

bool is_file(std::string_view use) {
  return use.find('/') != std::string_view::npos || use.ends_with(".json");
}

std::string name_of(const CatalogFile& file) {
  if (!is_file(file.name)) {
    return file.name;
  }
  const fs::path path = file.name;
  // The file's name ends the path, so that the folder is its parent even behind "." and "..".
  const fs::path whole =
      fs::absolute(fs::path(file.directory) / path.filename()).lexically_normal();
  const fs::path folder = whole.parent_path().filename();
  return path.filename() == "config.json" && !folder.empty() ? folder.string()
                                                             : path.stem().string();
}

const std::vector<std::string>& CatalogStore::names(std::string_view kind) {
  const auto known = names_.find(kind);
  if (known != names_.end()) {
    return known->second;
  }
  std::vector<std::string> all;
  for (const auto& [folder_kind, folder] : folders_) {
    if (folder_kind == kind) {
      const std::vector<std::string> found = names_in(folder);
      all.insert(all.end(), found.begin(), found.end());
    }
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return names_.emplace(kind, std::move(all)).first->second;
}

bool CatalogStore::has(std::string_view kind, std::string_view name) {
  const std::vector<std::string>& all = names(kind);
  return std::binary_search(all.begin(), all.end(), name);
}

const CatalogFile& CatalogStore::entry(std::string_view kind, const std::string& name) {
  ORRERY_CHECK(has(kind, name), "no catalogue entry " + name);
  const std::string source = std::string(kind) + "/" + name;
  const std::string file_name = name + ".json";
  for (const auto& [folder_kind, folder] : folders_) {
    const std::string path = (fs::path(folder) / file_name).string();
    std::error_code error;
    if (folder_kind == kind && fs::exists(path, error)) {
      return read(path, name, source, source + ".json");
    }
  }
  throw IoError(source + ".json: is there no more");
}

const CatalogFile& CatalogStore::file(const std::string& path, const std::string& as_written) {
  return read(path, as_written, as_written, as_written);
}

const CatalogFile& CatalogStore::read(const std::string& path, const std::string& name,
                                      const std::string& source, const std::string& shown_as) {
  std::error_code error;
  fs::path real = fs::weakly_canonical(path, error);
  if (error) {
    real = path;
  }
  const auto known = files_.find(real.string());
  if (known != files_.end()) {
    return known->second;
  }
  const std::string text = read_text(path);
  CatalogFile file{.name = name,
                   .source = source,
                   .directory = fs::path(path).parent_path().string(),
                   .hash = fnv1a_hex(text),
                   .value = parse_json(text, shown_as)};
  // All values of a file share one pointer to its name: by it the resolver knows the file again.
  set_origin(file.value, {std::make_shared<const std::string>(shown_as), ""});
  return files_.emplace(real.string(), std::move(file)).first->second;
}

}  // namespace orrery
