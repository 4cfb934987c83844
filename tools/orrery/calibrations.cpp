#include "tools/orrery/calibrations.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "sim/base/errors.hpp"
#include "sim/base/hash.hpp"

namespace orrery {
namespace {

namespace fs = std::filesystem;

/// Path and name of each file, in the order of names.
std::vector<std::pair<std::string, std::string>> files_of(const std::string& folder) {
  std::vector<std::pair<std::string, std::string>> files;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() != ".json") continue;
    files.emplace_back(entry.path().string(), "calibration/" + entry.path().stem().string());
  }
  if (error) throw IoError("cannot list " + folder + ": " + error.message());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

std::vector<Calibration> load_calibrations(const std::string& folder,
                                           const Registry<OpModelFactory>& models) {
  std::vector<Calibration> calibrations;
  Diagnostics mistakes;
  for (const auto& [path, name] : files_of(folder)) {
    const JsonValue document = load_json(path, name + ".json");
    if (document.find("ops") == nullptr) continue;
    calibrations.push_back(read_calibration(JsonCursor(document, mistakes), models));
  }
  mistakes.throw_if_any();
  return calibrations;
}

std::vector<Catalog::SourceFile> calibration_sources(const std::string& folder) {
  std::vector<Catalog::SourceFile> sources;
  for (const auto& [path, name] : files_of(folder)) {
    const JsonValue document = load_json(path, name + ".json");
    if (document.find("ops") == nullptr) continue;
    sources.push_back({name, fnv1a_hex(to_text(document, false))});
  }
  return sources;
}

DeviceSpec device_named(const std::string& name, const std::string& where, const Catalog& catalog) {
  Diagnostics mistakes;
  JsonValue document = json_object({{"device", json_string(name)}});
  set_origin(document.members.front().value, {std::make_shared<const std::string>(where), ""});
  catalog.resolve(document, mistakes);
  mistakes.throw_if_any();
  DeviceSpec device = read_device(JsonCursor(document.members.front().value, mistakes));
  mistakes.throw_if_any();
  return device;
}

}  // namespace orrery
